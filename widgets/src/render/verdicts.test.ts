// What a canvas makes of verdicts: colours, mistakes and counts at a confidence.
import { expect, test } from "vitest";
import { alone } from "../editor/records";
import type { VerdictsReply } from "../wire.gen";
import { type Overlay, countAbove } from "./overlay";
import { Palette } from "./palette";
import { colorOfOutcome, matchColors, mistakesOf, standings, tallyOf, verdictsOf } from "./verdicts";

const overlay: Overlay = {
  count: 5, boxes: new Float32Array(20), scores: new Float32Array([0.9, 0.8, 0.7, 0.95, 0.3]), classIds: new Int32Array(5), masks: null,
};
const reply: VerdictsReply = {
  image_id: 4, run_id: 1, iou: 0.5, kind: "bbox", covered: true, seq: 3, shapes: ["found", "late", "missed", "crowd"], errors: ["classification", "background"],
};

/** As a comm gives them: at any byte of a larger buffer. */
function view(array: Uint8Array | Int32Array | Float32Array): DataView {
  const bytes = new Uint8Array(array.byteLength + 3);
  bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 3);
  return new DataView(bytes.buffer, 3, array.byteLength);
}

const verdicts = verdictsOf(reply, [
  new Uint8Array([1, 2, 2, 3, 1]), new Uint8Array([255, 1, 0, 255, 255]), new Int32Array([0, -1, 2, 3, 1]), new Float32Array([0.8, 0, 0.6, 0.9, 0.7]),
  new Int32Array([0, 4, -1, -1]), new Uint8Array([1, 1, 1, 0]),
].map(view));

test("a shape whose finder is not so sure is missed", () => {
  expect([...standings(verdicts, overlay, 0.25).values()]).toEqual(["found", "found", "missed", "spare"]);
  expect([...standings(verdicts, overlay, 0.5).values()]).toEqual(["found", "missed", "missed", "spare"]);
});

test("mistakes are ghosts, the surest first, then misses", () => {
  expect(mistakesOf(verdicts, overlay, 0.25)).toEqual([{ kind: "ghost", place: 1 }, { kind: "ghost", place: 2 }, { kind: "miss", shapeId: "missed" }]);
  expect(mistakesOf(verdicts, overlay, 0.75)).toEqual([{ kind: "ghost", place: 1 }, { kind: "miss", shapeId: "late" }, { kind: "miss", shapeId: "missed" }]);
  expect(tallyOf(verdicts, overlay, 0.75)).toEqual({ hits: 1, ghosts: 1, misses: 2 });
  expect(mistakesOf({ ...verdicts, covered: false }, overlay, 0.25)).toEqual([]);
});

test("a score of 0.9 is not below a confidence of 0.9, though float32 says so", () => {
  expect(overlay.scores[0]! < 0.9).toBe(true);
  expect(countAbove(overlay, 0.9)).toBe(2);
  expect(tallyOf(verdicts, overlay, 0.9).hits).toBe(1);
});

test("shapes and predictions have the colours of their outcomes, and a missed shape says so", () => {
  const palette = new Palette();
  palette.by = "match";
  palette.standings = standings(verdicts, overlay, 0.5);
  const colors = ["found", "late", "crowd", "drawn just now"].map((id) => palette.colorOf({ id, class_id: 1, track: alone, attributes: {} }));
  expect(colors).toEqual([matchColors.hit, matchColors.miss, matchColors.none, matchColors.none]);
  expect([0, 1, 3].map((place) => colorOfOutcome(verdicts, place))).toEqual([matchColors.hit, matchColors.ghost, matchColors.none]);
  expect(palette.title({ id: "late", class_id: 1 })).toBe("class 1 · missed");
  palette.by = "class";
  expect(palette.title({ id: "late", class_id: 1 })).toBe("class 1");
});
