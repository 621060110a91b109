// The editor's records are the wire's own shapes, never written to: a change makes a new one.
import type { Geometry, Patch, Shape } from "../wire.gen";

export type { Geometry, LabelInfo, MaskGeometry, Op, Patch, Shape } from "../wire.gen";

/** The properties that an op may set. Geometry is one property. */
export const properties = ["class_id", "geometry", "crowd", "attributes", "tags", "z", "track"] as const;
export type Property = (typeof properties)[number];

/** The track of a shape that stands alone. */
export const alone = { id: null, keyframe: true, outside: false } as const;

export function newShape(id: string, classId: number, geometry: Geometry): Shape {
  return { id, class_id: classId, geometry, crowd: false, attributes: {}, tags: [], z: 0, track: { ...alone }, rev: 0, deleted: false };
}

/** Deep equality of plain JSON values; keys left undefined count as absent. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = Object.entries(b).filter(([, value]) => value !== undefined);
  return left.length === right.length && left.every(([key, value]) => same(value, (b as Record<string, unknown>)[key]));
}

/** What was filled in between keyframes and is put elsewhere by hand is a keyframe from then on. */
export function keyed(shape: Shape, before: Shape | undefined): Shape {
  const { track, geometry } = shape;
  const stays = !track.id || track.keyframe || same(before?.geometry, geometry);
  return stays ? shape : { ...shape, track: { ...track, keyframe: true } };
}

/** What must be set on `before` to make it `after`. */
export function patchBetween(before: Shape, after: Shape): Patch {
  const patch: Record<string, unknown> = {};
  for (const name of properties) if (!same(before[name], after[name])) patch[name] = after[name];
  return patch as Patch;
}

export function patched(shape: Shape, patch: Patch): Shape {
  return { ...shape, ...patch } as Shape;
}

export function isEmpty(patch: Patch): boolean {
  return Object.keys(patch).length === 0;
}

export function whole(shape: Shape): Patch {
  const { class_id, geometry, crowd, attributes, tags, z, track } = shape;
  return { class_id, geometry, crowd, attributes, tags, z, track };
}
