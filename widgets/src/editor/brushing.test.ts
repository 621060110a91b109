import { expect, test } from "vitest";
import { type Dab, brushed, filled, wiped } from "./brushing";
import { bitAt, bitsOf, countSet } from "./masks";
import type { MaskGeometry } from "./records";

const size = { w: 97, h: 61 };

/** A stream of numbers from 0 to 1, the same for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function strokeOf(random: () => number, radius: number): Dab[] {
  const count = 1 + Math.floor(random() * 4);
  return Array.from({ length: count }, () => ({ x: random() * 110 - 6, y: random() * 74 - 6, radius }));
}

/** What a stroke covers, pixel by pixel: those whose centres are no farther from its path than its radius. */
function covered(dabs: readonly Dab[], x: number, y: number): number {
  const p = { x: x + 0.5, y: y + 0.5 };
  let nearest = Infinity;
  dabs.forEach((dab, n) => {
    const from = dabs[Math.max(n - 1, 0)]!;
    const [dx, dy] = [dab.x - from.x, dab.y - from.y];
    const length = dx * dx + dy * dy;
    const t = length ? Math.min(1, Math.max(0, ((p.x - from.x) * dx + (p.y - from.y) * dy) / length)) : 0;
    nearest = Math.min(nearest, Math.hypot(p.x - from.x - t * dx, p.y - from.y - t * dy) / dab.radius);
  });
  return nearest;
}

test("strokes set what lies within them, wiping clears it, and nothing else changes", () => {
  const random = numbers(7);
  let mask: MaskGeometry | null = null;
  for (let round = 0; round < 60; round++) {
    const dabs = strokeOf(random, 2 + random() * 9);
    const wipes = random() < 0.4;
    const before: MaskGeometry | null = mask;
    if (wipes && !before) continue;
    mask = wipes ? wiped(before!, dabs, size) : brushed(before, dabs, size);
    const wrong: string[] = [];
    for (let y = 0; y < size.h; y++) {
      for (let x = 0; x < size.w; x++) {
        const was = before ? bitAt(bitsOf(before), x, y) : false;
        const is = mask ? bitAt(bitsOf(mask), x, y) : false;
        const away = covered(dabs, x, y);
        // Within a hair of the rim the steps along the path may decide either way.
        if (away < 0.96 ? is === wipes : away > 1.001 && is !== was) wrong.push(`round ${round}, pixel ${x}, ${y}`);
      }
    }
    expect(wrong).toEqual([]);
  }
});

test("a mask that is wiped away is none", () => {
  const mask = brushed(null, [{ x: 20, y: 20, radius: 5 }], size)!;
  expect(wiped(mask, [{ x: 20, y: 20, radius: 9 }], size)).toBeNull();
});

test("a stroke beside the image makes nothing", () => {
  expect(brushed(null, [{ x: -50, y: 20, radius: 5 }], size)).toBeNull();
});

test("filling closes holes and leaves bays open", () => {
  const ring = brushed(null, [[20, 20], [60, 20], [60, 45], [20, 45], [20, 20]].map(([x, y]) => ({ x: x!, y: y!, radius: 4 })), size)!;
  const whole = filled(ring, size);
  expect(bitAt(bitsOf(ring), 40, 32)).toBe(false);
  expect(bitAt(bitsOf(whole), 40, 32)).toBe(true);
  const bay = brushed(null, [[20, 20], [60, 20], [60, 45], [20, 45]].map(([x, y]) => ({ x: x!, y: y!, radius: 4 })), size)!;
  expect(countSet(bitsOf(filled(bay, size)))).toBe(countSet(bitsOf(bay)));
});
