import { expect, test } from "vitest";
import { polygon } from "../geometry";
import { countSet, decode, emptyBits, setBit } from "../masks";
import cases from "./fill.cases.json";
import { bitsIou, fill, polygonToMask } from "./fill";

test("polygons have the pixels that the core and pycocotools give them, bit for bit", () => {
  // Written, and held against pycocotools, by tests/parity/test_canvas_fill.py.
  expect(cases.length).toBe(80);
  cases.forEach(({ size: [h, w], parts, holes, counts }, at) => {
    const mask = polygonToMask(polygon(parts, holes), { w: w!, h: h! });
    if (mask) expect(mask.counts, `case ${at}`).toBe(counts);
    else expect(countSet(decode({ counts, size: [h!, w!] })), `case ${at}`).toBe(0);
  });
});

test("a part over a part is no hole; a hole takes from every part", () => {
  const square = [0, 0, 10, 0, 10, 10, 0, 10];
  const size = { w: 30, h: 20 };
  expect(countSet(fill([square, square], [], size))).toBe(100);
  expect(countSet(fill([square, [5, 0, 20, 0, 20, 10, 5, 10]], [[8, 2, 12, 2, 12, 6, 8, 6]], size))).toBe(200 - 16);
});

test("the overlap of pixels does not depend on the windows that hold them", () => {
  const [a, b] = [emptyBits([3, 2, 21, 9]), emptyBits([9, 0, 30, 7])];
  for (let x = 5; x < 20; x++) for (let y = 2; y < 6; y++) setBit(a, x, y);
  for (let x = 15; x < 39; x++) for (let y = 4; y < 7; y++) setBit(b, x, y);
  const both = 5 * 2;
  expect(bitsIou(a, b)).toBe(both / (15 * 4 + 24 * 3 - both));
  expect(bitsIou(b, a)).toBe(bitsIou(a, b));
  expect(bitsIou(a, a)).toBe(1);
  expect(bitsIou(emptyBits([0, 0, 4, 4]), emptyBits([0, 0, 1, 1]))).toBe(1);
});
