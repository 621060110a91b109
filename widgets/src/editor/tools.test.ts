// Each tool as a hand drives it.
import { beforeEach, describe, expect, test } from "vitest";
import { Editor } from "./editor";
import { EditorDocument } from "./selecting";
import { bitAt, bitsOf } from "./masks";
import type { Shape } from "./records";

let editor: Editor;
let document: EditorDocument;

beforeEach(() => {
  let made = 0;
  editor = new Editor({ newId: () => `shape-${++made}` });
  editor.viewport.resize({ w: 432, h: 332 });
  document = new EditorDocument(1, { w: 400, h: 300 });
  editor.open(document);
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
});

const p = (x: number, y: number) => ({ x, y });
const shapes = (): Shape[] => [...document.store.all()];
function move(...places: [number, number][]): void {
  for (const [x, y] of places) editor.pointerMove(p(x, y));
}
function click(x: number, y: number, options = {}): void {
  editor.pointerMove(p(x, y), options);
  editor.pointerDown(p(x, y), options);
  editor.pointerUp(p(x, y), options);
}
function drag(places: [number, number][], options = {}): void {
  editor.pointerDown(p(...places[0]!), options);
  for (const place of places) editor.pointerMove(p(...place), options);
  editor.pointerUp(p(...places.at(-1)!), options);
}

describe("the rotated box", () => {
  test("one side by a drag, its depth by a click", () => {
    editor.use("rotated");
    drag([[100, 100], [150, 100], [200, 200]]);
    expect(editor.state).toBe("rotated.depth");
    move([120, 220]);
    click(110, 220);
    const [shape] = shapes();
    expect(shape!.geometry).toMatchObject({ kind: "rotated" });
    const { turned } = shape!.geometry as Extract<Shape["geometry"], { kind: "rotated" }>;
    expect(turned.size[0]).toBeCloseTo(Math.hypot(100, 100), 1);
    expect(turned.angle).toBeCloseTo(Math.PI / 4, 3);
    expect(editor.selectedId).toBe(shape!.id);
  });

  test("by three clicks, on whichever side the third is", () => {
    editor.use("rotated");
    click(100, 100);
    click(200, 100);
    click(150, 60);
    expect(shapes()[0]!.geometry).toMatchObject({ box: [100, 60, 100, 40], turned: { center: [150, 80], size: [100, 40], angle: 0 } });
  });

  test("its knob turns it", () => {
    editor.use("rotated");
    for (const [x, y] of [[100, 100], [200, 100], [150, 140]] as const) click(x, y);
    // 22 px above its upper side.
    drag([[150, 78], [200, 80], [250, 120]]);
    expect(shapes()[0]!.geometry).toMatchObject({ turned: { center: [150, 120], size: [100, 40], angle: Math.round((Math.PI / 2) * 1e5) / 1e5 } });
    editor.undo();
    expect(shapes()[0]!.geometry).toMatchObject({ turned: { angle: 0 } });
  });
});

test("an ellipse fills the box that is drawn", () => {
  editor.use("ellipse");
  drag([[50, 60], [90, 80], [150, 120]]);
  expect(shapes()[0]!.geometry).toEqual({ kind: "ellipse", box: [50, 60, 100, 60], turned: { center: [100, 90], size: [100, 60], angle: 0 } });
});

describe("lines and points", () => {
  test("a line ends with Enter, and never closes", () => {
    editor.use("polyline");
    for (const [x, y] of [[10, 10], [90, 10], [90, 90], [12, 11]] as const) click(x, y);
    expect(editor.dispatch({ type: "accept" })).toBe(true);
    expect(shapes()[0]!.geometry).toEqual({ kind: "polyline", box: [10, 10, 80, 80], parts: [[10, 10, 90, 10, 90, 90, 12, 11]] });
  });

  test("points are one shape; Backspace takes one back", () => {
    editor.use("points");
    for (const [x, y] of [[10, 10], [90, 10], [50, 50]] as const) click(x, y);
    editor.dispatch({ type: "back" });
    editor.again();
    expect(shapes()[0]!.geometry).toEqual({ kind: "points", box: [10, 10, 80, 0], points: [[10, 10], [90, 10]] });
  });

  test("a line over a box is what a click on it means", () => {
    editor.use("box");
    drag([[0, 0], [50, 50], [200, 200]]);
    editor.use("polyline");
    click(20, 100);
    click(180, 100);
    editor.dispatch({ type: "accept" });
    editor.select(null);
    click(100, 101);
    expect(editor.selected?.geometry.kind).toBe("polyline");
  });
});

describe("keypoints", () => {
  beforeEach(() => {
    editor.labels = new Map([[0, { keypoints: ["nose", "left eye", "right eye"], attributes: [] }]]);
    editor.use("keypoints");
  });

  test("are asked for by name, may be hidden or missing, and end by themselves", () => {
    expect(editor.tool.hint()).toContain("nose (1 of 3)");
    click(50, 50);
    expect(editor.tool.hint()).toContain("left eye (2 of 3)");
    click(60, 40, { shift: true });
    click(0, 0, { button: "right" });
    expect(shapes()[0]!.geometry).toEqual({ kind: "keypoints", box: [50, 40, 10, 10], points: [[50, 50, 2], [60, 40, 1], [0, 0, 0]] });
  });

  test("Enter leaves the rest unlabelled", () => {
    click(50, 50);
    editor.dispatch({ type: "accept" });
    expect(shapes()[0]!.geometry).toMatchObject({ points: [[50, 50, 2], [0, 0, 0], [0, 0, 0]] });
  });

  test("a class without any has none to place", () => {
    editor.setClass(9);
    click(50, 50);
    expect(shapes()).toEqual([]);
    expect(editor.tool.hint()).toContain("no keypoints");
  });
});

test("a new shape has its class's defaults; a described one is one step of undo", () => {
  const coat = { name: "coat", kind: "select" as const, choices: ["red", "blue"], default: "red", low: null, high: null };
  const age = { name: "age", kind: "number" as const, choices: [], default: null, low: 0, high: 120 };
  editor.labels = new Map([[0, { keypoints: [], attributes: [coat, age] }]]);
  editor.use("box");
  drag([[10, 10], [30, 30], [60, 60]]);
  const { id } = shapes()[0]!;
  expect(shapes()[0]!.attributes).toEqual({ coat: "red" });
  editor.describe(id, "age", 30);
  editor.describe(id, "coat", undefined);
  expect(shapes()[0]!.attributes).toEqual({ age: 30 });
  editor.undo();
  expect(shapes()[0]!.attributes).toEqual({ coat: "red", age: 30 });
  editor.toggleOccluded();
  expect(shapes()[0]!.attributes).toEqual({ coat: "red", age: 30, occluded: true });
  editor.toggleOccluded();
  expect(shapes()[0]!.attributes).toEqual({ coat: "red", age: 30 });
});

describe("the brush", () => {
  const has = (x: number, y: number): boolean => {
    const geometry = shapes()[0]!.geometry;
    return geometry.kind === "mask" && bitAt(bitsOf(geometry), x, y);
  };

  test("a stroke is a mask, another adds to it, the right button takes away, each a step of undo", () => {
    editor.use("brush");
    drag([[50, 50], [100, 50]]);
    expect(shapes()).toHaveLength(1);
    expect(editor.state).toBe("brush.idle");
    drag([[100, 50], [100, 100]]);
    expect(shapes()).toHaveLength(1);
    expect([has(60, 50), has(100, 90), has(60, 90)]).toEqual([true, true, false]);
    drag([[75, 30], [75, 70]], { button: "right" });
    expect([has(75, 50), has(55, 50)]).toEqual([false, true]);
    editor.undo();
    expect(has(75, 50)).toBe(true);
    editor.undo();
    expect(has(100, 90)).toBe(false);
    editor.redo();
    expect(has(100, 90)).toBe(true);
  });

  test("Enter lets go of the mask: the next stroke begins another", () => {
    editor.use("brush");
    drag([[50, 50], [100, 50]]);
    editor.again();
    drag([[200, 50], [250, 50]]);
    expect(shapes()).toHaveLength(2);
  });

  test("the eraser goes on with the selected mask, and else takes the first that it meets", () => {
    editor.use("brush");
    drag([[50, 50], [100, 50]]);
    editor.use("eraser");
    expect(editor.selectedId).not.toBeNull();
    drag([[75, 20], [75, 80]]);
    expect(has(75, 50)).toBe(false);
    editor.select(null);
    drag([[60, 20], [60, 50], [60, 80]]);
    expect(has(60, 50)).toBe(false);
  });

  test("the eraser works on the mask it is put to, and deletes it with its last pixel", () => {
    editor.use("brush");
    drag([[50, 50], [60, 50]]);
    editor.use("eraser");
    for (let n = 0; n < 8; n++) editor.resizeBrush(true);
    drag([[50, 50], [60, 50]]);
    expect(shapes()).toEqual([]);
    editor.undo();
    expect(shapes()).toHaveLength(1);
    for (let n = 0; n < 8; n++) editor.resizeBrush(false);
  });

  test("Esc drops a stroke", () => {
    editor.use("brush");
    editor.pointerDown(p(50, 50));
    editor.pointerMove(p(90, 50));
    editor.dispatch({ type: "cancel" });
    editor.pointerUp(p(90, 50));
    expect(shapes()).toEqual([]);
  });

  test("a light pen paints thinner", () => {
    editor.use("brush");
    drag([[50, 50], [100, 50]], { pressure: 0.25 });
    expect([has(75, 52), has(75, 58)]).toEqual([true, false]);
  });
});
