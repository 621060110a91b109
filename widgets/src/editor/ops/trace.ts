// Pixels to polygons: the cracks between set and unset pixels are followed with the set ones on the right hand, then
// corners are left out as far as a tolerance allows (Douglas and Peucker 1973).
//
// Pixels that only touch at a corner are apart. A polygon is its parts less all its holes, so an island in a hole can
// be no part of its own: the hole's run goes round it, out and back along one line, which encloses nothing.
import { type Point, type Size, polygon } from "../geometry";
import { type Bits, bitsOf } from "../masks";
import type { MaskGeometry } from "../records";
import type { PolygonGeometry } from "../../wire.gen";
import { bitsIou, fill } from "./fill";

/** A closed run of corners, x0, y0, x1, y1, …; the first one starts a crack that leads to the right. */
interface Ring {
  readonly run: number[];
  readonly hole: boolean;
}

/** Where an island's run joins another ring: on the edge after this corner of it, at this place. */
interface Seam extends Point {
  readonly corner: number;
  readonly island: number;
}

export interface Traced {
  readonly parts: number[][];
  readonly holes: number[][];
}

/** Right, down, left, up. */
const steps = [[1, 0], [0, 1], [-1, 0], [0, -1]] as const;

/**
 * The outlines of the set pixels, in image pixels. With a tolerance (px), no corner of the exact outline is farther
 * than that from the simpler one; at 0 `fill` gives the same pixels back.
 */
export function trace(bits: Bits, tolerance = 0): Traced {
  const grid = gridOf(bits);
  const rings = ringsOf(grid);
  const { parts, seams } = nested(grid, rings);
  const holes = rings.flatMap(({ hole }, index) => (hole ? [index] : []));
  const [left, top] = bits.window;
  const run = (index: number): number[] => joined(rings, seams, index, tolerance).map((v, i) => v + (i % 2 ? top : left));
  return { parts: parts.map(run), holes: holes.map(run) };
}

export interface Converted {
  readonly geometry: PolygonGeometry;
  /** Of the polygon's pixels with the mask's. */
  readonly iou: number;
}

/** A mask as a polygon whose outline is nowhere farther than `tolerance` px from a corner of the mask's. */
export function maskToPolygon(mask: MaskGeometry, tolerance: number): Converted {
  if (!(tolerance >= 0)) throw new Error(`a tolerance of ${tolerance} px is not known; give 0 or more`);
  const bits = bitsOf(mask);
  const { parts, holes } = trace(bits, tolerance);
  const size: Size = { w: mask.size[1], h: mask.size[0] };
  return { geometry: polygon(parts, holes), iou: bitsIou(bits, fill(parts, holes, size)) };
}

/** One byte a pixel, with a frame of one unset pixel. */
interface Grid {
  readonly cells: Uint8Array;
  readonly wide: number;
  readonly high: number;
}

function gridOf({ window: [, , w, h], stride, bytes }: Bits): Grid {
  const [wide, high] = [w + 2, h + 2];
  const cells = new Uint8Array(wide * high);
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      cells[(row + 1) * wide + column + 1] = (bytes[row * stride + (column >> 3)]! >> (7 - (column & 7))) & 1;
    }
  }
  return { cells, wide, high };
}

/** Every outline, in the order in which a reader of the rows meets the first crack above a set pixel. */
function ringsOf({ cells, wide, high }: Grid): Ring[] {
  const rings: Ring[] = [];
  const seen = new Uint8Array(cells.length);
  for (let row = 1; row < high - 1; row++) {
    for (let column = 1; column < wide - 1; column++) {
      const cell = row * wide + column;
      if (cells[cell] && !cells[cell - wide] && !seen[cell]) rings.push(followed(cells, wide, seen, column, row));
    }
  }
  return rings;
}

function followed(cells: Uint8Array, wide: number, seen: Uint8Array, column: number, row: number): Ring {
  // The two cells ahead of a crossing, as offsets from the one right of it and below it, for each heading.
  const right = [0, -1, -wide - 1, -wide];
  const left = [-wide, 0, -1, -wide - 1];
  const run: number[] = [];
  let [x, y, heading, area] = [column, row, 0, 0];
  do {
    const [dx, dy] = steps[heading]!;
    if (heading === 0) seen[y * wide + x] = 1;
    x += dx;
    y += dy;
    area += x * dy;
    const cell = y * wide + x;
    const turn = !cells[cell + right[heading]!] ? 1 : cells[cell + left[heading]!] ? 3 : 0;
    if (turn) run.push(x - 1, y - 1);
    heading = (heading + turn) % 4;
  } while (x !== column || y !== row || heading !== 0);
  // An outer ring starts at a corner, the last one met: it goes to the front.
  if (area > 0) run.unshift(...run.splice(-2));
  return { run, hole: area < 0 };
}

/** The rings that are parts, and for each ring the islands that join it; an island is a ring within a hole. */
function nested({ cells, wide }: Grid, rings: readonly Ring[]): { parts: number[]; seams: Map<number, Seam[]> } {
  // Left of the start of a ring lies nothing, or the right side of a pixel of the ring's neighbour or of the hole around it.
  const looked = new Map<number, number>();
  rings.forEach(({ run, hole }, index) => {
    if (hole) return;
    let cell = (run[1]! + 1) * wide + run[0]!;
    const first = cell - run[0]!;
    while (cell > first && !cells[cell]) cell--;
    if (cell > first) looked.set(index, cell);
  });
  const owners = ownersOf(new Set(looked.values()), rings, wide);
  const around = new Map<number, number>();
  const parts: number[] = [];
  const seams = new Map<number, Seam[]>();
  rings.forEach(({ run, hole }, index) => {
    if (hole) return;
    const cell = looked.get(index);
    const owner = cell === undefined ? undefined : owners.get(cell);
    // A neighbour was met before: its start comes earlier in the rows.
    const within = owner && (rings[owner.ring]!.hole ? owner.ring : around.get(owner.ring));
    if (owner === undefined || within === undefined) {
      parts.push(index);
      return;
    }
    around.set(index, within);
    const seam = { corner: owner.corner, x: rings[owner.ring]!.run[2 * owner.corner]!, y: run[1]!, island: index };
    const others = seams.get(owner.ring);
    if (others) others.push(seam);
    else seams.set(owner.ring, [seam]);
  });
  return { parts, seams };
}

/** For each of these cells the ring that runs down its right side, and the corner that it comes from. */
function ownersOf(cells: ReadonlySet<number>, rings: readonly Ring[], wide: number): Map<number, { ring: number; corner: number }> {
  const owners = new Map<number, { ring: number; corner: number }>();
  if (!cells.size) return owners;
  rings.forEach(({ run }, ring) => {
    for (let i = 0; i < run.length; i += 2) {
      const next = (i + 2) % run.length;
      for (let y = run[i + 1]!; y < run[next + 1]!; y++) {
        const cell = (y + 1) * wide + run[i]!;
        if (cells.has(cell)) owners.set(cell, { ring, corner: i / 2 });
      }
    }
  });
  return owners;
}

interface Place extends Point {
  /** Islands are joined here: it stays. */
  readonly islands: readonly number[];
}

/** The ring's places, those where islands join it among them, less what the tolerance leaves out. */
function placesOf({ run }: Ring, seams: readonly Seam[], tolerance: number): Place[] {
  const places: Place[] = [];
  const after = new Map<number, Seam[]>();
  for (const seam of seams) {
    const others = after.get(seam.corner);
    if (others) others.push(seam);
    else after.set(seam.corner, [seam]);
  }
  for (let corner = 0; corner < run.length / 2; corner++) {
    const [x, y] = [run[2 * corner]!, run[2 * corner + 1]!];
    const here = (after.get(corner) ?? []).sort((a, b) => a.y - b.y);
    places.push({ x, y, islands: here.filter((seam) => seam.y === y).map(({ island }) => island) });
    for (const seam of here) if (seam.y !== y) places.push({ x, y: seam.y, islands: [seam.island] });
  }
  return tolerance > 0 ? simplified(places, tolerance) : places;
}

/** A ring with the islands that join it, as one run. */
function joined(rings: readonly Ring[], seams: ReadonlyMap<number, readonly Seam[]>, index: number, tolerance: number): number[] {
  const out: number[] = [];
  const open = (ring: number): { places: Place[]; at: number; island: number } =>
    ({ places: placesOf(rings[ring]!, seams.get(ring) ?? [], tolerance), at: 0, island: 0 });
  // A stack of our own: islands may hang on islands thousands deep.
  const stack = [open(index)];
  while (stack.length) {
    const top = stack.at(-1)!;
    const place = top.places[top.at];
    if (!place) {
      stack.pop();
      // Back to where the island began, and from there to the ring that it hangs on.
      if (stack.length) out.push(top.places[0]!.x, top.places[0]!.y);
      continue;
    }
    out.push(place.x, place.y);
    const island = place.islands[top.island++];
    if (island !== undefined) {
      stack.push(open(island));
      continue;
    }
    top.at++;
    top.island = 0;
  }
  return out;
}

function awayFrom(a: Point, b: Point, p: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length)) : 0;
  return Math.hypot(a.x + t * dx - p.x, a.y + t * dy - p.y);
}

/** The place between two of a closed run that lies farthest from the line between them. */
function farthest(places: readonly Place[], from: number, to: number): { at: number; away: number } {
  let best = { at: -1, away: -1 };
  for (let i = from + 1; i < to; i++) {
    const away = awayFrom(places[from]!, places[to % places.length]!, places[i]!);
    if (away > best.away) best = { at: i, away };
  }
  return best;
}

/** Douglas and Peucker's choice of a closed run's places; by half the tolerance where the choice would enclose nothing. */
function simplified(places: readonly Place[], tolerance: number): Place[] {
  const count = places.length;
  const kept = new Uint8Array(count + 1);
  // An island's run begins and ends at its first place, which stays with those where others join it.
  kept[0] = kept[count] = 1;
  places.forEach(({ islands }, at) => (kept[at] ||= islands.length ? 1 : 0));
  const pending: [number, number][] = [];
  for (let from = 0, to = 1; to <= count; to++) {
    if (!kept[to]) continue;
    pending.push([from, to]);
    from = to;
  }
  while (pending.length) {
    const [from, to] = pending.pop()!;
    const { at, away } = farthest(places, from, to);
    if (away <= tolerance) continue;
    kept[at] = 1;
    pending.push([from, at], [at, to]);
  }
  const chosen = places.filter((_, at) => kept[at]);
  return chosen.length >= 3 && enclosed(chosen) > 0 ? chosen : simplified(places, tolerance / 2);
}

function enclosed(places: readonly Point[]): number {
  return Math.abs(places.reduce((sum, a, i) => {
    const b = places[(i + 1) % places.length]!;
    return sum + a.x * b.y - b.x * a.y;
  }, 0)) / 2;
}
