// The SAM tool, driven as a person drives it: what is asked, what is shown, what becomes shapes.
import { beforeEach, expect, test } from "vitest";
import { Editor, type PointerOptions } from "../editor";
import { type Bits, emptyBits, setBit } from "../masks";
import type { Answer, Glimpse, Question } from "../prompted";
import { polygon } from "../geometry";
import { type Shape, newShape } from "../records";
import { EditorDocument } from "../selecting";
import { samDefaults } from "./sam";

let editor: Editor;
let document: EditorDocument;
let asked: [number | null, Question | null][];
let peeked: ({ x: number; y: number } | null)[];

beforeEach(() => {
  let made = 0;
  asked = [];
  peeked = [];
  editor = new Editor({
    newId: () => `shape-${++made}`,
    onPrompt: (object, question) => asked.push([object, question]),
    onPeek: (peek) => peeked.push(peek && peek.at),
  });
  editor.viewport.resize({ w: 432, h: 332 });
  document = new EditorDocument(1, { w: 400, h: 300 });
  editor.open(document);
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  editor.use("sam");
  asked = [];
  peeked = [];
});

const p = (x: number, y: number) => ({ x, y });
const click = (x: number, y: number, options: PointerOptions = {}) => {
  editor.pointerDown(p(x, y), options);
  editor.pointerUp(p(x, y), options);
};
const drag = (from: [number, number], to: [number, number], options: PointerOptions = {}) => {
  editor.pointerDown(p(...from), options);
  editor.pointerMove(p((from[0] + to[0]) / 2, (from[1] + to[1]) / 2), options);
  editor.pointerMove(p(...to), options);
  editor.pointerUp(p(...to), options);
};
const square = (x: number, y: number, side = 10): Bits => {
  const bits = emptyBits([x, y, side, side]);
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) setBit(bits, x + i, y + j);
  return bits;
};
let answers = 100;
const answerOf = (...masks: Bits[]): Answer => ({ id: ++answers, candidates: masks.map((mask, i) => ({ mask, score: 0.9 - 0.2 * i })) });
const latest = (): Question => asked.at(-1)![1]!;
const answer = (...masks: Bits[]): number => {
  editor.answer(latest().turn, answerOf(...masks));
  return answers;
};
const enter = () => editor.dispatch({ type: "accept" });
const shapes = () => [...document.store.all()];
const preview = () => {
  const found = editor.preview;
  if (found && found.kind !== "prompts") throw new Error(found.kind);
  return found;
};

test("left is in, right is out, a drag is a box; Enter makes the mask a shape", () => {
  click(25, 25);
  expect(editor.state).toBe("sam.prompting");
  click(60, 60, { button: "right" });
  drag([10, 10], [40, 40]);
  expect(asked.map(([, question]) => question?.prompts)).toEqual([
    { points: [p(25, 25)], labels: [1], box: null },
    { points: [p(25, 25), p(60, 60)], labels: [1, 0], box: null },
    { points: [p(25, 25), p(60, 60)], labels: [1, 0], box: [10, 10, 30, 30] },
  ]);
  answer(square(20, 20));
  enter();
  expect(shapes()[0]?.geometry).toMatchObject({ kind: "mask", box: [20, 20, 10, 10], size: [300, 400] });
  expect(editor.state).toBe("sam.idle");
});

test("the next click corrects the candidate that is shown; for a new box nothing is corrected", () => {
  click(25, 25);
  const first = answer(square(20, 20), square(15, 15, 20), square(0, 0, 60));
  expect(latest().refines).toBeNull();
  expect(editor.sam.cycle(1)).toBe(true);
  click(60, 60, { button: "right" });
  expect(latest().refines).toEqual({ answer: first, candidate: 1 });
  // Its answer is not there yet: there is nothing to correct.
  click(61, 61, { button: "right" });
  expect(latest().refines).toBeNull();
  answer(square(20, 20));
  drag([10, 10], [40, 40]);
  expect(latest().refines).toBeNull();
});

test("the candidates go round, forwards and back, and Enter takes the one that is shown", () => {
  click(25, 25);
  expect(editor.sam.cycle(1)).toBe(false);
  answer(square(20, 20), square(15, 15, 20), square(0, 0, 60));
  const sides = [1, 1, 1, -1].map((by) => {
    editor.sam.cycle(by as 1 | -1);
    return preview()!.mask!.window[2];
  });
  expect(sides).toEqual([20, 60, 10, 60]);
  enter();
  expect(shapes()[0]?.geometry.box).toEqual([0, 0, 60, 60]);
});

test("an answer that was overtaken is not painted over the newer one", () => {
  click(25, 25);
  const former = latest().turn;
  click(60, 60);
  answer(square(50, 50));
  editor.answer(former, answerOf(square(20, 20)));
  expect(preview()!.mask!.window).toEqual([50, 50, 10, 10]);
});

test("an empty mask says that nothing was found, and Enter makes nothing of it", () => {
  click(25, 25);
  answer(emptyBits([0, 0, 0, 0]));
  expect(editor.tool.hint()).toContain("Nothing found");
  enter();
  expect(shapes()).toEqual([]);
});

test("Enter before the mask is there accepts it when it comes", () => {
  click(25, 25);
  enter();
  expect(shapes()).toEqual([]);
  answer(square(20, 20));
  expect(shapes()).toHaveLength(1);
});

test("Backspace shows the mask before the last click without asking, and asks where that never came", () => {
  click(25, 25);
  answer(square(20, 20), square(15, 15, 20));
  editor.sam.cycle(1);
  click(60, 60);
  answer(square(0, 0, 80));
  const so = asked.length;
  editor.dispatch({ type: "back" });
  expect(preview()).toMatchObject({ mask: { window: [15, 15, 20, 20] }, waiting: false, prompts: { points: [p(25, 25)] } });
  expect(asked.slice(so).filter(([, question]) => question)).toEqual([]);
  editor.dispatch({ type: "back" });
  expect(editor.state).toBe("sam.idle");

  click(25, 25);
  click(60, 60);
  editor.dispatch({ type: "back" });
  expect(latest().prompts).toEqual({ points: [p(25, 25)], labels: [1], box: null });
  answer(square(20, 20));
  expect(preview()!.mask!.window).toEqual([20, 20, 10, 10]);
});

test("Esc drops the mask, and an answer that comes later makes nothing", () => {
  click(25, 25);
  const { turn } = latest();
  editor.dispatch({ type: "cancel" });
  expect(asked.at(-1)).toEqual([1, null]);
  editor.answer(turn, answerOf(square(20, 20)));
  enter();
  expect(shapes()).toEqual([]);
});

test("with Ctrl several objects are collected, each with its class, and accepted as one step of undo", () => {
  editor.setClass(1);
  click(25, 25);
  answer(square(20, 20));
  editor.setClass(2);
  click(105, 105, { ctrl: true });
  // The second asks of an object of its own.
  expect(asked.at(-1)![0]).not.toBe(asked[0]![0]);
  expect(latest().prompts.points).toEqual([p(105, 105)]);
  expect(preview()!.kept).toMatchObject([{ classId: 1 }]);
  answer(square(100, 100));
  click(205, 205, { ctrl: true });
  enter();
  // The third is on its way: all wait for it.
  expect(shapes()).toEqual([]);
  answer(square(200, 200));
  expect(shapes().map(({ class_id, geometry }) => [class_id, geometry.box[0]])).toEqual([[1, 20], [2, 100], [2, 200]]);
  editor.undo();
  expect(shapes()).toEqual([]);
});

test("what is collected is answered later too, can be taken up again, and Esc drops it after the object in hand", () => {
  click(25, 25);
  const first = latest().turn;
  click(105, 105, { ctrl: true });
  answer(square(100, 100));
  editor.answer(first, answerOf(square(20, 20)));
  expect(preview()!.kept[0]!.mask.window).toEqual([20, 20, 10, 10]);
  editor.dispatch({ type: "back" });
  expect(editor.tool.hint()).toContain("1 collected");
  editor.dispatch({ type: "back" });
  expect(preview()).toMatchObject({ kept: [], mask: { window: [20, 20, 10, 10] } });
  click(105, 105, { ctrl: true });
  editor.dispatch({ type: "cancel" });
  editor.dispatch({ type: "cancel" });
  expect(editor.preview).toBeNull();
  expect(editor.dispatch({ type: "cancel" })).toBe(false);
});

test("another image, or another tool, keeps what was collected where it belongs", () => {
  click(25, 25);
  answer(square(20, 20));
  click(105, 105, { ctrl: true });
  editor.open(new EditorDocument(2, { w: 400, h: 300 }));
  expect(shapes().map(({ geometry }) => geometry.box)).toEqual([[20, 20, 10, 10]]);
  expect([...editor.document!.store.all()]).toEqual([]);
  expect(asked.at(-1)).toEqual([null, null]);
});

test("sticky: each click is an object of its own, made a shape as its answer comes; Shift adds to it", () => {
  editor.sam.options = { ...samDefaults, sticky: true };
  click(25, 25);
  const first = latest().turn;
  click(105, 105);
  expect(shapes()).toEqual([]);
  editor.answer(first, answerOf(square(20, 20)));
  expect(shapes().map(({ geometry }) => geometry.box[0])).toEqual([20]);
  answer(square(100, 100));
  click(110, 110, { shift: true });
  expect(latest().prompts.points).toEqual([p(105, 105), p(110, 110)]);
  answer(square(100, 100, 20));
  click(205, 205);
  expect(shapes().map(({ geometry }) => geometry.box[2])).toEqual([10, 20]);
});

test("a mask is accepted as a polygon or as a box too", () => {
  for (const form of ["polygon", "box"] as const) {
    editor.sam.options = { ...samDefaults, form };
    click(25, 25);
    answer(square(20, 20));
    enter();
  }
  expect(shapes().map(({ geometry }) => [geometry.kind, ...geometry.box])).toEqual([["polygon", 20, 20, 10, 10], ["box", 20, 20, 10, 10]]);
});

const light = (one: Glimpse) => editor.sam.glimpse(one, editor.pointerAt!);
const glimpse = (x: number, y: number, side = 40): Glimpse => ({ cells: square(0, 0, 8), box: [x, y, side, side], score: 0.8 });

test("while the pointer moves, what a click means is asked; it is shown as long as the pointer is on it", () => {
  editor.pointerMove(p(50, 50));
  expect(peeked.at(-1)).toEqual(p(50, 50));
  light(glimpse(40, 40));
  expect(preview()!.glimpse).not.toBeNull();
  editor.pointerMove(p(60, 60));
  expect(preview()!.glimpse).not.toBeNull();
  editor.pointerMove(p(200, 200));
  expect(editor.preview).toBeNull();
  // An answer that comes for where the pointer was is not shown where it is not.
  light(glimpse(40, 40));
  expect(editor.preview).toBeNull();
  editor.pointerMove(p(50, 50));
  light(glimpse(40, 40));
  editor.dispatch({ type: "leave" });
  expect(editor.preview).toBeNull();
  expect(peeked.at(-1)).toBeNull();
});

test("a click stops the asking and keeps what is lit until its own mask is there", () => {
  editor.pointerMove(p(50, 50));
  light(glimpse(40, 40));
  click(50, 50);
  expect(peeked.at(-1)).toBeNull();
  expect(preview()).toMatchObject({ waiting: true, mask: null, glimpse: { score: 0.8 } });
  editor.pointerMove(p(90, 90));
  expect(peeked.at(-1)).toBeNull();
  answer(square(45, 45));
  expect(preview()!.glimpse).toBeNull();
  // Late: the click has been answered.
  light(glimpse(40, 40));
  expect(preview()!.glimpse).toBeNull();
});

test("with hovering off nothing is asked, nor beside the image", () => {
  editor.pointerMove(p(420, 50));
  expect(peeked.filter(Boolean)).toEqual([]);
  editor.sam.options = { ...samDefaults, hover: false };
  editor.pointerMove(p(50, 50));
  expect(peeked.filter(Boolean)).toEqual([]);
});

test("hovering over an object in hand asks what one more click would make of it", () => {
  const peeks: unknown[] = [];
  editor.peek = (peek) => void peeks.push(peek);
  click(25, 25);
  editor.pointerMove(p(30, 30));
  // Not while its own answer is under way.
  expect(peeks.at(-1)).toBe(null);
  const id = answer(square(20, 20), square(0, 0, 60));
  editor.sam.cycle(1);
  editor.pointerMove(p(50, 40));
  expect(peeks.at(-1)).toEqual({ at: p(50, 40), object: { prompts: { points: [p(25, 25)], labels: [1], box: null }, refines: { answer: id, candidate: 1 } } });
  const cells = square(0, 0, 8);
  editor.sam.glimpse({ cells, box: [40, 30, 20, 20], score: 0.8 }, p(50, 40));
  expect(preview()).toMatchObject({ glimpse: { score: 0.8 }, mask: { window: [0, 0, 60, 60] } });
  // A click is asked in earnest, and what was lit goes with its answer; Enter accepts the mask, never the glimpse.
  click(50, 40);
  answer(square(20, 20));
  expect(preview()?.glimpse).toBe(null);
  editor.sam.options = { ...samDefaults, sticky: true };
  editor.pointerMove(p(70, 70));
  expect(peeks.at(-1)).toEqual({ at: p(70, 70), object: null });
});

test("a polygon departs from the mask by as much as is allowed", () => {
  const corners = (tolerancePx: number): number => {
    editor.sam.options = { ...samDefaults, form: "polygon", tolerancePx };
    click(50, 50);
    const disc = emptyBits([20, 20, 60, 60]);
    for (let x = 20; x < 80; x++) for (let y = 20; y < 80; y++) if (Math.hypot(x - 50, y - 50) < 29) setBit(disc, x, y);
    answer(disc);
    enter();
    const { geometry } = shapes().at(-1)!;
    return geometry.kind === "polygon" ? geometry.parts[0]!.length / 2 : 0;
  };
  const [fine, coarse] = [corners(0.5), corners(8)];
  expect(coarse).toBeGreaterThanOrEqual(3);
  expect(coarse).toBeLessThan(fine / 2);
});

const stored = (id: string, geometry: Shape["geometry"], more: Partial<Shape> = {}): Shape => {
  const shape = { ...newShape(id, 3, geometry), attributes: { night: true }, ...more };
  document.store.change("remote", (draft) => draft.put(shape));
  return shape;
};
const begin = (id: string) => {
  editor.sam.refine(document.store.get(id)!);
  return latest();
};

test("a polygon is its own prompt, is corrected by clicks, and gets the outline that comes; all else stays", () => {
  const geometry = polygon([[20, 20, 40, 20, 40, 40, 20, 40]]);
  stored("a", geometry, { track: { id: "t", keyframe: true, outside: false } });
  expect(begin("a")).toMatchObject({ prompts: { points: [], box: [20, 20, 20, 20], outline: geometry }, refines: null });
  const first = answer(square(20, 20, 30));
  click(60, 60);
  expect(latest()).toMatchObject({ prompts: { points: [{ x: 60, y: 60 }], labels: [1], outline: geometry }, refines: { answer: first, candidate: 0 } });
  answer(square(20, 20, 50));
  expect(editor.tool.hint()).toContain("gives the shape this outline");
  enter();
  expect(shapes()).toMatchObject([{ id: "a", class_id: 3, attributes: { night: true }, track: { id: "t" }, geometry: { kind: "polygon", box: [20, 20, 50, 50] } }]);
  editor.undo();
  expect(shapes()).toMatchObject([{ geometry }]);
});

test("a box is a box prompt and stays a box, unless another form is chosen", () => {
  stored("a", { kind: "box", box: [10, 10, 40, 40] });
  expect(begin("a").prompts).toEqual({ points: [], labels: [], box: [10, 10, 40, 40], outline: undefined });
  answer(square(20, 20, 20));
  enter();
  expect(shapes()).toMatchObject([{ geometry: { kind: "box", box: [20, 20, 20, 20] } }]);
  begin("a");
  expect([editor.sam.refining, editor.sam.reform("mask"), editor.sam.refining]).toEqual(["box", true, "mask"]);
  answer(square(20, 20, 20));
  enter();
  expect(shapes()).toMatchObject([{ id: "a", geometry: { kind: "mask" } }]);
  expect(editor.sam.reform("mask")).toBe(false);
});

test("rotated boxes and ellipses keep their kinds, and a shape that is gone meanwhile is drawn anew", () => {
  const turned = { center: [40, 40], size: [30, 20], angle: 0 } as const;
  for (const kind of ["rotated", "ellipse"] as const) {
    stored(kind, { kind, box: [25, 30, 30, 20], turned: { ...turned, center: [40, 40], size: [30, 20] } });
    begin(kind);
    answer(square(30, 30, 20));
    enter();
    expect(document.store.get(kind)!.geometry).toMatchObject({ kind, box: [expect.closeTo(30, -1), expect.anything(), expect.anything(), expect.anything()] });
  }
  begin("ellipse");
  document.store.change("remote", (draft) => draft.remove("ellipse"));
  answer(square(30, 30, 20));
  enter();
  expect(shapes().map(({ geometry }) => geometry.kind)).toEqual(["rotated", "ellipse"]);
  expect(document.store.get("ellipse")).toBeUndefined();
});

test("what was selected as the wand was taken up is offered, and what is in hand is kept beside what is refined", () => {
  stored("a", { kind: "box", box: [10, 10, 40, 40] });
  editor.use("select");
  editor.select("a");
  editor.use("sam");
  expect([editor.sam.offered, editor.selectedIds]).toEqual(["a", []]);
  click(200, 200);
  answer(square(190, 190, 20));
  begin("a");
  answer(square(12, 12, 20));
  enter();
  expect(shapes().map(({ id, geometry }) => [id, geometry.kind])).toEqual([["a", "box"], ["shape-1", "mask"]]);
  editor.use("box");
  expect(editor.sam.offered).toBeNull();
});
