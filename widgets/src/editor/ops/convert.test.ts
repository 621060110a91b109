import { expect, test } from "vitest";
import { polygon } from "../geometry";
import { kindOf } from "../kinds";
import { ellipse, rotated } from "../kinds/turned";
import { type Geometry, newShape } from "../records";
import { convexHull, ellipseLike, leastRectangle } from "./around";
import { pierced } from "./combine";
import { type Target, converted, targets } from "./convert";
import { polygonToMask } from "./fill";

const size = { w: 400, h: 300 };
const shape = (geometry: Geometry) => newShape("a", 3, geometry);
const one = (geometry: Geometry, to: Target, tolerance?: number) => converted([shape(geometry)], to, size, tolerance);
const made = (geometry: Geometry, to: Target, tolerance?: number): Geometry => one(geometry, to, tolerance).changed[0]!.geometry;

const box: Geometry = { kind: "box", box: [40, 60, 120, 80] };
const turned = rotated({ center: [200, 150], size: [120, 50], angle: 0.4 });
const round = ellipse({ center: [200, 150], size: [120, 70], angle: -0.5 });
const ring = polygon([[50, 50, 250, 50, 250, 200, 50, 200]], [[100, 80, 200, 80, 200, 170, 100, 170]]);
const mask = polygonToMask(polygon([[30, 30, 200, 40, 240, 180, 90, 220]]), size)!;

test("every outline becomes every other kind, stays itself otherwise, and stands for what it was", () => {
  for (const from of [box, turned, round, ring, mask] as Geometry[]) {
    for (const to of targets) {
      const { changed, least } = one(from, to);
      if (from.kind === to) expect(changed).toEqual([]);
      else {
        expect(changed[0], `${from.kind} to ${to}`).toMatchObject({ id: "a", class_id: 3, geometry: { kind: to } });
        expect(least, `${from.kind} to ${to}`).toBeGreaterThan(0.5);
      }
    }
  }
  expect(converted([shape({ kind: "points", box: [1, 1, 0, 0], points: [[1, 1]] })], "box", size).changed).toEqual([]);
});

test("boxes become polygons of their corners, and come back", () => {
  expect(made(box, "polygon")).toMatchObject({ parts: [[40, 60, 160, 60, 160, 140, 40, 140]] });
  expect(made(made(box, "polygon"), "box")).toEqual(box);
  const again = made(made(turned, "polygon"), "rotated");
  expect(again.kind).toBe("rotated");
  if (again.kind !== "rotated") return;
  expect(again.turned.center[0]).toBeCloseTo(200, 1);
  expect(again.turned.size[0]).toBeCloseTo(120, 1);
  expect(again.turned.size[1]).toBeCloseTo(50, 1);
  expect(again.turned.angle).toBeCloseTo(0.4, 2);
});

test("an ellipse comes back from a polygon that follows it closely", () => {
  const near = made(round, "polygon", 0.05);
  const far = made(round, "polygon", 4);
  const corners = (geometry: Geometry): number => (geometry.kind === "polygon" ? geometry.parts[0]!.length / 2 : 0);
  expect(corners(near)).toBeGreaterThan(corners(far));
  // Its corners are on the curve, so it is the least bit smaller.
  const again = made(near, "ellipse");
  if (again.kind !== "ellipse") throw new Error(again.kind);
  for (const [value, wanted] of [[again.turned.size[0], 120], [again.turned.size[1], 70], [again.turned.angle, -0.5]] as const) {
    expect(Math.abs(value - wanted)).toBeLessThan(0.2);
  }
});

test("a mask becomes a polygon within the tolerance, and the IoU says how well", () => {
  const disc = made(round, "mask");
  const exact = one(disc, "polygon", 0);
  const rough = one(disc, "polygon", 6);
  expect(exact.least).toBe(1);
  expect(rough.least).toBeLessThan(1);
  expect(rough.least).toBeGreaterThan(0.85);
});

test("the least rectangle is around all corners, and no upright one is smaller", () => {
  let seed = 11;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let n = 0; n < 50; n++) {
    const run = Array.from({ length: 20 }, () => random() * 200);
    const rectangle = leastRectangle([run])!;
    const grown = rotated({ ...rectangle, size: [rectangle.size[0] + 0.1, rectangle.size[1] + 0.1] });
    for (let k = 0; k < run.length; k += 2) expect(kindOf(grown).touches(grown, { x: run[k]!, y: run[k + 1]! }, 0.1)).toBe(true);
    const { box: [, , w, h] } = polygon([run]);
    expect(rectangle.size[0] * rectangle.size[1]).toBeLessThanOrEqual(w * h + 1);
    expect(Math.abs(rectangle.angle)).toBeLessThanOrEqual(Math.PI / 4 + 1e-4);
  }
  expect(convexHull([[0, 0, 4, 0, 4, 4, 0, 4, 2, 2]])).toHaveLength(4);
  expect(leastRectangle([[0, 0, 4, 4]])).toBeNull();
  expect(ellipseLike({ parts: [[0, 0, 4, 4, 8, 8]], holes: [] })).toBeNull();
});

test("a hole is cut out of what it lies in; what it misses, or would leave nothing of, stays", () => {
  const hole = [{ x: 60, y: 80 }, { x: 100, y: 80 }, { x: 100, y: 120 }, { x: 60, y: 120 }];
  const beside = hole.map(({ x, y }) => ({ x: x + 200, y }));
  const around = [{ x: 0, y: 0 }, { x: 399, y: 0 }, { x: 399, y: 299 }, { x: 0, y: 299 }];
  const cut = pierced(box, hole, size);
  expect(cut).toMatchObject({ kind: "polygon", box: box.box });
  if (cut?.kind !== "polygon") return;
  expect([cut.parts.length, cut.holes.length]).toEqual([1, 1]);
  const less = pierced(mask, hole, size);
  expect(less?.kind).toBe("mask");
  for (const from of [box, mask] as Geometry[]) {
    expect(pierced(from, around, size)).toBeNull();
    expect(pierced(from, from === box ? beside : beside.map(({ x, y }) => ({ x: x + 90, y })), size)).toBeNull();
  }
});
