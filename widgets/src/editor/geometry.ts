// Points, boxes and polygons in image pixels. The origin is the top left corner of the top left pixel.
import type { Box, PolygonGeometry, Turned } from "../wire.gen";

export type { Box } from "../wire.gen";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Width and height in pixels. */
export interface Size {
  readonly w: number;
  readonly h: number;
}

export const handleNames = ["nw", "n", "ne", "e", "se", "s", "sw", "w"] as const;
export type Handle = (typeof handleNames)[number];

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

export function clampPoint(p: Point, size: Size): Point {
  return { x: clamp(p.x, 0, size.w), y: clamp(p.y, 0, size.h) };
}

/** A hundredth of a pixel is finer than any label is drawn, and keeps the wire and the exports short. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

export function boxFromCorners(a: Point, b: Point): Box {
  const x = rounded(Math.min(a.x, b.x));
  const y = rounded(Math.min(a.y, b.y));
  return [x, y, rounded(Math.max(a.x, b.x) - x), rounded(Math.max(a.y, b.y) - y)];
}

export function boxArea(box: Box): number {
  return box[2] * box[3];
}

export function boxContains(box: Box, p: Point, margin = 0): boolean {
  return (
    p.x >= box[0] - margin &&
    p.y >= box[1] - margin &&
    p.x <= box[0] + box[2] + margin &&
    p.y <= box[1] + box[3] + margin
  );
}

/** How far the point lies from the box's outline, inside or out. */
export function boxEdgeDistance(box: Box, p: Point): number {
  const [x, y, w, h] = box;
  const outside = Math.hypot(Math.max(x - p.x, 0, p.x - x - w), Math.max(y - p.y, 0, p.y - y - h));
  if (outside > 0) return outside;
  return Math.min(p.x - x, x + w - p.x, p.y - y, y + h - p.y);
}

export function handlePoint(box: Box, handle: Handle): Point {
  const [x, y, w, h] = box;
  return {
    x: handle.includes("w") ? x : handle.includes("e") ? x + w : x + w / 2,
    y: handle.includes("n") ? y : handle.includes("s") ? y + h : y + h / 2,
  };
}

/** The box with one handle moved to a point; dragging past the opposite side turns the box over. */
export function resizeBox(box: Box, handle: Handle, to: Point, size: Size): Box {
  const p = clampPoint(to, size);
  const [x, y, w, h] = box;
  const left = handle.includes("w") ? p.x : x;
  const right = handle.includes("e") ? p.x : x + w;
  const top = handle.includes("n") ? p.y : y;
  const bottom = handle.includes("s") ? p.y : y + h;
  return boxFromCorners({ x: left, y: top }, { x: right, y: bottom });
}

/** The least box around boxes; there is at least one. */
export function hull(boxes: readonly Box[]): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y, w, h] of boxes) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + w);
    bottom = Math.max(bottom, y + h);
  }
  return [left, top, right - left, bottom - top];
}

/** The shift, shortened so that a box that lies in the image stays in it. */
export function clampShift(box: Box, shift: Point, size: Size): Point {
  const [x, y, w, h] = box;
  return {
    x: clamp(shift.x, Math.min(-x, 0), Math.max(size.w - x - w, 0)),
    y: clamp(shift.y, Math.min(-y, 0), Math.max(size.h - y - h, 0)),
  };
}

/** A box moved by a shift. */
export function shifted([x, y, w, h]: Box, shift: Point): Box {
  return [rounded(x + shift.x), rounded(y + shift.y), w, h];
}

/** A flat run of points moved by a shift. */
export function runShifted(run: readonly number[], shift: Point): number[] {
  return run.map((v, i) => rounded(v + (i % 2 ? shift.y : shift.x)));
}

/** The box around polygon parts. */
export function partsBox(parts: readonly (readonly number[])[]): Box {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) {
      const x = part[i]!;
      const y = part[i + 1]!;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
  }
  return x1 < x0 ? [0, 0, 0, 0] : [rounded(x0), rounded(y0), rounded(x1 - x0), rounded(y1 - y0)];
}

export function polygon(parts: number[][], holes: number[][] = []): PolygonGeometry {
  return { kind: "polygon", box: partsBox(parts), parts, holes };
}

/** The corners of a rectangle turned about its centre, clockwise, as one flat run. */
export function turnedCorners({ center: [x, y], size: [w, h], angle }: Turned): number[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].flatMap(([i, j]) => {
    const [along, across] = [(i! * w) / 2, (j! * h) / 2];
    return [x + along * cos - across * sin, y + along * sin + across * cos];
  });
}

/** The point in the frame of a turned rectangle: its centre at 0, 0, its sides upright. */
export function untwist({ center: [x, y], angle }: Turned, p: Point): Point {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { x: (p.x - x) * cos + (p.y - y) * sin, y: (p.y - y) * cos - (p.x - x) * sin };
}

/** The area of one part by the shoelace formula, in px². */
export function partArea(part: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < part.length; i += 2) {
    const j = (i + 2) % part.length;
    sum += part[i]! * part[j + 1]! - part[j]! * part[i + 1]!;
  }
  return Math.abs(sum) / 2;
}

/** Whether the point lies in one part, by the even-odd rule. */
export function partContains(part: readonly number[], p: Point): boolean {
  let inside = false;
  for (let i = 0, j = part.length - 2; i < part.length; j = i, i += 2) {
    const yi = part[i + 1]!;
    const yj = part[j + 1]!;
    if (yi > p.y !== yj > p.y && p.x < ((part[j]! - part[i]!) * (p.y - yi)) / (yj - yi) + part[i]!) inside = !inside;
  }
  return inside;
}

/** The point of the image whose place in the rectangle's frame is `p`. */
export function retwist({ center: [x, y], angle }: Turned, p: Point): Point {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { x: x + p.x * cos - p.y * sin, y: y + p.x * sin + p.y * cos };
}

export interface EdgeHit {
  readonly part: number;
  /** The edge runs from this vertex to the next. */
  readonly vertex: number;
  readonly at: Point;
  readonly away: number;
}

/** The point on any part's outline that is nearest to `p`; lines that are not `closed` have no edge back. */
export function nearestEdge(parts: readonly (readonly number[])[], p: Point, closed = true): EdgeHit | null {
  let best: EdgeHit | null = null;
  parts.forEach((part, index) => {
    const count = part.length / 2;
    for (let v = 0; v < (closed ? count : count - 1); v++) {
      const a = vertexOf(part, v);
      const b = vertexOf(part, (v + 1) % count);
      const [dx, dy] = [b.x - a.x, b.y - a.y];
      const length = dx * dx + dy * dy;
      const t = length ? clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0, 1) : 0;
      const at = { x: a.x + t * dx, y: a.y + t * dy };
      const away = distance(at, p);
      if (!best || away < best.away) best = { part: index, vertex: v, at, away };
    }
  });
  return best;
}

export function vertexOf(part: readonly number[], index: number): Point {
  return { x: part[2 * index]!, y: part[2 * index + 1]! };
}

export interface VertexHit {
  readonly part: number;
  readonly vertex: number;
}

export function vertexAt(parts: readonly (readonly number[])[], p: Point, reach: number): VertexHit | null {
  let best: VertexHit | null = null;
  let nearest = reach;
  parts.forEach((part, index) => {
    for (let v = 0; v < part.length / 2; v++) {
      const away = distance(vertexOf(part, v), p);
      if (away < nearest) {
        nearest = away;
        best = { part: index, vertex: v };
      }
    }
  });
  return best;
}

/** The parts with one vertex set, inserted after (`insert`), or taken out (`to` null). */
export function withVertex(parts: readonly (readonly number[])[], hit: VertexHit, to: Point | null, insert = false): number[][] {
  return parts.map((part, index) => {
    const copy = part.slice();
    if (index !== hit.part) return copy;
    if (!to) copy.splice(2 * hit.vertex, 2);
    else if (insert) copy.splice(2 * hit.vertex + 2, 0, rounded(to.x), rounded(to.y));
    else copy.splice(2 * hit.vertex, 2, rounded(to.x), rounded(to.y));
    return copy;
  });
}

/** Ends a closed union: reaching it is a type error at build time and a fault at run time. */
export function unreachable(value: never): never {
  throw new Error(`not a known case: ${JSON.stringify(value)}`);
}
