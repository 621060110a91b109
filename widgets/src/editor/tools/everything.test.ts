// What was found in the whole image, looked through as a person does it: chosen, named, dropped, kept.
import { beforeEach, expect, test } from "vitest";
import { Editor, type PointerOptions } from "../editor";
import { type Bits, emptyBits, setBit } from "../masks";
import { type Shape, newShape } from "../records";
import { EditorDocument } from "../selecting";

let editor: Editor;
let document: EditorDocument;
let ended: number;

const p = (x: number, y: number) => ({ x, y });
const click = (x: number, y: number, options: PointerOptions = {}) => {
  editor.pointerDown(p(x, y), options);
  editor.pointerUp(p(x, y), options);
};
const drag = (from: [number, number], to: [number, number], options: PointerOptions = {}) => {
  editor.pointerDown(p(...from), options);
  editor.pointerMove(p(...to), options);
  editor.pointerUp(p(...to), options);
};
const square = (x: number, y: number, side: number): Bits => {
  const bits = emptyBits([x, y, side, side]);
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) setBit(bits, x + i, y + j);
  return bits;
};
const shapes = () => [...document.store.all()];
const chosen = () => editor.everything.chosen.map(({ mask }) => mask.window[2]);
const left = () => editor.everything.shown.map(({ mask }) => mask.window[2]);

beforeEach(() => {
  let made = 0;
  ended = 0;
  editor = new Editor({ newId: () => `shape-${++made}`, onSweepEnded: () => ended++ });
  editor.viewport.resize({ w: 432, h: 332 });
  document = new EditorDocument(1, { w: 400, h: 300 });
  editor.open(document);
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  editor.classId = 7;
  editor.use("everything");
  ended = 0;
  // A small one on a large one, and one aside.
  editor.everything.found([
    { mask: square(20, 20, 10), score: 0.6 },
    { mask: square(10, 10, 60), score: 0.9 },
    { mask: square(200, 100, 30), score: 0.8 },
    { mask: emptyBits([0, 0, 0, 0]), score: 0.99 },
  ]);
});

test("the largest comes first, so that a click means the smallest under it", () => {
  expect(left()).toEqual([60, 30, 10]);
  click(25, 25);
  expect(chosen()).toEqual([10]);
  click(60, 60);
  expect(chosen()).toEqual([60]);
  click(210, 110, { shift: true });
  expect(chosen()).toEqual([60, 30]);
  click(60, 60, { ctrl: true });
  expect(chosen()).toEqual([30]);
  click(390, 290);
  expect(chosen()).toEqual([]);
});

test("a drag takes in what lies wholly inside", () => {
  drag([5, 5], [50, 50]);
  expect(chosen()).toEqual([10]);
  drag([190, 90], [240, 140], { shift: true });
  expect(chosen()).toEqual([30, 10]);
});

test("many get a class at once, and Enter keeps the chosen ones: one step of undo", () => {
  editor.everything.chooseAll();
  editor.setClass(3);
  click(210, 110);
  editor.setClass(4);
  editor.everything.chooseAll();
  click(25, 25, { shift: true });
  editor.dispatch({ type: "accept" });
  expect(shapes().map(({ class_id, geometry }) => [class_id, geometry.kind, geometry.box[2]])).toEqual([[3, "mask", 60], [4, "mask", 30]]);
  expect(left()).toEqual([10]);
  editor.undo();
  expect(shapes()).toEqual([]);
});

test("without any chosen Enter keeps all that are shown, of the class in hand and in the wand's form", () => {
  editor.everything.making = { form: "box", tolerancePx: 1 };
  editor.everything.limit({ scoreMin: 0.7 });
  editor.dispatch({ type: "accept" });
  expect(shapes().map(({ class_id, geometry }) => [class_id, geometry.kind])).toEqual([[7, "box"], [7, "box"]]);
  expect(left()).toEqual([]);
  editor.everything.limit({ scoreMin: 0 });
  expect(left()).toEqual([10]);
});

test("what is under a limit is neither shown nor chosen", () => {
  editor.everything.chooseAll();
  editor.everything.limit({ areaMin: 500 });
  expect(left()).toEqual([60, 30]);
  expect(chosen()).toEqual([60, 30]);
});

test("what was dropped or named comes back", () => {
  click(25, 25);
  editor.setClass(3);
  editor.everything.drop();
  expect(left()).toEqual([60, 30]);
  editor.undo();
  expect(editor.everything.shown.at(-1)!.classId).toBe(3);
  editor.undo();
  expect(editor.everything.shown.at(-1)!.classId).toBe(null);
  expect(editor.dispatch({ type: "back" })).toBe(false);
});

test("Esc lets go of what is chosen, then of all; another tool leaves it for later", () => {
  click(25, 25);
  editor.use("box");
  editor.use("everything");
  expect(left()).toHaveLength(3);
  editor.dispatch({ type: "cancel" });
  expect([chosen(), left().length, ended]).toEqual([[], 3, 0]);
  editor.dispatch({ type: "cancel" });
  expect([left().length, ended, editor.state]).toEqual([0, 1, "everything.idle"]);
  expect(editor.dispatch({ type: "cancel" })).toBe(false);
});

test("while it is looked for Esc stops the search", () => {
  editor.everything.end();
  editor.everything.wait();
  expect(editor.state).toBe("everything.waiting");
  editor.dispatch({ type: "cancel" });
  expect([editor.state, ended]).toEqual(["everything.idle", 1]);
});

test("masks of boxes take the place of their boxes, in one step; a box whose mask was dropped stays a box", () => {
  const boxes = [10, 100, 200].map((x, n): Shape => ({ ...newShape(`b${n}`, n, { kind: "box", box: [x, 10, 40, 40] }), attributes: { n } }));
  document.store.change("remote", (draft) => boxes.forEach(draft.put));
  editor.everything.found(boxes.map(({ id, geometry: { box: [x] } }) => ({ mask: square(x + 5, 15, 20), score: 0.9, id })));
  editor.everything.making = { form: "box", tolerancePx: 1 };
  expect(editor.tool.hint()).toContain("gives each box its mask");
  click(210, 20);
  editor.everything.drop();
  click(110, 20);
  editor.setClass(7);
  editor.dispatch({ type: "cancel" });
  editor.dispatch({ type: "accept" });
  const all = () => [...document.store.all()].map(({ id, class_id, geometry, attributes }) => [id, class_id, geometry.kind, attributes["n"]]);
  expect(all()).toEqual([["b0", 0, "mask", 0], ["b1", 7, "mask", 1], ["b2", 2, "box", 2]]);
  editor.undo();
  expect(all()).toEqual([["b0", 0, "box", 0], ["b1", 1, "box", 1], ["b2", 2, "box", 2]]);
});
