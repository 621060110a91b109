// Masks: COCO's compressed runs (column-major, the first of zeros) and windows of bits (row-major, 8 pixels a byte).
// Source of the format: the COCO API's maskApi.c (cocodataset/cocoapi).
import type { Box, Point, Size } from "./geometry";
import { Recent } from "./recent";
import type { MaskGeometry } from "./records";

/** The set pixels inside `window` (x, y, w, h in whole image pixels); everything outside it is unset. */
export interface Bits {
  readonly window: Box;
  /** Bytes of a row. The first pixel sits in the highest bit, as numpy's packbits has it. */
  readonly stride: number;
  readonly bytes: Uint8Array;
}

export function emptyBits(window: Box): Bits {
  const stride = (window[2] + 7) >> 3;
  return { window, stride, bytes: new Uint8Array(stride * window[3]) };
}

/** Whether a pixel is set, by its place in the image. */
export function bitAt(bits: Bits, x: number, y: number): boolean {
  const column = Math.floor(x) - bits.window[0];
  const row = Math.floor(y) - bits.window[1];
  if (column < 0 || row < 0 || column >= bits.window[2] || row >= bits.window[3]) return false;
  return (bits.bytes[row * bits.stride + (column >> 3)]! & (0x80 >> (column & 7))) !== 0;
}

export function setBit(bits: Bits, x: number, y: number): void {
  const column = x - bits.window[0];
  const row = y - bits.window[1];
  const place = row * bits.stride + (column >> 3);
  bits.bytes[place] = bits.bytes[place]! | (0x80 >> (column & 7));
}

/** The least window around two; an empty one takes no room. */
export function around(a: Box, b: Box): Box {
  if (!a[2] || !a[3]) return b;
  if (!b[2] || !b[3]) return a;
  const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return [x, y, Math.max(a[0] + a[2], b[0] + b[2]) - x, Math.max(a[1] + a[3], b[1] + b[3]) - y];
}

/** A copy of the bits in another window, which holds theirs. */
export function inWindow(bits: Bits, window: Box): Bits {
  const out = emptyBits(window);
  const [x, y, w, h] = bits.window;
  const shift = (x - window[0]) & 7;
  const first = (x - window[0]) >> 3;
  for (let row = 0; row < h; row++) {
    const to = (y - window[1] + row) * out.stride + first;
    for (let byte = 0; byte < (w + 7) >> 3; byte++) {
      const value = bits.bytes[row * bits.stride + byte]!;
      if (!value) continue;
      out.bytes[to + byte]! |= value >> shift;
      if (shift && to + byte + 1 < out.bytes.length) out.bytes[to + byte + 1]! |= (value << (8 - shift)) & 0xff;
    }
  }
  return out;
}

/** COCO's compressed string to run lengths. Throws where the string is broken. */
export function countsFromString(text: string): number[] {
  const counts: number[] = [];
  let place = 0;
  while (place < text.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const char = text.charCodeAt(place++) - 48;
      if (!(char >= 0 && char < 64)) throw new Error(`the compressed runs ${JSON.stringify(text.slice(0, 40))} are broken`);
      // Beyond 31 bits << would wrap around; runs of large images stay exact with a multiplication.
      value += (char & 0x1f) * 2 ** shift;
      shift += 5;
      more = (char & 0x20) !== 0;
      if (!more && char & 0x10) value -= 2 ** shift;
    }
    if (counts.length > 2) value += counts[counts.length - 2]!;
    counts.push(value);
  }
  return counts;
}

/** Run lengths to COCO's compressed string: 5 bits a character, each run from the fourth on less the one two before. */
export function countsToString(counts: readonly number[]): string {
  const chars: number[] = [];
  counts.forEach((run, place) => {
    let value = place > 2 ? run - counts[place - 2]! : run;
    let more = true;
    while (more) {
      let char = value & 0x1f;
      value >>= 5;
      more = char & 0x10 ? value !== -1 : value !== 0;
      if (more) char |= 0x20;
      chars.push(char + 48);
    }
  });
  let text = "";
  for (let i = 0; i < chars.length; i += 8192) text += String.fromCharCode(...chars.slice(i, i + 8192));
  return text;
}

/** The tight box of the set runs in an image `height` high; zeros for an empty mask. */
export function runsBox(counts: readonly number[], height: number): Box {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  let at = 0;
  counts.forEach((run, place) => {
    if (place % 2 && run) {
      const first = at;
      const last = at + run - 1;
      const c0 = Math.floor(first / height);
      const c1 = Math.floor(last / height);
      x0 = Math.min(x0, c0);
      x1 = Math.max(x1, c1);
      y0 = Math.min(y0, c0 === c1 ? first % height : 0);
      y1 = Math.max(y1, c0 === c1 ? last % height : height - 1);
    }
    at += run;
  });
  return x1 < 0 ? [0, 0, 0, 0] : [x0, y0, x1 - x0 + 1, y1 - y0 + 1];
}

/** The pixels of a mask, cut to its own tight window. */
export function decode(mask: Pick<MaskGeometry, "counts" | "size">): Bits {
  const height = mask.size[0];
  const counts = countsFromString(mask.counts);
  const bits = emptyBits(runsBox(counts, height));
  const { window: [left, top], stride, bytes } = bits;
  let at = 0;
  counts.forEach((run, place) => {
    if (place % 2) {
      let column = Math.floor(at / height);
      let row = at - column * height;
      for (let rest = run; rest > 0; column++, row = 0) {
        const count = Math.min(rest, height - row);
        const bit = 0x80 >> ((column - left) & 7);
        let byte = (row - top) * stride + ((column - left) >> 3);
        for (let n = 0; n < count; n++, byte += stride) bytes[byte]! |= bit;
        rest -= count;
      }
    }
    at += run;
  });
  return bits;
}

/** Bits as a mask annotation of an image of that size; null where no pixel is set. */
export function encode(bits: Bits, size: Size): MaskGeometry | null {
  const [wx, wy, ww, wh] = bits.window;
  const counts: number[] = [];
  let on = false;
  let start = 0;
  const turn = (at: number): void => {
    counts.push(at - start);
    start = at;
    on = !on;
  };
  const top = Math.max(wy, 0);
  const bottom = Math.min(wy + wh, size.h);
  const fullHeight = top === 0 && bottom === size.h;
  const { bytes, stride } = bits;
  const rows: number[][] = Array.from({ length: 8 }, () => []);
  for (let byte = 0; byte < stride; byte++) {
    // Eight columns at once: most rows change none of them.
    let before = 0;
    for (let y = top, place = (top - wy) * stride + byte; y < bottom; y++, place += stride) {
      for (let changed = bytes[place]! ^ before; changed; changed &= changed - 1) rows[Math.clz32(changed & -changed) - 24]!.push(y);
      before = bytes[place]!;
    }
    rows.forEach((turns, column) => {
      const x = wx + 8 * byte + column;
      if (x >= Math.max(wx, 0) && x < Math.min(wx + ww, size.w)) {
        // A run that reached the last row goes on where this column begins with a pixel.
        const goesOn = on && turns[0] === top;
        if (on && !goesOn) turn(x * size.h + top);
        for (let n = goesOn ? 1 : 0; n < turns.length; n++) turn(x * size.h + turns[n]!);
        // A run ends where the window does, unless the next column's first pixel follows the last of this one.
        if (on && !fullHeight) turn(x * size.h + bottom);
      }
      turns.length = 0;
    });
  }
  const end = Math.min(wx + ww, size.w) * size.h;
  if (on && end < size.w * size.h) turn(end);
  if (!counts.length) return null;
  // A run that reached the last pixel has ended already: no run is empty but the first.
  if (start < size.w * size.h) counts.push(size.w * size.h - start);
  const mask: MaskGeometry = { kind: "mask", box: runsBox(counts, size.h), size: [size.h, size.w], counts: countsToString(counts) };
  // The next look at it need not decode what was just encoded.
  if (wx >= 0 && wy >= 0 && wx + ww <= size.w && wy + wh <= size.h) decoded.set(mask, bits);
  return mask;
}

export function countSet(bits: Bits): number {
  let sum = 0;
  for (const byte of bits.bytes) for (let b = byte; b; b &= b - 1) sum++;
  return sum;
}

/** 64 MB: history holds a thousand masks, whose bits must not all be held with them. */
const decoded = new Recent<object, Bits>(64 * 2 ** 20, ({ bytes }) => bytes.length);

/** `decode`, remembered for a while. */
export function bitsOf(mask: MaskGeometry): Bits {
  let bits = decoded.get(mask);
  if (!bits) decoded.set(mask, (bits = decode(mask)));
  return bits;
}

export function maskContains(mask: MaskGeometry, p: Point): boolean {
  return bitAt(bitsOf(mask), p.x, p.y);
}
