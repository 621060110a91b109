// Pictures of more than 8 bits or of other bands than a screen has: their codes, seen through a window.
import type { BandInfo } from "../wire.gen";

export interface Range {
  /** What is shown as black. */
  readonly low: number;
  /** As white. */
  readonly high: number;
}

/** How a deep picture is looked at: one band in grey, or three as red, green and blue, each through its own window. */
export interface DepthView {
  readonly bands: readonly number[];
  /** One for each of `bands`, in the picture's values. */
  readonly windows: readonly Range[];
}

/** A tile's codes, band after band. */
export interface Codes {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly (Uint8Array | Uint16Array)[];
}

const colors = ["red", "green", "blue"];

/** Whether the first three bands are the colours that one window keeps in balance. */
export function colored(bands: readonly BandInfo[]): boolean {
  return colors.every((name, place) => bands[place]?.name === name);
}

/** The bands that are shown at first: colours where there are three, else one. */
export function firstBands(bands: readonly BandInfo[]): number[] {
  return bands.length >= 3 ? [0, 1, 2] : [0];
}

/** What shows all but the darkest and the brightest. */
export function autoWindow(band: BandInfo): Range {
  return { low: band.low, high: band.high };
}

/** What shows everything. */
export function fullWindow(band: BandInfo): Range {
  return { low: band.least, high: band.most > band.least ? band.most : band.least + 1 };
}

/** One window for all of them. */
export function joined(ranges: readonly Range[]): Range {
  return { low: Math.min(...ranges.map((one) => one.low)), high: Math.max(...ranges.map((one) => one.high)) };
}

/** The grey of every code through a window: a table for the whole picture. */
export function tableOf({ low, high }: Range, { offset, scale, bits }: { offset: number; scale: number; bits: 8 | 16 }): Uint8ClampedArray {
  const table = new Uint8ClampedArray(2 ** bits);
  const slope = 255 / Math.max(high - low, Number.MIN_VALUE);
  for (let code = 0; code < table.length; code++) table[code] = (offset + scale * code - low) * slope;
  return table;
}

/** Paint a tile's codes into RGBA through a table for each band: one in grey, or three in colour. */
export function paint({ planes }: Codes, tables: readonly Uint8ClampedArray[], into: Uint8ClampedArray): void {
  const red = planes[0]!;
  const green = planes[1] ?? red;
  const blue = planes[2] ?? red;
  const r = tables[0]!;
  const g = tables[1] ?? r;
  const b = tables[2] ?? r;
  for (let i = 0, to = 0; i < red.length; i++) {
    into[to++] = r[red[i]!]!;
    into[to++] = g[green[i]!]!;
    into[to++] = b[blue[i]!]!;
    into[to++] = 255;
  }
}

/** From differences along rows to codes, in place. */
function added(plane: Uint8Array | Uint16Array, width: number): void {
  for (let at = 0; at < plane.length; at++) if (at % width) plane[at] = plane[at]! + plane[at - 1]!;
}

/** The codes in a reply's bytes, which are compressed. */
export async function unpacked(packed: DataView<ArrayBuffer>, { width, height, bits }: { width: number; height: number; bits: number }): Promise<Codes> {
  const bytes = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  const count = width * height;
  const wide = bits === 16;
  const planes = Array.from({ length: bytes.byteLength / (count * (wide ? 2 : 1)) }, (_, band) =>
    wide ? new Uint16Array(bytes, band * count * 2, count) : new Uint8Array(bytes, band * count, count));
  for (const plane of planes) added(plane, width);
  if (!planes.length || planes.some((plane) => plane.length !== count)) throw new Error(`a tile of ${bytes.byteLength} bytes is not ${width} × ${height}`);
  return { width, height, planes };
}
