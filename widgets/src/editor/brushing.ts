// Strokes of a brush on masks. A stroke is a path with a width while it is drawn; it becomes pixels when it ends.
import { type Box, type Point, type Size, clamp } from "./geometry";
import { type Bits, around, bitsOf, emptyBits, encode, inWindow } from "./masks";
import type { MaskGeometry } from "./records";

/** One place of a stroke; the radius, in image pixels, follows the pen's pressure. */
export interface Dab extends Point {
  readonly radius: number;
}

/** The whole pixels that a stroke may touch, within the image. */
function reachOf(dabs: readonly Dab[], size: Size): Box {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y, radius } of dabs) {
    x0 = Math.min(x0, x - radius);
    y0 = Math.min(y0, y - radius);
    x1 = Math.max(x1, x + radius);
    y1 = Math.max(y1, y + radius);
  }
  const [left, top] = [clamp(Math.floor(x0), 0, size.w), clamp(Math.floor(y0), 0, size.h)];
  return [left, top, clamp(Math.ceil(x1), 0, size.w) - left, clamp(Math.ceil(y1), 0, size.h) - top];
}

/** Set or clear the pixels from `x0` to before `x1` of a row of the window, eight at a time. */
function span(bits: Bits, row: number, x0: number, x1: number, on: boolean): void {
  const from = clamp(x0 - bits.window[0], 0, bits.window[2]);
  const to = clamp(x1 - bits.window[0], 0, bits.window[2]);
  if (to <= from || row < 0 || row >= bits.window[3]) return;
  const start = row * bits.stride;
  for (let byte = from >> 3; byte <= (to - 1) >> 3; byte++) {
    const left = Math.max(from - byte * 8, 0);
    const right = Math.min(to - byte * 8, 8);
    const mask = (0xff >> left) & (0xff << (8 - right));
    if (on) bits.bytes[start + byte]! |= mask;
    else bits.bytes[start + byte]! &= ~mask;
  }
}

/** Every pixel whose centre lies within the stroke: the hull of two neighbouring dabs is filled row by row. */
function stroke(bits: Bits, dabs: readonly Dab[], on: boolean): void {
  dabs.forEach((dab, place) => {
    const before = dabs[Math.max(place - 1, 0)]!;
    const steps = Math.max(1, Math.ceil(Math.hypot(dab.x - before.x, dab.y - before.y) / Math.max(Math.min(dab.radius, before.radius) / 4, 0.5)));
    for (let step = place ? 1 : steps; step <= steps; step++) {
      const t = step / steps;
      const [x, y, radius] = [before.x + (dab.x - before.x) * t, before.y + (dab.y - before.y) * t, before.radius + (dab.radius - before.radius) * t];
      for (let row = Math.floor(y - radius); row <= Math.ceil(y + radius); row++) {
        const away = row + 0.5 - y;
        const half = Math.sqrt(radius * radius - away * away);
        if (half >= 0) span(bits, row - bits.window[1], Math.ceil(x - half - 0.5), Math.floor(x + half - 0.5) + 1, on);
      }
    }
  });
}

/** A mask with a stroke added (`null`: a new one); null where no pixel is left or none was reached. */
export function brushed(mask: MaskGeometry | null, dabs: readonly Dab[], size: Size): MaskGeometry | null {
  const touched = reachOf(dabs, size);
  if (touched[2] <= 0 || touched[3] <= 0) return mask;
  const bits = mask ? inWindow(bitsOf(mask), around(bitsOf(mask).window, touched)) : emptyBits(touched);
  stroke(bits, dabs, true);
  return encode(bits, size);
}

/** A mask with a stroke taken away; null where nothing is left of it. */
export function wiped(mask: MaskGeometry, dabs: readonly Dab[], size: Size): MaskGeometry | null {
  const bits = inWindow(bitsOf(mask), bitsOf(mask).window);
  stroke(bits, dabs, false);
  return encode(bits, size);
}

/** A mask without holes: what its outside does not reach is set. */
export function filled(mask: MaskGeometry, size: Size): MaskGeometry {
  const own = bitsOf(mask);
  const [x, y, w, h] = own.window;
  // A frame of one pixel around it, so that the outside is one piece.
  const [wide, high] = [w + 2, h + 2];
  const seen = new Uint8Array(wide * high);
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      if (own.bytes[row * own.stride + (column >> 3)]! & (0x80 >> (column & 7))) seen[(row + 1) * wide + column + 1] = 1;
    }
  }
  const pending = [0];
  seen[0] = 2;
  while (pending.length) {
    const at = pending.pop()!;
    const column = at % wide;
    for (const next of [column ? at - 1 : -1, column < wide - 1 ? at + 1 : -1, at - wide, at + wide]) {
      if (next < 0 || next >= seen.length || seen[next]) continue;
      seen[next] = 2;
      pending.push(next);
    }
  }
  const bits = emptyBits([x, y, w, h]);
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      if (seen[(row + 1) * wide + column + 1] !== 2) bits.bytes[row * bits.stride + (column >> 3)]! |= 0x80 >> (column & 7);
    }
  }
  return encode(bits, size) ?? mask;
}
