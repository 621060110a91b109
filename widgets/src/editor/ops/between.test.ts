// Shapes between two keyframes.
import { expect, test } from "vitest";
import { partArea, polygon } from "../geometry";
import { keypoints } from "../kinds/points";
import { rotated, turnedOf } from "../kinds/turned";
import type { Geometry } from "../records";
import { between } from "./between";

const box = (...values: [number, number, number, number]): Geometry => ({ kind: "box", box: values });

test("a box goes evenly, and is each keyframe at its end", () => {
  const [a, b] = [box(0, 10, 20, 20), box(40, 10, 10, 30)];
  expect(between(a, b, 0.25)).toEqual(box(10, 10, 17.5, 22.5));
  expect([between(a, b, 0), between(a, b, 1)]).toEqual([a, b]);
});

test("a rotated box turns the nearer way", () => {
  const at = (angle: number): Geometry => rotated(turnedOf({ x: 50, y: 50 }, 40, 10, angle));
  const angleOf = (geometry: Geometry): number => (geometry.kind === "rotated" ? geometry.turned.angle : NaN);
  expect(angleOf(between(at(0.1), at(0.5), 0.5))).toBeCloseTo(0.3, 4);
  // A half turn further is the same rectangle.
  expect(angleOf(between(at(0.1), at(0.5 + Math.PI), 0.5))).toBeCloseTo(0.3, 4);
  expect(angleOf(between(at(1.5), at(-1.5), 0.5))).toBeCloseTo(Math.PI / 2, 4);
});

test("as many corners go each to its own", () => {
  const [a, b] = [polygon([[0, 0, 10, 0, 10, 10]]), polygon([[20, 0, 40, 0, 40, 20]])];
  expect(between(a, b, 0.5)).toEqual(polygon([[10, 0, 25, 0, 25, 15]]));
});

test("outlines of other numbers of corners keep their form on the way", () => {
  const square = polygon([[0, 0, 20, 0, 20, 20, 0, 20]]);
  // The same square, moved, begun at another corner, gone round the other way, with a corner more on each side.
  const moved = polygon([[60, 20, 50, 20, 40, 20, 40, 10, 40, 0, 50, 0, 60, 0, 60, 10]]);
  const half = between(square, moved, 0.5);
  expect(half.box).toEqual([20, 0, 20, 20]);
  expect(half.kind === "polygon" && partArea(half.parts[0]!)).toBeCloseTo(400, 0);
});

test("a keypoint that is not in both stays where it was", () => {
  const found = between(keypoints([[0, 0, 2], [10, 10, 2]]), keypoints([[10, 0, 1], [0, 0, 0]]), 0.5);
  expect(found.kind === "keypoints" && found.points).toEqual([[5, 0, 2], [10, 10, 2]]);
});

test("a mask, or another kind, stays as the first keyframe", () => {
  const mask: Geometry = { kind: "mask", box: [0, 0, 2, 2], size: [4, 4], counts: "0282" };
  expect(between(mask, box(1, 1, 2, 2), 0.5)).toBe(mask);
  expect(between(polygon([[0, 0, 1, 0, 1, 1]]), polygon([[0, 0, 1, 0, 1, 1], [2, 2, 3, 2, 3, 3]]), 0.5)).toEqual(polygon([[0, 0, 1, 0, 1, 1]]));
});
