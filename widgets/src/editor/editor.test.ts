// The editor driven as a person drives it: pointer and commands in, state path and shapes out.
import { beforeEach, describe, expect, test } from "vitest";
import { Editor } from "./editor";
import { EditorDocument } from "./selecting";
import { newShape, type Geometry, type Shape } from "./records";

let editor: Editor;
let document: EditorDocument;

beforeEach(() => {
  let made = 0;
  editor = new Editor({ newId: () => `shape-${++made}` });
  // One image pixel is one screen pixel, so that the tests speak of one kind.
  editor.viewport.resize({ w: 432, h: 332 });
  document = new EditorDocument(1, { w: 400, h: 300 });
  editor.open(document);
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
});

const p = (x: number, y: number) => ({ x, y });
const shapes = (): Shape[] => [...document.store.all()];
function drag(from: [number, number], to: [number, number]): void {
  editor.pointerDown(p(...from));
  editor.pointerMove(p((from[0] + to[0]) / 2, (from[1] + to[1]) / 2));
  editor.pointerMove(p(...to));
  editor.pointerUp(p(...to));
}
function click(x: number, y: number, options = {}): void {
  editor.pointerMove(p(x, y), options);
  editor.pointerDown(p(x, y), options);
  editor.pointerUp(p(x, y), options);
}
function put(id: string, geometry: Geometry, classId = 0): Shape {
  const shape = { ...newShape(id, classId, geometry), rev: 1 };
  document.store.change("remote", (draft) => draft.put(shape));
  return shape;
}
const triangle: Geometry = { kind: "polygon", box: [100, 100, 100, 100], parts: [[100, 100, 200, 100, 200, 200]], holes: [] };

describe("the box tool", () => {
  test("drags a box, then selects it with the select tool", () => {
    editor.use("box");
    expect(editor.state).toBe("box.idle");
    editor.pointerDown(p(10, 20));
    expect(editor.state).toBe("box.pointing");
    editor.pointerMove(p(60, 90));
    expect(editor.state).toBe("box.dragging");
    editor.pointerUp(p(60, 90));
    expect(editor.state).toBe("select.idle");
    expect(shapes().map((shape) => shape.geometry)).toEqual([{ kind: "box", box: [10, 20, 50, 70] }]);
    expect(editor.selectedId).toBe("shape-1");
  });

  test("takes two clicks as well", () => {
    editor.use("box");
    click(10, 10);
    expect(editor.state).toBe("box.anchored");
    click(50, 40);
    expect(shapes()[0]?.geometry.box).toEqual([10, 10, 40, 30]);
  });

  test("ends a box outside the image at its border", () => {
    editor.use("box");
    drag([380, 280], [900, -50]);
    expect(shapes()[0]?.geometry.box).toEqual([380, 0, 20, 280]);
  });

  test("makes nothing of a slip of the hand", () => {
    editor.use("box");
    click(10, 10);
    click(10, 10);
    expect(shapes()).toEqual([]);
  });

  test("drops what is being drawn on Esc, and then has nothing to cancel", () => {
    editor.use("box");
    editor.pointerDown(p(10, 20));
    editor.pointerMove(p(60, 90));
    expect(editor.dispatch({ type: "cancel" })).toBe(true);
    editor.pointerUp(p(60, 90));
    expect(shapes()).toEqual([]);
    expect(editor.dispatch({ type: "cancel" })).toBe(false);
  });

  test("N draws with the last tool again, in the class chosen last", () => {
    editor.setClass(3);
    editor.use("box");
    drag([10, 10], [50, 50]);
    editor.again();
    expect(editor.state).toBe("box.idle");
    drag([100, 100], [150, 150]);
    expect(shapes().map((shape) => shape.class_id)).toEqual([3, 3]);
  });
});

describe("the polygon tool", () => {
  test("closes at its first corner", () => {
    editor.use("polygon");
    for (const [x, y] of [[10, 10], [90, 10], [90, 80]] as const) click(x, y);
    expect(editor.state).toBe("polygon.drawing");
    click(13, 12);
    expect(shapes()[0]?.geometry).toEqual({ kind: "polygon", box: [10, 10, 80, 70], parts: [[10, 10, 90, 10, 90, 80]], holes: [] });
  });

  test("a double-click closes it without a doubled corner", () => {
    editor.use("polygon");
    for (const [x, y] of [[10, 10], [90, 10], [90, 80], [20, 80]] as const) click(x, y);
    click(20, 80);
    editor.doubleClick(p(20, 80));
    expect(shapes()[0]?.geometry).toMatchObject({ parts: [[10, 10, 90, 10, 90, 80, 20, 80]] });
  });

  test("undo takes back one corner while it is drawn", () => {
    editor.use("polygon");
    for (const [x, y] of [[10, 10], [90, 10], [300, 200]] as const) click(x, y);
    editor.undo();
    click(90, 80);
    editor.dispatch({ type: "accept" });
    expect(shapes()[0]?.geometry).toMatchObject({ parts: [[10, 10, 90, 10, 90, 80]], holes: [] });
  });

  test("goes on while its corners enclose nothing", () => {
    editor.use("polygon");
    for (const [x, y] of [[10, 10], [50, 10], [90, 10]] as const) click(x, y);
    editor.dispatch({ type: "accept" });
    expect(editor.state).toBe("polygon.drawing");
    expect(shapes()).toEqual([]);
  });
});

describe("the select tool", () => {
  test("moves a shape as one step of undo", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    click(30, 30);
    expect(editor.selectedId).toBe("a");
    editor.pointerDown(p(30, 30));
    expect(editor.state).toBe("select.pointing");
    editor.pointerMove(p(40, 30));
    expect(editor.state).toBe("select.dragging");
    editor.pointerMove(p(60, 45));
    expect(document.store.get("a")?.geometry.box).toEqual([10, 10, 50, 50]);
    editor.pointerUp(p(60, 45));
    expect(document.store.get("a")?.geometry.box).toEqual([40, 25, 50, 50]);
    editor.undo();
    expect(document.store.get("a")?.geometry.box).toEqual([10, 10, 50, 50]);
    editor.redo();
    expect(document.store.get("a")?.geometry.box).toEqual([40, 25, 50, 50]);
  });

  test("resizes at a handle", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    click(30, 30);
    editor.pointerDown(p(60, 60));
    expect(editor.state).toBe("select.resizing");
    editor.pointerMove(p(100, 90));
    editor.pointerUp(p(100, 90));
    expect(document.store.get("a")?.geometry.box).toEqual([10, 10, 90, 80]);
  });

  test("drops a move on Esc", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    editor.pointerDown(p(30, 30));
    editor.pointerMove(p(90, 90));
    editor.dispatch({ type: "cancel" });
    editor.pointerUp(p(90, 90));
    expect(document.store.get("a")?.geometry.box).toEqual([10, 10, 50, 50]);
    expect(document.history.canUndo).toBe(false);
  });

  test("a click means the smallest shape under it, a drag the selected one", () => {
    put("small", { kind: "box", box: [40, 40, 20, 20] });
    put("large", { kind: "box", box: [0, 0, 200, 200] });
    click(50, 50);
    expect(editor.selectedId).toBe("small");
    click(150, 150);
    expect(editor.selectedId).toBe("large");
    drag([50, 50], [60, 50]);
    expect(document.store.get("large")?.geometry.box).toEqual([10, 0, 200, 200]);
    expect(document.store.get("small")?.geometry.box).toEqual([40, 40, 20, 20]);
  });

  test("moves, adds and removes a polygon's corners", () => {
    put("t", triangle);
    click(180, 120);
    editor.pointerDown(p(200, 200));
    expect(editor.state).toBe("select.vertex");
    editor.pointerMove(p(220, 210));
    editor.pointerUp(p(220, 210));
    expect(document.store.get("t")?.geometry).toMatchObject({ box: [100, 100, 120, 110], parts: [[100, 100, 200, 100, 220, 210]] });
    drag([150, 100], [150, 80]);
    expect(document.store.get("t")?.geometry).toMatchObject({ parts: [[100, 100, 150, 80, 200, 100, 220, 210]] });
    click(150, 80, { alt: true });
    expect(document.store.get("t")?.geometry).toMatchObject({ parts: [[100, 100, 200, 100, 220, 210]] });
    click(100, 100, { alt: true });
    expect(document.store.get("t")?.geometry).toMatchObject({ parts: [[100, 100, 200, 100, 220, 210]] });
  });

  test("adds a corner where an edge is double-clicked", () => {
    put("t", triangle);
    click(180, 120);
    editor.doubleClick(p(120, 100));
    expect(document.store.get("t")?.geometry).toMatchObject({ parts: [[100, 100, 120, 100, 200, 100, 200, 200]] });
  });

  test("a mask is selected by its pixels and does not move", () => {
    put("m", { kind: "mask", box: [10, 10, 2, 2], size: [300, 400], counts: "jb0" });
    expect(editor.hit(p(300, 200))).toBeNull();
  });

  test("hidden shapes are out of reach", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    editor.toggleHidden(["a"]);
    click(30, 30);
    expect(editor.selectedId).toBeNull();
  });

  test("what only shows cannot be changed", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    editor.readOnly = true;
    click(30, 30);
    drag([30, 30], [90, 90]);
    editor.remove();
    editor.setClass(4);
    editor.use("box");
    expect(editor.state).toBe("select.idle");
    expect(shapes()).toEqual([{ ...newShape("a", 0, { kind: "box", box: [10, 10, 50, 50] }), rev: 1 }]);
  });
});

describe("history", () => {
  test("a deleted shape comes back by undo, selected", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    click(30, 30);
    editor.remove();
    expect(shapes()).toEqual([]);
    editor.undo();
    expect(editor.selectedId).toBe("a");
  });

  test("undo leaves alone what somebody else changed since", () => {
    const shape = put("a", { kind: "box", box: [10, 10, 50, 50] });
    click(30, 30);
    editor.setClass(2);
    document.store.change("remote", (draft) => draft.put({ ...shape, class_id: 2, geometry: { kind: "box", box: [0, 0, 5, 5] }, rev: 3 }));
    editor.undo();
    expect(document.store.get("a")).toMatchObject({ class_id: 0, geometry: { box: [0, 0, 5, 5] }, rev: 3 });
  });

  test("a remote change is no step of undo, and a new step forgets what could be redone", () => {
    put("a", { kind: "box", box: [10, 10, 50, 50] });
    expect(document.history.canUndo).toBe(false);
    click(30, 30);
    editor.setClass(1);
    editor.undo();
    expect(document.history.canRedo).toBe(true);
    editor.nudge(p(1, 0));
    expect(document.history.canRedo).toBe(false);
  });
});

describe("the view", () => {
  test("a zoom leaves the point under the pointer where it is", () => {
    editor.viewport.fit();
    const before = (p2: { x: number; y: number }) => ({
      x: (p2.x - editor.viewport.camera.x) / editor.zoom, y: (p2.y - editor.viewport.camera.y) / editor.zoom,
    });
    const was = before(p(200, 150));
    editor.viewport.zoomAt(p(200, 150), 2);
    expect(before(p(200, 150)).x).toBeCloseTo(was.x);
    expect(before(p(200, 150)).y).toBeCloseTo(was.y);
  });

  test("the middle button pans, whatever the tool is doing", () => {
    editor.use("polygon");
    click(10, 10);
    editor.pointerDown(p(50, 50), { button: "middle" });
    expect(editor.state).toBe("hand.dragging");
    editor.pointerMove(p(70, 40));
    editor.pointerUp(p(70, 40), { button: "middle" });
    expect(editor.state).toBe("polygon.drawing");
    expect(editor.viewport.camera).toMatchObject({ x: 20, y: -10 });
  });

  test("the image never leaves the view altogether", () => {
    editor.viewport.pan(p(-99999, -99999));
    expect(editor.viewport.camera.x).toBeGreaterThan(-400);
    expect(editor.viewport.camera.y).toBeGreaterThan(-300);
  });

  test("a view that shows the whole image goes on doing so when it is resized", () => {
    editor.viewport.fit();
    editor.viewport.resize({ w: 232, h: 332 });
    expect(editor.zoom).toBeCloseTo(0.5);
  });
});

test("the right one of 20,000 shapes is found", () => {
  document.store.change("remote", (draft) => {
    for (let i = 0; i < 20_000; i++) {
      draft.put({ ...newShape(`s${i}`, 0, { kind: "box", box: [(i % 200) * 2, Math.floor(i / 200) * 3, 1.5, 2.5] }), rev: 1 });
    }
  });
  editor.hit(p(1, 1));
  expect(editor.hit(p(200.5, 30.5))?.id).toBe("s2100");
});
