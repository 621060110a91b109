import { expect, test } from "vitest";
import {
  boxFromCorners, clampShift, nearestEdge, partArea, partContains, partsBox, resizeBox, withVertex,
} from "./geometry";

const size = { w: 100, h: 80 };

test("a box has the same corners whichever way it is dragged", () => {
  expect(boxFromCorners({ x: 30, y: 40 }, { x: 10, y: 20 })).toEqual([10, 20, 20, 20]);
});

test("dragging a handle past the opposite side turns the box over", () => {
  expect(resizeBox([10, 10, 20, 20], "e", { x: 2, y: 99 }, size)).toEqual([2, 10, 8, 20]);
});

test("a resized box stays in the image", () => {
  expect(resizeBox([10, 10, 20, 20], "se", { x: 500, y: 500 }, size)).toEqual([10, 10, 90, 70]);
});

test("a shift is shortened at the image's border", () => {
  expect(clampShift([10, 10, 20, 20], { x: -50, y: 200 }, size)).toEqual({ x: -10, y: 50 });
});

test("a box that sticks out of the image can still be moved back in", () => {
  expect(clampShift([-5, 0, 20, 20], { x: 5, y: 0 }, size)).toEqual({ x: 5, y: 0 });
});

test("a hole by a second crossing is outside by the even-odd rule", () => {
  const bowtie = [0, 0, 10, 10, 10, 0, 0, 10];
  expect(partContains(bowtie, { x: 2, y: 5 })).toBe(true);
  expect(partContains(bowtie, { x: 5, y: 1 })).toBe(false);
});

test("a part's area does not depend on its direction", () => {
  expect(partArea([0, 0, 10, 0, 10, 5, 0, 5])).toBe(50);
  expect(partArea([0, 5, 10, 5, 10, 0, 0, 0])).toBe(50);
});

test("the nearest edge is the closing one where that is nearest", () => {
  const hit = nearestEdge([[0, 0, 10, 0, 10, 10, 0, 10]], { x: 1, y: 5 });
  expect(hit).toMatchObject({ part: 0, vertex: 3, at: { x: 0, y: 5 }, away: 1 });
});

test("a vertex is inserted after its edge's first corner, and removed again", () => {
  const square = [[0, 0, 10, 0, 10, 10, 0, 10]];
  const more = withVertex(square, { part: 0, vertex: 1 }, { x: 12, y: 5 }, true);
  expect(more).toEqual([[0, 0, 10, 0, 12, 5, 10, 10, 0, 10]]);
  expect(withVertex(more, { part: 0, vertex: 2 }, null)).toEqual(square);
  expect(partsBox(more)).toEqual([0, 0, 12, 10]);
});
