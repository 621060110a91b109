// Several shapes at once, as a hand and the keys drive them.
import { beforeEach, describe, expect, test } from "vitest";
import { aligned, distributed, freeGroup, groupOf, grouped, misfit, ordered, regrouped } from "./arranging";
import { Editor } from "./editor";
import { converted } from "./ops/convert";
import { type Geometry, type Shape, newShape } from "./records";
import { EditorDocument } from "./selecting";

let editor: Editor;
let document: EditorDocument;

const p = (x: number, y: number) => ({ x, y });
const box = (x: number, y: number, w: number, h: number): Geometry => ({ kind: "box", box: [x, y, w, h] });
const boxes = (): Geometry["box"][] => [...document.store.all()].map(({ geometry }) => geometry.box);

function put(id: string, geometry: Geometry): Shape {
  const shape = newShape(id, 0, geometry);
  document.store.change("remote", (draft) => draft.put(shape));
  return shape;
}
function drag(from: [number, number], to: [number, number], options = {}): void {
  editor.pointerDown(p(...from), options);
  editor.pointerMove(p((from[0] + to[0]) / 2, (from[1] + to[1]) / 2), options);
  editor.pointerMove(p(...to), options);
  editor.pointerUp(p(...to), options);
}
function click(x: number, y: number, options = {}): void {
  editor.pointerDown(p(x, y), options);
  editor.pointerUp(p(x, y), options);
}

beforeEach(() => {
  let made = 0;
  editor = new Editor({ newId: () => `shape-${++made}` });
  editor.viewport.resize({ w: 432, h: 332 });
  document = new EditorDocument(1, { w: 400, h: 300 });
  editor.open(document);
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  put("a", box(20, 20, 40, 40));
  put("b", box(100, 50, 60, 30));
  put("c", box(300, 200, 50, 50));
});

describe("the selection", () => {
  test("a drag over nothing takes what lies wholly inside; with Shift, that too", () => {
    drag([10, 10], [170, 90]);
    expect(editor.selectedIds).toEqual(["a", "b"]);
    drag([10, 10], [150, 90]);
    expect(editor.selectedIds).toEqual(["a"]);
    drag([290, 190], [360, 260], { shift: true });
    expect(editor.selectedIds).toEqual(["a", "c"]);
  });

  test("a click with Shift or Ctrl takes one in or out, and Esc lets go of all", () => {
    click(30, 30);
    click(110, 60, { shift: true });
    expect(editor.selectedIds).toEqual(["a", "b"]);
    click(30, 30, { ctrl: true });
    expect(editor.selectedIds).toEqual(["b"]);
    editor.dispatch({ type: "cancel" });
    expect(editor.selectedIds).toEqual([]);
  });

  test("Shift pressed before a grip is taken still resizes", () => {
    click(30, 30);
    drag([60, 60], [80, 70], { shift: true });
    expect(editor.selectedIds).toEqual(["a"]);
    expect(boxes()[0]![2]).toBeGreaterThan(40);
  });

  test("a shape that somebody else deletes leaves it", () => {
    editor.selectAll(["a", "b"]);
    document.store.change("remote", (draft) => draft.remove("a"));
    expect(editor.selectedIds).toEqual(["b"]);
    expect(editor.selection.map(({ id }) => id)).toEqual(["b"]);
  });
});

describe("what is done with several", () => {
  test("they move together, no further than the image, as one step of undo", () => {
    editor.selectAll(["a", "b"]);
    drag([30, 30], [0, 20]);
    expect(boxes().slice(0, 2)).toEqual([[0, 10, 40, 40], [80, 40, 60, 30]]);
    editor.undo();
    expect(boxes().slice(0, 2)).toEqual([[20, 20, 40, 40], [100, 50, 60, 30]]);
    expect(editor.selectedIds).toEqual(["a", "b"]);
  });

  test("Esc in the middle of a move leaves them where they were", () => {
    editor.selectAll(["a", "b"]);
    editor.pointerDown(p(30, 30));
    editor.pointerMove(p(60, 60));
    editor.dispatch({ type: "cancel" });
    editor.pointerUp(p(60, 60));
    expect(boxes()[0]).toEqual([20, 20, 40, 40]);
    expect(document.history.canUndo).toBe(false);
  });

  test("they are given a class, and deleted, as one step", () => {
    editor.selectAll(["a", "c"]);
    editor.setClass(4);
    expect([...document.store.all()].map(({ class_id }) => class_id)).toEqual([4, 0, 4]);
    editor.remove();
    expect(document.store.size).toBe(1);
    editor.undo();
    editor.undo();
    expect([...document.store.all()].every(({ class_id }) => class_id === 0)).toBe(true);
  });

  test("a locked shape is neither hit nor changed, whatever is asked", () => {
    editor.toggleLocked(["a"]);
    expect(editor.hit(p(30, 30))).toBeNull();
    editor.selectAll(["a", "b"]);
    editor.nudge(p(5, 0));
    editor.setClass(3);
    editor.describe("a", "color", "red");
    editor.remove("a");
    editor.toggleOccluded();
    const [a, b] = [...document.store.all()];
    expect(a).toMatchObject({ class_id: 0, attributes: {}, geometry: { box: [20, 20, 40, 40] } });
    expect(b).toMatchObject({ class_id: 3, attributes: { occluded: true }, geometry: { box: [105, 50, 60, 30] } });
  });

  test("a locked mask is not brushed on: the stroke begins another", () => {
    editor.use("brush");
    drag([200, 100], [230, 100]);
    const first = editor.selected!;
    editor.toggleLocked([first.id]);
    drag([200, 100], [230, 130]);
    expect(document.store.get(first.id)).toBe(first);
    expect(document.store.size).toBe(5);
  });

  test("copies get ids of their own and are selected", () => {
    editor.add([document.store.get("a")!]);
    expect(editor.selectedIds).toEqual(["shape-1"]);
    expect(document.store.get("shape-1")).toMatchObject({ geometry: box(20, 20, 40, 40), rev: 0 });
  });
});

test("aligned shapes meet at a side of the frame around them; those that are there stay", () => {
  const [a, b] = [newShape("a", 0, box(20, 20, 40, 40)), newShape("b", 0, box(100, 50, 60, 30))];
  expect(aligned([a, b], "top").map(({ id, geometry }) => [id, geometry.box])).toEqual([["b", [100, 20, 60, 30]]]);
  expect(aligned([a, b], "right").map(({ geometry }) => geometry.box)).toEqual([[120, 20, 40, 40]]);
  expect(aligned([a, b], "middle").map(({ geometry }) => geometry.box)).toEqual([[20, 30, 40, 40], [100, 35, 60, 30]]);
  expect(aligned([a], "left")).toEqual([]);
});

test("to the front is above all others, to the rear under them, in their own order", () => {
  const shapes = [2, 0, 1, 5].map((z, n) => ({ ...newShape(`${n}`, 0, box(0, 0, 1, 1)), z }));
  const chosen = [shapes[0]!, shapes[1]!];
  expect(ordered(chosen, shapes, "front").map(({ id, z }) => [id, z])).toEqual([["1", 6], ["0", 7]]);
  expect(ordered(chosen, shapes, "rear").map(({ id, z }) => [id, z])).toEqual([["1", -1], ["0", 0]]);
  expect(ordered(shapes, shapes, "front")).toEqual([]);
});

test("what an image cannot hold is said", () => {
  expect(misfit(newShape("a", 0, box(0, 0, 500, 10)), { w: 400, h: 300 })).toContain("400 × 300");
  expect(misfit(newShape("a", 0, box(390, 0, 50, 10)), { w: 400, h: 300 })).toBeNull();
});

test("a polygon becomes a mask and a polygon again, and what is neither stays out", () => {
  const outline: Geometry = { kind: "polygon", box: [10, 10, 40, 30], parts: [[10, 10, 50, 10, 50, 40, 10, 40]], holes: [] };
  const size = { w: 400, h: 300 };
  const { changed: [mask] } = converted([newShape("a", 0, outline), newShape("b", 0, { kind: "polyline", box: [0, 0, 9, 9], parts: [[0, 0, 9, 9]] })], "mask", size);
  expect(mask!.geometry).toMatchObject({ kind: "mask", box: [10, 10, 40, 30], size: [300, 400] });
  const back = converted([mask!], "polygon", size);
  expect(back.least).toBe(1);
  expect(back.changed[0]!.geometry).toMatchObject({ kind: "polygon", box: [10, 10, 40, 30] });
  expect(converted([newShape("a", 0, outline)], "polygon", size).changed).toEqual([]);
});

test("gaps are made even between the outermost, which stay; a mask is left out", () => {
  const shapes = [[0, 10], [12, 20], [40, 4], [90, 10]].map(([x, w], n) => newShape(`${n}`, 0, box(x!, 5 * n, w!, 10)));
  const now = new Map([...shapes, ...distributed(shapes, "horizontal")].map((shape) => [shape.id, shape.geometry.box]));
  // 100 px less 44 px of shapes leave three gaps of 18.67.
  expect([...now.values()].map(([x]) => x)).toEqual([0, 28.67, 67.33, 90]);
  expect([...now.values()].map(([, y]) => y)).toEqual([0, 5, 10, 15]);
  expect(distributed(shapes, "vertical")).toEqual([]);
  expect(distributed(shapes.slice(0, 2), "horizontal")).toEqual([]);
});

test("groups have the first free number, and copies have groups of their own", () => {
  const [a, b, c] = ["a", "b", "c"].map((id) => newShape(id, 0, box(0, 0, 9, 9))) as [Shape, Shape, Shape];
  const pair = grouped([a, b], freeGroup([a, b, c]));
  expect(pair.map(groupOf)).toEqual([1, 1]);
  expect(freeGroup([...pair, c])).toBe(2);
  expect(regrouped([...pair, c], [...pair, c]).map(groupOf)).toEqual([2, 2, null]);
  expect(regrouped(pair, []).map(groupOf)).toEqual([1, 1]);
  expect(grouped(pair, null).map(({ attributes }) => attributes)).toEqual([{}, {}]);
  expect(grouped([a], null)).toEqual([]);
});

test("a click selects the group, a second one the shape; the group moves together", () => {
  const { store } = document;
  store.change("remote", (draft) => grouped([store.get("a")!, store.get("c")!], 4).forEach(draft.put));
  click(30, 30);
  expect(editor.selectedIds).toEqual(["c", "a"]);
  click(30, 30);
  expect(editor.selectedIds).toEqual(["a"]);
  click(310, 210);
  expect(editor.selectedIds).toEqual(["a", "c"]);
  drag([310, 210], [320, 220]);
  expect(boxes()).toEqual([[30, 30, 40, 40], [100, 50, 60, 30], [310, 210, 50, 50]]);
  click(110, 60, { shift: true });
  expect(editor.selectedIds).toEqual(["a", "c", "b"]);
  click(40, 40, { shift: true });
  expect(editor.selectedIds).toEqual(["b"]);
  // Of those that are locked a click means none.
  editor.toggleLocked(["c"]);
  click(40, 40);
  expect(editor.selectedIds).toEqual(["a"]);
});
