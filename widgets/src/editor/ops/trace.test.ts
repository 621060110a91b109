import { expect, test } from "vitest";
import { type Size, partArea, polygon } from "../geometry";
import { type Bits, bitAt, countSet, emptyBits, encode, setBit } from "../masks";
import { bitsIou, fill, polygonToMask } from "./fill";
import { maskToPolygon, trace } from "./trace";

/** A fixed sequence of pseudo-random numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function drawn(rows: readonly string[], at: readonly [number, number] = [0, 0]): Bits {
  const bits = emptyBits([at[0], at[1], rows[0]!.length, rows.length]);
  rows.forEach((row, y) => [...row].forEach((cell, x) => cell === "#" && setBit(bits, at[0] + x, at[1] + y)));
  return bits;
}

/** Noise, coarser or finer, so that holes, islands and pixels that touch at corners all occur. */
function noise(next: () => number, size: Size): Bits {
  const [x, y] = [Math.floor(next() * size.w), Math.floor(next() * size.h)];
  const bits = emptyBits([x, y, 1 + Math.floor(next() * (size.w - x)), 1 + Math.floor(next() * (size.h - y))]);
  const [density, grain] = [next(), 1 + Math.floor(next() * 3)];
  const cells = new Map<string, boolean>();
  for (let i = x; i < x + bits.window[2]; i++) {
    for (let j = y; j < y + bits.window[3]; j++) {
      const cell = `${Math.floor(i / grain)} ${Math.floor(j / grain)}`;
      if (!cells.has(cell)) cells.set(cell, next() < density);
      if (cells.get(cell)) setBit(bits, i, j);
    }
  }
  return bits;
}

/** Overlapping discs and the holes in them: outlines as hands and models make them. */
function blobs(next: () => number, size: Size): Bits {
  const bits = emptyBits([0, 0, size.w, size.h]);
  const discs = Array.from({ length: 1 + Math.floor(next() * 5) }, () => [next() * size.w, next() * size.h, 4 + next() * 20, next() * 12]);
  for (let x = 0; x < size.w; x++) {
    for (let y = 0; y < size.h; y++) {
      if (discs.some(([cx, cy, r, hole]) => {
        const away = Math.hypot(x + 0.5 - cx!, y + 0.5 - cy!);
        return away < r! && away >= hole!;
      })) setBit(bits, x, y);
    }
  }
  return bits;
}

function perimeter(runs: readonly (readonly number[])[]): number {
  let sum = 0;
  for (const run of runs) {
    for (let i = 0; i < run.length; i += 2) {
      const j = (i + 2) % run.length;
      sum += Math.hypot(run[j]! - run[i]!, run[j + 1]! - run[i + 1]!);
    }
  }
  return sum;
}

function awayFromRuns(runs: readonly (readonly number[])[], x: number, y: number): number {
  let best = Infinity;
  for (const run of runs) {
    for (let i = 0; i < run.length; i += 2) {
      const j = (i + 2) % run.length;
      const [ax, ay, dx, dy] = [run[i]!, run[i + 1]!, run[j]! - run[i]!, run[j + 1]! - run[i + 1]!];
      const t = dx || dy ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))) : 0;
      best = Math.min(best, Math.hypot(ax + t * dx - x, ay + t * dy - y));
    }
  }
  return best;
}

test("a pixel becomes its own square", () => {
  expect(trace(drawn(["#"], [3, 5]))).toEqual({ parts: [[3, 5, 4, 5, 4, 6, 3, 6]], holes: [] });
});

test("pixels that touch at a corner are two parts", () => {
  expect(trace(drawn(["#.", ".#"])).parts).toHaveLength(2);
});

test("a ring is a part and a hole", () => {
  const { parts, holes } = trace(drawn(["###", "#.#", "###"]));
  expect(parts).toEqual([[0, 0, 3, 0, 3, 3, 0, 3]]);
  expect(holes.map(partArea)).toEqual([1]);
});

test("an island in a hole is cut out of the hole, not lost under it", () => {
  const rows = ["#######", "#.....#", "#.#.#.#", "#.....#", "#######"];
  const { parts, holes } = trace(drawn(rows));
  expect([parts.length, holes.length]).toEqual([1, 1]);
  expect(partArea(holes[0]!)).toBe(13);
  const back = fill(parts, holes, { w: 7, h: 5 });
  expect(rows.map((row, y) => [...row].map((_, x) => (bitAt(back, x, y) ? "#" : ".")).join(""))).toEqual(rows);
});

test("at tolerance 0 every mask comes back bit for bit, and its polygon has its area", () => {
  for (let seed = 1; seed <= 400; seed++) {
    const next = random(seed);
    const size = { w: 1 + Math.floor(next() * 40), h: 1 + Math.floor(next() * 40) };
    const bits = seed % 4 ? noise(next, size) : blobs(next, size);
    const mask = encode(bits, size);
    if (!mask) continue;
    const { geometry, iou } = maskToPolygon(mask, 0);
    const area = geometry.parts.map(partArea).reduce((a, b) => a + b, 0) - geometry.holes.map(partArea).reduce((a, b) => a + b, 0);
    expect(iou, `seed ${seed}`).toBe(1);
    expect(polygonToMask(geometry, size)?.counts, `seed ${seed}`).toBe(mask.counts);
    expect(area, `seed ${seed}`).toBe(countSet(bits));
    expect(geometry.box, `seed ${seed}`).toEqual(mask.box);
  }
});

test("no corner of the exact outline is farther than the tolerance from the simpler one", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const bits = (seed % 2 ? noise : blobs)(next, { w: 60, h: 50 });
    const tolerance = next() * 4;
    const exact = trace(bits);
    const simple = trace(bits, tolerance);
    const runs = [...simple.parts, ...simple.holes];
    for (const run of [...exact.parts, ...exact.holes]) {
      for (let i = 0; i < run.length; i += 2) {
        expect(awayFromRuns(runs, run[i]!, run[i + 1]!), `seed ${seed}`).toBeLessThanOrEqual(tolerance + 1e-9);
      }
    }
  }
});

test("what the tolerance changes lies along the outline: the IoU that is told has that bound", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const size = { w: 90, h: 80 };
    const bits = blobs(next, size);
    const mask = encode(bits, size);
    if (!mask) continue;
    const exact = trace(bits);
    const corners = (runs: readonly (readonly number[])[]): number => runs.reduce((sum, run) => sum + run.length / 2, 0);
    for (const tolerance of [0.5, 1, 2]) {
      const { geometry, iou } = maskToPolygon(mask, tolerance);
      const pixels = fill(geometry.parts, geometry.holes, size);
      expect(iou).toBe(bitsIou(bits, pixels));
      // Within the band around the outline, with half a pixel more for the raster's own rounding.
      const band = 2 * (tolerance + 0.5) * perimeter([...exact.parts, ...exact.holes]);
      expect(iou, `seed ${seed}, ${tolerance} px`).toBeGreaterThanOrEqual(1 - band / countSet(bits));
      expect(corners([...geometry.parts, ...geometry.holes])).toBeLessThanOrEqual(corners([...exact.parts, ...exact.holes]));
    }
  }
});

test("a disc of radius 40 keeps 97 % at one pixel with a tenth of the corners", () => {
  const size = { w: 100, h: 100 };
  const bits = emptyBits([0, 0, 100, 100]);
  for (let x = 0; x < 100; x++) for (let y = 0; y < 100; y++) if (Math.hypot(x - 49.5, y - 49.5) < 40) setBit(bits, x, y);
  const mask = encode(bits, size)!;
  const { geometry, iou } = maskToPolygon(mask, 1);
  expect(iou).toBeGreaterThan(0.97);
  expect(geometry.parts[0]!.length).toBeLessThan(maskToPolygon(mask, 0).geometry.parts[0]!.length / 5);
});

test("a polygon that came from a mask gives the same polygon again", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const next = random(seed);
    const size = { w: 40, h: 30 };
    const mask = encode(noise(next, size), size);
    if (!mask) continue;
    const { geometry } = maskToPolygon(mask, 0);
    expect(maskToPolygon(polygonToMask(geometry, size)!, 0).geometry, `seed ${seed}`).toEqual(geometry);
  }
});

test("a thin diagonal keeps an area at any tolerance", () => {
  const bits = drawn(["##....", ".##...", "..##..", "...##.", "....##"]);
  for (const tolerance of [0.5, 1, 3, 100]) {
    const { parts } = trace(bits, tolerance);
    expect(parts.map(partArea).every((area) => area > 0), `${tolerance} px`).toBe(true);
  }
});

test("a tolerance below 0, or none, is refused", () => {
  const mask = encode(drawn(["#"]), { w: 4, h: 4 })!;
  expect(() => maskToPolygon(mask, -1)).toThrow("-1 px");
  expect(() => maskToPolygon(mask, NaN)).toThrow("NaN px");
});

test("a polygon outside the image, or thinner than a pixel's middle, is no mask", () => {
  expect(polygonToMask(polygon([[200, 200, 220, 200, 210, 220]]), { w: 50, h: 50 })).toBeNull();
  expect(polygonToMask(polygon([[10, 10, 10.1, 10, 10.1, 30]]), { w: 50, h: 50 })).toBeNull();
});
