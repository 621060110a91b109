// What a tool made, as shapes to store: new ones, and stored ones with another outline.
import { newShape, type Shape } from "./records";
import type { ShapeStore } from "./store";
import type { Made } from "./tools/tool";

export interface Maker {
  readonly store: ShapeStore;
  /** Of new shapes that say none. */
  readonly classId: number;
  readonly newId: () => string;
  /** The attributes that a new shape of a class begins with. */
  readonly defaultsOf: (classId: number) => Record<string, unknown>;
}

export function shapesOf(made: readonly Made[], { store, classId: usual, newId, defaultsOf }: Maker): Shape[] {
  return made.map(({ geometry, classId, id }) => {
    // One that somebody deleted meanwhile is drawn anew: whoever did so did not mean this outline.
    const stored = id === undefined ? undefined : store.get(id);
    if (stored) return { ...stored, geometry, class_id: classId ?? stored.class_id };
    const given = classId ?? usual;
    return { ...newShape(newId(), given, geometry), attributes: defaultsOf(given) };
  });
}
