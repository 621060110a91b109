// Shapes joined, cut and taken apart: against pixels counted one by one, on random shapes.
import { expect, test } from "vitest";
import { type Point, type Size, partArea, polygon } from "../geometry";
import { ellipse, rotated, turnedOf } from "../kinds/turned";
import { bitAt, bitsOf, countSet, emptyBits, encode, setBit } from "../masks";
import type { Geometry, MaskGeometry } from "../records";
import { combined, encloses, pieces, sliced } from "./combine";
import { components } from "./components";
import { fill } from "./fill";

const size: Size = { w: 96, h: 80 };
/** For a machine that does much else. */
const patientlyMs = 120_000;

/** mulberry32: the seed is named where a test fails. */
function dice(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const square = (x: number, y: number, w: number, h = w): number[] => [x, y, x + w, y, x + w, y + h, x, y + h];

/** A star about a point: no run crosses itself. */
function star(roll: () => number, centre: Point, reach: number): number[] {
  const count = 5 + Math.floor(roll() * 9);
  return Array.from({ length: count }, (_, n) => {
    const [turn, far] = [(2 * Math.PI * (n + roll() * 0.8)) / count, reach * (0.35 + 0.65 * roll())];
    return [centre.x + far * Math.cos(turn), centre.y + far * Math.sin(turn)].map((v) => Math.round(v * 100) / 100);
  }).flat();
}

function shapeOf(roll: () => number): Geometry {
  const at = { x: 25 + 45 * roll(), y: 22 + 35 * roll() };
  const which = Math.floor(roll() * 5);
  if (which === 0) return { kind: "box", box: [Math.round(at.x - 12), Math.round(at.y - 9), 24, 18] };
  if (which === 1) return rotated(turnedOf(at, 30, 14, roll() * 3));
  if (which === 2) return ellipse(turnedOf(at, 30, 16, roll() * 3));
  if (which === 3) return encode(fill([star(roll, at, 20)], [], size), size)!;
  const holes = roll() < 0.5 ? [star(roll, at, 5)] : [];
  return polygon([star(roll, at, 20), ...(roll() < 0.4 ? [star(roll, { x: at.x + 18, y: at.y }, 12)] : [])], holes);
}

const scale = 4;

/** The pixels at four times the resolution: where two exact areas differ, they differ there. */
function finely(geometry: Geometry): Uint8Array {
  const [w, h] = [size.w * scale, size.h * scale];
  const up = (runs: readonly (readonly number[])[]): number[][] => runs.map((run) => run.map((v) => v * scale));
  const shape = geometry.kind === "mask" || geometry.kind === "polygon" ? geometry : combined("union", [geometry], size)!;
  const bits = shape.kind === "mask" ? bitsOf(shape) : fill(up(shape.parts), up(shape.holes), { w, h });
  const zoom = shape.kind === "mask" ? scale : 1;
  return Uint8Array.from({ length: w * h }, (_, n) => Number(bitAt(bits, (n % w) / zoom, Math.floor(n / w) / zoom)));
}

/** Of the fine pixels of some shapes, how many px² are so. */
function areaWhere(rasters: readonly Uint8Array[], wanted: (...values: number[]) => boolean): number {
  let sum = 0;
  for (let n = 0; n < rasters[0]!.length; n++) sum += Number(wanted(...rasters.map((one) => one[n]!)));
  return sum / scale ** 2;
}

test("joined and cut outlines cover what a count of fine pixels says", () => {
  for (let seed = 1; seed <= 24; seed++) {
    const roll = dice(seed);
    const shapes = Array.from({ length: 2 + Math.floor(roll() * 3) }, () => shapeOf(roll)).filter(({ kind }) => kind !== "mask");
    if (!shapes.length) continue;
    const rasters = shapes.map(finely);
    for (const rule of ["union", "difference"] as const) {
      const found = combined(rule, shapes, size);
      const wanted = ([first, ...others]: number[]): number => Number(rule === "union" ? first || others.some(Boolean) : first && !others.some(Boolean));
      const wrong = areaWhere([found ? finely(found) : new Uint8Array(rasters[0]!.length), ...rasters], (has, ...of) => Boolean(has) !== Boolean(wanted(of)));
      // Outlines that meet are rastered apart by a fine pixel here and there.
      expect(wrong, `seed ${seed}, ${rule}`).toBeLessThan(8);
    }
  }
}, patientlyMs);

test("where a mask takes part, every pixel is as the pixels say", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const roll = dice(seed);
    const mask = encode(fill([star(roll, { x: 45, y: 40 }, 28)], [], size), size)!;
    const other = shapeOf(roll);
    const bits = other.kind === "mask" ? bitsOf(other) : null;
    for (const rule of ["union", "difference"] as const) {
      const found = combined(rule, [mask, other], size) as MaskGeometry | null;
      const outline = other.kind === "polygon" ? fill(other.parts, other.holes, size) : bits;
      if (!outline) continue;
      let wrong = 0;
      for (let x = 0; x < size.w; x++) {
        for (let y = 0; y < size.h; y++) {
          const [a, b] = [bitAt(bitsOf(mask), x, y), bitAt(outline, x, y)];
          wrong += Number((found ? bitAt(bitsOf(found), x, y) : false) !== (rule === "union" ? a || b : a && !b));
        }
      }
      expect(wrong, `seed ${seed}, ${rule}`).toBe(0);
    }
  }
}, patientlyMs);

test("a cut leaves both sides and nothing between them", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const roll = dice(seed);
    const shape = shapeOf(roll);
    const [x, y, w, h] = shape.box;
    const line = [{ x: x - 5, y: y + h * roll() }, { x: x + w / 2, y: y + h * roll() }, { x: x + w + 5, y: y + h * roll() }];
    const halves = sliced(shape, roll() < 0.5 ? line : [line[0]!, line[2]!], size);
    if (!halves) continue;
    const rasters = [...halves, shape].map(finely);
    expect(areaWhere(rasters, (left, right) => Boolean(left && right)), `seed ${seed}`).toBeLessThan(6);
    expect(areaWhere(rasters, (left, right, whole) => Boolean(left || right) !== Boolean(whole)), `seed ${seed}`).toBeLessThan(8);
    expect(Math.min(areaWhere(rasters, (left) => Boolean(left)), areaWhere(rasters, (_, right) => Boolean(right)))).toBeGreaterThan(0);
  }
}, patientlyMs);

test("a line beside a shape parts nothing", () => {
  const box: Geometry = { kind: "box", box: [10, 10, 20, 20] };
  expect(sliced(box, [{ x: 50, y: 0 }, { x: 50, y: 60 }], size)).toBeNull();
  expect(sliced(box, [{ x: 15, y: 15 }], size)).toBeNull();
  expect(sliced(box, [{ x: 15, y: 15 }, { x: 15, y: 15 }], size)).toBeNull();
  // A line that ends inside goes on straight.
  expect(sliced(box, [{ x: 20, y: 12 }, { x: 20, y: 18 }], size)!.map((one) => one.box)).toEqual([[10, 10, 10, 20], [20, 10, 10, 20]]);
});

test("a ring with an island in its hole stays so", () => {
  const island = combined("union", [polygon([square(0, 0, 60)], [square(10, 10, 40)]), polygon([square(25, 25, 10)])], size)!;
  expect(island.kind === "polygon" && [island.parts.length, island.holes.length]).toEqual([2, 1]);
  const raster = finely(island);
  const at = (x: number, y: number): number => raster[y * scale * size.w * scale + x * scale]!;
  expect([at(5, 5), at(15, 15), at(30, 30)]).toEqual([1, 0, 1]);
  expect(areaWhere([raster], Boolean)).toBeCloseTo(60 * 60 - 40 * 40 + 100, 0);
});

test("nothing left is null", () => {
  const [small, large]: Geometry[] = [{ kind: "box", box: [10, 10, 5, 5] }, { kind: "box", box: [0, 0, 40, 40] }];
  expect(combined("difference", [small!, large!], size)).toBeNull();
  const mask = (geometry: Geometry): MaskGeometry => encode(fill([square(...(geometry.box.slice(0, 3) as [number, number, number]))], [], size), size)!;
  expect(combined("difference", [mask(small!), large!], size)).toBeNull();
});

test("a polygon's parts come apart with their holes, the largest first", () => {
  const three = polygon([square(0, 0, 10), square(20, 0, 30), square(5, 5, 10)], [square(25, 5, 5)]);
  const [large, rest] = pieces(three, size) as [Geometry, Geometry];
  expect(pieces(three, size)).toHaveLength(2);
  expect(large).toMatchObject({ kind: "polygon", box: [20, 0, 30, 30] });
  expect(large.kind === "polygon" && large.holes).toHaveLength(1);
  // The two that overlap are one.
  expect(rest.kind === "polygon" && partArea(rest.parts[0]!)).toBe(175);
  expect(pieces({ kind: "box", box: [0, 0, 4, 4] }, size)).toHaveLength(1);
});

test("a mask's islands: a corner is enough to hang together", () => {
  const bits = emptyBits([7, 5, 21, 12]);
  const set = ["##...#", "..#..#", ".....#", "#....."];
  set.forEach((row, y) => [...row].forEach((one, x) => one === "#" && setBit(bits, 7 + x, 5 + y)));
  const found = components(bits);
  expect(found.map(countSet).sort()).toEqual([1, 3, 3]);
  expect(found.every(({ window: [x, y] }) => x >= 7 && y >= 5)).toBe(true);
  expect(pieces(encode(bits, size)!, size).map(({ box }) => box)[2]).toEqual([7, 8, 1, 1]);
});

test("lines and points enclose nothing", () => {
  expect(encloses({ kind: "polyline", box: [0, 0, 1, 1], parts: [[0, 0, 1, 1]] })).toBe(false);
  expect(encloses({ kind: "box", box: [0, 0, 1, 1] })).toBe(true);
});
