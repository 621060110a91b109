// Shapes as text for the clipboard: they go from image to image, from notebook to portal, and between datasets.
import type { Shape } from "../editor/records";
import { alone } from "../editor/records";
import type { LabelInfo } from "../wire.gen";

const mark = "evalnb/shapes@1";

interface Clip {
  readonly kind: typeof mark;
  /** Class names by id: another dataset has other ids. */
  readonly classes: Readonly<Record<string, string>>;
  readonly shapes: readonly Shape[];
}

export function clipOf(shapes: readonly Shape[], nameOf: (classId: number) => string): string {
  const classes = Object.fromEntries(shapes.map(({ class_id }) => [class_id, nameOf(class_id)]));
  const clip: Clip = { kind: mark, classes, shapes: shapes.map((shape) => ({ ...shape, track: { ...alone } })) };
  return JSON.stringify(clip);
}

export interface Unclipped {
  readonly shapes: readonly Shape[];
  /** Classes that are not there, with how many shapes are left out for each. */
  readonly strange: ReadonlyMap<string, number>;
}

/** The shapes that a text holds, with this dataset's class ids; null where the text is something else. */
export function unclipped(text: string, classes: readonly LabelInfo[]): Unclipped | null {
  let clip: Clip;
  try {
    clip = JSON.parse(text) as Clip;
  } catch {
    // Any text may lie on the clipboard.
    return null;
  }
  if (typeof clip !== "object" || clip?.kind !== mark || !Array.isArray(clip.shapes)) return null;
  const ids = new Map(classes.map(({ id, name }) => [name, id]));
  const strange = new Map<string, number>();
  const shapes = clip.shapes.flatMap((shape) => {
    const name = clip.classes[shape.class_id] ?? `class ${shape.class_id}`;
    const class_id = ids.get(name);
    if (class_id !== undefined) return [{ ...shape, class_id }];
    strange.set(name, (strange.get(name) ?? 0) + 1);
    return [];
  });
  return { shapes, strange };
}
