import { expect, test } from "vitest";
import { bitAt, countsFromString, countsToString, decode, emptyBits, encode, setBit } from "./masks";

/** A fixed sequence of pseudo-random numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

// Written by pycocotools.mask.encode for a 5 × 4 (h × w) mask.
const known = { size: [5, 4] as [number, number], counts: "11320NN040", rows: [".#..", "###.", ".#..", "..#.", "...#"] };

test("runs written by COCO's own encoder decode to its mask, and encode to its string", () => {
  const bits = decode({ counts: known.counts, size: known.size });
  const rows = known.rows.map((_, y) => Array.from({ length: 4 }, (_, x) => (bitAt(bits, x, y) ? "#" : ".")).join(""));
  expect(rows).toEqual(known.rows);
  expect(encode(bits, { w: 4, h: 5 })?.counts).toBe(known.counts);
});

test("long runs and steep falls survive the compressed string", () => {
  const counts = [0, 1, 40_000_000, 3, 1, 70_000, 2, 5];
  expect(countsFromString(countsToString(counts))).toEqual(counts);
});

test("a broken string is refused", () => {
  expect(() => countsFromString("6\u0001")).toThrow(/broken/);
});

test("every mask comes back from its runs bit for bit, also from a window that hangs over the edges", () => {
  const next = random(3);
  for (let round = 0; round < 1000; round++) {
    const [w, h] = [1 + Math.floor(next() * 19), 1 + Math.floor(next() * 19)];
    // Where it has every row, a run may go on in the next column.
    const rows = round % 3 ? [Math.floor(next() * (h + 3)) - 3, 1 + Math.floor(next() * (h + 3))] as const : [0, h] as const;
    const bits = emptyBits([Math.floor(next() * (w + 3)) - 3, rows[0], 1 + Math.floor(next() * (w + 12)), rows[1]]);
    const [x, y] = bits.window;
    const density = Math.min(1.2 * next(), 1);
    for (let i = x; i < x + bits.window[2]; i++) for (let j = y; j < y + bits.window[3]; j++) if (next() < density) setBit(bits, i, j);
    const mask = encode(bits, { w, h });
    const counts = mask ? countsFromString(mask.counts) : [w * h];
    expect(counts.reduce((a, b) => a + b)).toBe(w * h);
    expect(counts.slice(1).every((run) => run > 0)).toBe(true);
    const back = mask ? decode(mask) : emptyBits([0, 0, 0, 0]);
    if (mask) expect(back.window).toEqual(mask.box);
    for (let i = 0; i < w; i++) for (let j = 0; j < h; j++) if (bitAt(back, i, j) !== bitAt(bits, i, j)) expect([round, i, j]).toBeNull();
  }
});

test("a window that hangs over the image's edge is cut there", () => {
  const bits = emptyBits([3, 3, 8, 8]);
  for (let x = 3; x < 11; x++) for (let y = 3; y < 11; y++) setBit(bits, x, y);
  expect(encode(bits, { w: 5, h: 6 })?.box).toEqual([3, 3, 2, 3]);
});

test("a mask that ends in the image's last pixel ends with that run, as COCO writes it", () => {
  const bits = emptyBits([2, 1, 2, 2]);
  setBit(bits, 3, 2);
  expect(countsFromString(encode(bits, { w: 4, h: 3 })!.counts)).toEqual([11, 1]);
});

test("an empty mask is no annotation", () => {
  expect(encode(emptyBits([0, 0, 4, 4]), { w: 9, h: 9 })).toBeNull();
});
