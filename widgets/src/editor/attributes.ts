// What a shape says of itself besides its outline: values asked for by its class, and whether it is partly hidden.
import type { LabelInfo } from "../wire.gen";
import { type Shape, same } from "./records";

/** The attributes that a new shape of a class begins with. */
export function defaultsOf(label: Pick<LabelInfo, "attributes"> | undefined): Record<string, unknown> {
  return Object.fromEntries((label?.attributes ?? []).flatMap((one) => (one.default === null ? [] : [[one.name, one.default]])));
}

/** The shape with another value; undefined takes it away. None where nothing changes. */
export function described(shape: Shape, name: string, value: unknown): Shape[] {
  const attributes = { ...shape.attributes, [name]: value };
  if (value === undefined) delete attributes[name];
  return same(attributes, shape.attributes) ? [] : [{ ...shape, attributes }];
}

/** All of them partly hidden by something; or none, where all were. */
export function occluded(shapes: readonly Shape[]): Shape[] {
  const now = shapes.some(({ attributes }) => attributes["occluded"] !== true);
  return shapes.map((shape) => {
    const { occluded: _, ...attributes } = shape.attributes;
    return { ...shape, attributes: now ? { ...attributes, occluded: true } : attributes };
  });
}
