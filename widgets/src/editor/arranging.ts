// Several shapes at once: aligned, ordered, and copied to another image. Pure: shapes in, changed shapes out.
import { type Box, type Point, type Size, clampShift, hull } from "./geometry";
import { kindOf, moves } from "./kinds";
import type { Shape } from "./records";

export type Side = "left" | "right" | "top" | "bottom" | "center" | "middle";

/** The way from where a box is to where the side of `frame` wants it. */
const way: Readonly<Record<Side, (box: Box, frame: Box) => Point>> = {
  left: ([x], [fx]) => ({ x: fx - x, y: 0 }),
  right: ([x, , w], [fx, , fw]) => ({ x: fx + fw - x - w, y: 0 }),
  center: ([x, , w], [fx, , fw]) => ({ x: fx + fw / 2 - x - w / 2, y: 0 }),
  top: ([, y], [, fy]) => ({ x: 0, y: fy - y }),
  bottom: ([, y, , h], [, fy, , fh]) => ({ x: 0, y: fy + fh - y - h }),
  middle: ([, y, , h], [, fy, , fh]) => ({ x: 0, y: fy + fh / 2 - y - h / 2 }),
};

function moved(shape: Shape, by: Point): Shape {
  return { ...shape, geometry: kindOf(shape.geometry).translate(shape.geometry, by) };
}

/** Those of the shapes that must move for all to meet at one side of the frame around them. */
export function aligned(shapes: readonly Shape[], side: Side): Shape[] {
  if (shapes.length < 2) return [];
  const frame = hull(shapes.map(({ geometry }) => geometry.box));
  return shapes.flatMap((shape) => {
    if (!moves(shape.geometry)) return [];
    const by = way[side](shape.geometry.box, frame);
    return by.x || by.y ? [moved(shape, by)] : [];
  });
}

/** Those of the shapes that must move for the gaps between them to be even; the outermost stay. Where they overlap the
 * gaps are as negative as all of them together need. */
export function distributed(shapes: readonly Shape[], axis: "horizontal" | "vertical"): Shape[] {
  const [side, length] = axis === "horizontal" ? ([0, 2] as const) : ([1, 3] as const);
  const middle = ({ geometry: { box } }: Shape): number => box[side] + box[length] / 2;
  // What cannot be moved would only be in the way of even gaps.
  const inOrder = shapes.filter(({ geometry }) => moves(geometry)).sort((a, b) => middle(a) - middle(b));
  const [first, last] = [inOrder[0], inOrder.at(-1)];
  if (inOrder.length < 3 || !first || !last) return [];
  const [from, until] = [first.geometry.box[side], last.geometry.box[side] + last.geometry.box[length]];
  const gap = (until - from - inOrder.reduce((sum, { geometry }) => sum + geometry.box[length], 0)) / (inOrder.length - 1);
  let at = from;
  return inOrder.flatMap((shape) => {
    const by = at - shape.geometry.box[side];
    at += shape.geometry.box[length] + gap;
    return Math.abs(by) < 0.005 || shape === last ? [] : [moved(shape, axis === "horizontal" ? { x: by, y: 0 } : { x: 0, y: by })];
  });
}

/** The number of the group that the shape belongs to; null where to none. CVAT, Datumaro and LabelMe call it so. */
export function groupOf({ attributes }: Pick<Shape, "attributes">): number | null {
  const id = attributes["group_id"];
  return typeof id === "number" && id > 0 ? id : null;
}

/** The first number that no group has. */
export function freeGroup(shapes: Iterable<Shape>): number {
  let highest = 0;
  for (const shape of shapes) highest = Math.max(highest, groupOf(shape) ?? 0);
  return highest + 1;
}

/** The shapes in one group, or in none (null). */
export function grouped(shapes: readonly Shape[], group: number | null): Shape[] {
  return shapes.filter((shape) => groupOf(shape) !== group).map((shape) => {
    const { group_id: _, ...attributes } = shape.attributes;
    return { ...shape, attributes: group === null ? attributes : { ...attributes, group_id: group } };
  });
}

/** Copies in groups of their own, beside those that are there already. */
export function regrouped(copies: readonly Shape[], there: Iterable<Shape>): Shape[] {
  let free = freeGroup(there);
  const fresh = new Map<number, number>();
  return copies.map((shape) => {
    const group = groupOf(shape);
    if (group === null) return shape;
    if (!fresh.has(group)) fresh.set(group, free++);
    return { ...shape, attributes: { ...shape.attributes, group_id: fresh.get(group)! } };
  });
}

/** The shapes moved together, as far as the image reaches; nothing where they cannot move. */
export function shiftedTogether(shapes: readonly Shape[], by: Point, size: Size): Shape[] {
  const movable = shapes.filter(({ geometry }) => moves(geometry));
  if (!movable.length) return [];
  const shift = clampShift(hull(movable.map(({ geometry }) => geometry.box)), by, size);
  return shift.x || shift.y ? movable.map((shape) => moved(shape, shift)) : [];
}

/** The shapes drawn over all others, or under them, in the order that they have among themselves. */
export function ordered(shapes: readonly Shape[], all: Iterable<Shape>, end: "front" | "rear"): Shape[] {
  const chosen = new Set(shapes.map(({ id }) => id));
  let [low, high] = [Infinity, -Infinity];
  for (const { id, z } of all) {
    if (chosen.has(id)) continue;
    low = Math.min(low, z);
    high = Math.max(high, z);
  }
  if (low === Infinity) return [];
  const sorted = [...shapes].sort((a, b) => a.z - b.z);
  const levels = [...new Set(sorted.map(({ z }) => z))];
  const first = end === "front" ? high + 1 : low - levels.length;
  return sorted.map((shape) => ({ ...shape, z: first + levels.indexOf(shape.z) })).filter((shape, n) => shape.z !== sorted[n]!.z);
}

/** Why a shape cannot be put on an image of this size; null where it can. */
export function misfit({ geometry }: Shape, { w, h }: Size): string | null {
  if (geometry.kind === "mask") {
    const [height, width] = geometry.size;
    return width === w && height === h ? null : `a mask of ${width} × ${height} px does not fit an image of ${w} × ${h} px`;
  }
  const [x, y, bw, bh] = geometry.box;
  // Moving it in is for shapes that merely stick out.
  return bw <= w && bh <= h && x < w && y < h && x + bw > 0 && y + bh > 0 ? null : `it lies outside an image of ${w} × ${h} px`;
}

/** A shape moved so that it lies in the image, if it stuck out. */
export function fitted(shape: Shape, { w, h }: Size): Shape {
  const [x, y, bw, bh] = shape.geometry.box;
  const by = { x: Math.max(0, -x) - Math.max(0, x + bw - w), y: Math.max(0, -y) - Math.max(0, y + bh - h) };
  return (by.x || by.y) && moves(shape.geometry) ? moved(shape, by) : shape;
}
