// Names that are found, text from the clipboard, and a look that was kept.
import { expect, test } from "vitest";
import { newShape } from "../editor/records";
import { altersPicture, curve, lookFrom, plain, restored } from "../render/look";
import { roundStep } from "../render/rulers";
import type { LabelInfo } from "../wire.gen";
import { clipOf, unclipped } from "./clipping";
import { ranked } from "./ranking";

test("names that begin so come before words that do, before what holds it, before what has its letters", () => {
  const names = ["subway", "red bus", "minibus", "bus", "blue suit", "van"];
  expect(ranked(names, "bus", (name) => name)).toEqual(["bus", "red bus", "minibus", "blue suit"]);
  expect(ranked(names, "  ", (name) => name)).toEqual(names);
  expect(ranked(names, "xyz", (name) => name)).toEqual([]);
});

const label = (id: number, name: string): LabelInfo => ({ id, name, color: "#000000", keypoints: [], skeleton: [], attributes: [] });

test("shapes go to another dataset by the names of their classes", () => {
  const shape = { ...newShape("a", 3, { kind: "box", box: [1, 2, 3, 4] }), attributes: { moving: true } };
  const text = clipOf([shape, newShape("b", 4, { kind: "box", box: [5, 6, 7, 8] })], (id) => (id === 3 ? "van" : "kite"));
  const { shapes, strange } = unclipped(text, [label(30, "van")])!;
  expect(shapes).toMatchObject([{ class_id: 30, geometry: { box: [1, 2, 3, 4] }, attributes: { moving: true } }]);
  expect([...strange]).toEqual([["kite", 1]]);
});

test("any other text on the clipboard is not taken for shapes", () => {
  for (const text of ["", "hello", "3", "null", "[]", '{"kind": "other"}', '{"kind": "evalnb/shapes@1"}']) expect(unclipped(text, [])).toBeNull();
});

test("the picture's curve is straight as it is, and stays within 0 and 1", () => {
  expect(curve(plain, 4)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(curve({ ...plain, inverted: true }, 2)).toEqual([1, 0.5, 0]);
  expect(curve({ ...plain, gamma: 2 }, 4)[1]).toBe(0.5);
  for (const contrast of [-1, 1]) for (const value of curve({ ...plain, contrast, brightness: 0.3 })) expect(value >= 0 && value <= 1).toBe(true);
});

test("a kept look is read with care", () => {
  expect(lookFrom({ brightness: 0.2, contrast: "much", channel: "ultraviolet", strange: 1, gamma: null })).toEqual({ ...plain, brightness: 0.2 });
  const look = lookFrom({ brightness: 0.2, crosshair: true });
  expect(altersPicture(look)).toBe(true);
  expect(restored(look)).toEqual({ ...plain, crosshair: true });
});

test("rulers count in ones, twos and fives", () => {
  expect([0.3, 1, 1.1, 3, 64, 501].map(roundStep)).toEqual([0.5, 1, 2, 5, 100, 1000]);
});
