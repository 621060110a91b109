// Shapes made of shapes: joined, cut out of each other, taken apart, drawn tight.
import type { Box } from "../editor/geometry";
import { combined, encloses, pieces } from "../editor/ops/combine";
import { type Geometry, type Shape, alone, same } from "../editor/records";
import type { Session } from "./session";

export class Shaping {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** All that is selected becomes one shape: the first that was chosen. */
  join(): boolean {
    const { editor } = this.#session;
    const shapes = this.#areas();
    const [first, ...others] = shapes;
    if (!first || !others.length) return this.#several("joined");
    const geometry = combined("union", shapes.map((one) => one.geometry), editor.size);
    if (geometry) this.#put([{ ...first, geometry }], others);
    return true;
  }

  /** The others are cut out of the first that was chosen; they stay, or they were only the knife. */
  subtract(stay: boolean): boolean {
    const { editor } = this.#session;
    const shapes = this.#areas();
    const [first, ...others] = shapes;
    if (!first || !others.length) return this.#several("cut out of the first");
    if (!overlaps(first, others)) {
      this.#session.tell("The others do not touch the shape that was chosen first");
      return true;
    }
    const geometry = combined("difference", shapes.map((one) => one.geometry), editor.size);
    if (!geometry) this.#session.tell("Nothing would be left of the first shape", "delete it, or choose the shapes in the other order");
    else this.#put([{ ...first, geometry }], stay ? [] : others);
    return true;
  }

  /** A shape for each part or island. */
  split(): boolean {
    const { editor } = this.#session;
    let made = 0;
    const shapes = editor.editable.flatMap((shape) => {
      const [whole, ...rest] = pieces(shape.geometry, editor.size);
      if (!whole || !rest.length) return [];
      made += rest.length + 1;
      return [{ ...shape, geometry: whole }, ...rest.map((geometry) => copyOf(shape, geometry))];
    });
    if (!shapes.length) {
      if (editor.editable.length) this.#session.tell("What is selected hangs together: there is nothing to take apart");
      return editor.editable.length > 0;
    }
    editor.putAll(shapes);
    editor.selectAll(shapes.map(({ id }) => id));
    this.#session.tell(`${made.toLocaleString("en")} shapes now`);
    return true;
  }

  /** Boxes fit the mask or outline that they are drawn around: one that is selected too, else the one that fits best. */
  tighten(): boolean {
    const { editor } = this.#session;
    const boxes = editor.editable.filter(({ geometry }) => geometry.kind === "box");
    if (!boxes.length) return false;
    const chosen = editor.selection.filter(isOutline);
    const tight = boxes.flatMap((shape) => {
      const near = chosen.length ? chosen : (editor.document?.index.within(shape.geometry.box) ?? []).filter((one) => isOutline(one) && editor.isVisible(one));
      const best = near.map((one) => [one, boxIou(one.geometry.box, shape.geometry.box)] as const).reduce<readonly [Shape | null, number]>(
        (found, one) => (one[1] > found[1] ? one : found), [null, 0]);
      return best[0] ? [{ ...shape, geometry: { kind: "box", box: best[0].geometry.box } as Geometry }] : [];
    });
    editor.putAll(tight.filter((shape) => !same(shape.geometry, boxes.find(({ id }) => id === shape.id)?.geometry)));
    if (tight.length < boxes.length) this.#session.tell(`${boxes.length - tight.length} of ${boxes.length} boxes have no mask or outline in them`);
    return true;
  }

  #areas(): readonly Shape[] {
    return this.#session.editor.editable.filter(({ geometry }) => encloses(geometry));
  }

  #several(what: string): boolean {
    const { editor } = this.#session;
    if (editor.selection.length) this.#session.tell(`Two shapes or more that enclose something are ${what}`, "Shift-click takes one more");
    return editor.selection.length > 0;
  }

  #put(changed: readonly Shape[], gone: readonly Shape[]): void {
    const { editor } = this.#session;
    editor.document?.store.change("local", (draft) => {
      changed.forEach(draft.put);
      for (const { id } of gone) draft.remove(id);
    });
    editor.selectAll(changed.map(({ id }) => id));
  }
}

/** A new shape that is like another in all but its geometry. */
export function copyOf(shape: Shape, geometry: Geometry): Shape {
  return { ...shape, id: crypto.randomUUID(), rev: 0, track: { ...alone }, geometry };
}

function isOutline({ geometry }: Shape): boolean {
  return encloses(geometry) && geometry.kind !== "box";
}

function overlaps(first: Shape, others: readonly Shape[]): boolean {
  return others.some(({ geometry }) => boxIou(first.geometry.box, geometry.box) > 0);
}

function boxIou([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): number {
  const w = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const h = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  const both = Math.max(w, 0) * Math.max(h, 0);
  return both ? both / (aw * ah + bw * bh - both) : 0;
}
