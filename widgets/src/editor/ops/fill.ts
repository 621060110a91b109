// Polygons to pixels, bit for bit as COCO does it and as evalnb/core/masks.py and rle.c do: at five times the
// resolution, each run of corners by the even-odd rule, the union of the parts less the union of the holes.
// Source of the arithmetic: the COCO API's maskApi.c (cocodataset/cocoapi), rleFrPoly.
import { type Box, type Size, clamp, partsBox } from "../geometry";
import { type Bits, countSet, emptyBits, encode } from "../masks";
import type { MaskGeometry } from "../records";
import type { PolygonGeometry } from "../../wire.gen";

/** The places, column · height + row, where the run of corners turns on or off down the columns; ascending. */
function turnsOf(run: readonly number[], { w, h }: Size): number[] {
  const places: number[] = [];
  const corners = run.map((value) => Math.trunc(5 * value + 0.5));
  let [before, level] = [NaN, NaN];
  for (let j = 0; j < corners.length; j += 2) {
    const next = (j + 2) % corners.length;
    let [xs, ys, xe, ye] = [corners[j]!, corners[j + 1]!, corners[next]!, corners[next + 1]!];
    const [dx, dy] = [Math.abs(xe - xs), Math.abs(ye - ys)];
    const wide = dx >= dy;
    const flip = wide ? xs > xe : ys > ye;
    if (flip) [xs, ys, xe, ye] = [xe, ye, xs, ys];
    const long = wide ? dx : dy;
    const slope = long ? (wide ? ye - ys : xe - xs) / long : 0;
    for (let d = 0; d <= long; d++) {
      const t = flip ? long - d : d;
      const u = wide ? t + xs : Math.trunc(xs + slope * t + 0.5);
      const v = wide ? Math.trunc(ys + slope * t + 0.5) : t + ys;
      if (u !== before && before === before) {
        const lower = Math.min(u, before);
        // Five steps to a pixel: a column is crossed in its middle.
        if (lower >= 0 && lower % 5 === 2 && (lower - 2) / 5 < w) {
          const y = Math.ceil(clamp((Math.min(v, level) + 0.5) / 5 - 0.5, 0, h));
          places.push(((lower - 2) / 5) * h + y);
        }
      }
      [before, level] = [u, v];
    }
  }
  const sorted = Float64Array.from(places).sort();
  const turns: number[] = [];
  for (let i = 0, end = 0; i < sorted.length; i = end) {
    while (end < sorted.length && sorted[end] === sorted[i]) end++;
    // Crossings of one place cancel in pairs.
    if ((end - i) % 2 && sorted[i]! < w * h) turns.push(sorted[i]!);
  }
  return turns;
}

function draw(bits: Bits, run: readonly number[], size: Size): void {
  const { window: [left, top], stride, bytes } = bits;
  const turns = turnsOf(run, size);
  for (let i = 0; i < turns.length; i += 2) {
    // What is never turned off runs to the end of the image.
    const end = turns[i + 1] ?? size.w * size.h;
    let at = turns[i]!;
    while (at < end) {
      const column = Math.floor(at / size.h);
      const last = Math.min(end, (column + 1) * size.h);
      const bit = 0x80 >> ((column - left) & 7);
      let byte = (at - column * size.h - top) * stride + ((column - left) >> 3);
      for (; at < last; at++, byte += stride) bytes[byte]! |= bit;
    }
  }
}

/** The pixels of the parts less the holes in an image of that size. Runs are flat: x0, y0, x1, y1, … in pixels. */
export function fill(parts: readonly (readonly number[])[], holes: readonly (readonly number[])[], size: Size): Bits {
  const bits = emptyBits(windowOf(parts, size));
  for (const part of parts) draw(bits, part, size);
  if (!holes.length) return bits;
  const out = emptyBits(windowOf(holes, size));
  for (const hole of holes) draw(out, hole, size);
  return without(bits, out);
}

/** A polygon as a mask of an image of that size; null where it covers the middle of no pixel. */
export function polygonToMask({ parts, holes }: PolygonGeometry, size: Size): MaskGeometry | null {
  return encode(fill(parts, holes, size), size);
}

/** Whole pixels around the runs, within the image. */
function windowOf(runs: readonly (readonly number[])[], size: Size): Box {
  const [x, y, w, h] = partsBox(runs);
  const [left, top] = [clamp(Math.floor(x) - 1, 0, size.w), clamp(Math.floor(y) - 1, 0, size.h)];
  return [left, top, clamp(Math.ceil(x + w) + 1, left, size.w) - left, clamp(Math.ceil(y + h) + 1, top, size.h) - top];
}

/** The byte of eight pixels from column `x` on (any x) of an image row; 0 outside the window. */
function eightAt({ window: [left, top, w, h], stride, bytes }: Bits, x: number, y: number): number {
  const row = y - top;
  if (row < 0 || row >= h) return 0;
  const from = x - left;
  const [byte, shift] = [from >> 3, from & 7];
  const first = byte >= 0 && byte < stride ? bytes[row * stride + byte]! : 0;
  const second = shift && byte + 1 >= 0 && byte + 1 < stride ? bytes[row * stride + byte + 1]! : 0;
  return from >= w || from <= -8 ? 0 : ((first << shift) | (second >> (8 - shift))) & 0xff;
}

/** The pixels of `a` that `b` does not have. */
export function without(a: Bits, b: Bits): Bits {
  return masked(a, b, 0xff);
}

/** The pixels that both have. */
export function within(a: Bits, b: Bits): Bits {
  return masked(a, b, 0);
}

function masked(a: Bits, b: Bits, turned: number): Bits {
  const { window: [left, top, , h], stride } = a;
  const out = { ...a, bytes: a.bytes.slice() };
  for (let row = 0; row < h; row++) {
    for (let byte = 0; byte < stride; byte++) out.bytes[row * stride + byte]! &= turned ^ eightAt(b, left + 8 * byte, top + row);
  }
  return out;
}

/** Intersection over union of two sets of pixels; 1 for two empty ones. */
export function bitsIou(a: Bits, b: Bits): number {
  const { window: [left, top, , h], stride, bytes } = a;
  let both = 0;
  for (let row = 0; row < h; row++) {
    for (let byte = 0; byte < stride; byte++) {
      for (let one = bytes[row * stride + byte]! & eightAt(b, left + 8 * byte, top + row); one; one &= one - 1) both++;
    }
  }
  const either = countSet(a) + countSet(b) - both;
  return either ? both / either : 1;
}
