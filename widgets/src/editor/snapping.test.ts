// What a point is drawn to, and when.
import { expect, test } from "vitest";
import { Editor } from "./editor";
import { polygon } from "./geometry";
import { type Geometry, newShape } from "./records";
import { EditorDocument } from "./selecting";
import { snapped } from "./snapping";

const size = { w: 100, h: 80 };
const shapes = (...geometries: Geometry[]) => geometries.map((geometry, n) => newShape(`${n}`, 1, geometry));
const box: Geometry = { kind: "box", box: [20, 20, 30, 20] };

test("a corner goes before an edge, an edge before the border", () => {
  expect(snapped({ x: 21, y: 22 }, 4, shapes(box), size)).toEqual({ x: 20, y: 20 });
  expect(snapped({ x: 35, y: 22 }, 4, shapes(box), size)).toEqual({ x: 35, y: 20 });
  expect(snapped({ x: 35, y: 28 }, 4, shapes(box), size)).toBeNull();
  expect(snapped({ x: 3, y: 30 }, 4, shapes(box), size)).toEqual({ x: 0, y: 30 });
  expect(snapped({ x: 98, y: 81 }, 4, [], size)).toEqual({ x: 100, y: 80 });
  const line = shapes({ kind: "polyline", box: [20, 50, 40, 0], parts: [[20, 50, 60, 50]] });
  expect(snapped({ x: 40, y: 52 }, 4, line, size)).toEqual({ x: 40, y: 50 });
  // An open line has no edge back, and of two corners the nearer is meant.
  const two = shapes(polygon([[0, 0, 10, 0, 10, 10]]), polygon([[12, 0, 20, 0, 20, 10]]));
  expect(snapped({ x: 11.5, y: 0.5 }, 4, two, size)).toEqual({ x: 12, y: 0 });
});

function editorOf(...geometries: Geometry[]): Editor {
  const editor = new Editor({ newId: () => crypto.randomUUID() });
  const document = new EditorDocument(1, size);
  document.store.change("remote", (draft) => shapes(...geometries).forEach(draft.put));
  editor.open(document);
  editor.viewport.resize({ w: 100, h: 80 });
  editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  editor.snapping = true;
  return editor;
}

test("what is drawn begins and ends at corners; Ctrl suspends it", () => {
  const editor = editorOf(box);
  editor.use("box");
  editor.pointerDown({ x: 48, y: 42 });
  expect(editor.snappedTo).toEqual({ x: 50, y: 40 });
  editor.pointerMove({ x: 70, y: 60 });
  editor.pointerUp({ x: 97, y: 78 });
  expect([...editor.document!.store.all()].at(-1)!.geometry.box).toEqual([50, 40, 50, 40]);
  editor.use("box");
  editor.pointerDown({ x: 18, y: 18 }, { ctrl: true });
  editor.pointerMove({ x: 8, y: 9 }, { ctrl: true });
  editor.pointerUp({ x: 5, y: 6 }, { ctrl: true });
  expect([...editor.document!.store.all()].at(-1)!.geometry.box).toEqual([5, 6, 13, 12]);
});

test("a corner is not drawn to its own shape, and nothing snaps while one looks or cuts", () => {
  const editor = editorOf(box, polygon([[60, 50, 80, 50, 80, 70]]));
  editor.select("1");
  editor.pointerMove({ x: 49, y: 41 });
  expect(editor.snappedTo).toBeNull();
  editor.pointerDown({ x: 60, y: 50 });
  editor.pointerMove({ x: 58, y: 49 });
  expect(editor.snappedTo).toBeNull();
  editor.pointerMove({ x: 51, y: 41 });
  editor.pointerUp({ x: 51, y: 41 });
  expect(editor.document!.store.get("1")!.geometry).toMatchObject({ parts: [[50, 40, 80, 50, 80, 70]] });
  editor.use("slice");
  editor.pointerMove({ x: 49, y: 41 });
  expect(editor.snappedTo).toBeNull();
});

test("the knife cuts what is selected, as one step of undo, or what lies under the middle of the line", () => {
  const editor = editorOf(box, polygon([[60, 50, 80, 50, 80, 70]]));
  editor.snapping = false;
  const all = () => [...editor.document!.store.all()].map(({ geometry }) => geometry.box);
  editor.use("slice");
  for (const x of [34, 36]) editor.pointerDown({ x, y: 10 + (x - 34) * 20 });
  expect(editor.dispatch({ type: "accept" })).toBe(true);
  expect(all()).toHaveLength(3);
  expect(editor.selectedIds).toHaveLength(2);
  editor.undo();
  expect(all()).toEqual([[20, 20, 30, 20], [60, 50, 20, 20]]);
  const remarks: string[] = [];
  const deaf = new Editor({ newId: () => "new", onRemark: (text) => remarks.push(text) });
  deaf.open(editor.document);
  deaf.select("0");
  deaf.slice([{ x: 90, y: 0 }, { x: 90, y: 70 }]);
  expect(remarks).toHaveLength(1);
  expect(all()).toHaveLength(2);
});
