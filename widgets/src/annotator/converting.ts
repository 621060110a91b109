// What is selected made another kind of shape: at once, or looked at first.
import { computed, effect, signal } from "@preact/signals";
import { type Conversion, type Target, converted, tolerancePx } from "../editor/ops/convert";
import type { Shape } from "../editor/records";
import type { Session } from "./session";

/** A polygon farther off than this stands for nothing any more, px. */
export const toleranceMax = 50;

export class Converting {
  readonly #session: Session;
  /** What is looked at; null where nothing is. */
  readonly asked = signal<{ readonly to: Target; readonly tolerance: number } | null>(null);
  /** What would become of what is selected. */
  readonly result;

  constructor(session: Session) {
    this.#session = session;
    this.result = computed<Conversion | null>(() => {
      const asked = this.asked.value;
      // The editor knows the shapes; the signals say when to look.
      void [session.shapes.value, session.selectedIds.value, session.locked.value];
      return asked && converted(session.editor.editable, asked.to, session.editor.size, asked.tolerance);
    });
    // With the selection goes what was asked of it.
    effect(() => {
      if (!session.selectedIds.value.length) this.asked.value = null;
    });
  }

  /** Look at the likeliest: what can be edited by its corners where it cannot, and the other way round. */
  open(): boolean {
    const { editor } = this.#session;
    if (!editor.editable.length) return false;
    if (this.asked.value) this.close();
    else {
      editor.use("select");
      const outlines = editor.editable.every(({ geometry }) => geometry.kind === "polygon");
      this.asked.value = { to: outlines ? "mask" : "polygon", tolerance: tolerancePx };
    }
    return true;
  }

  change(to: { readonly to?: Target; readonly tolerance?: number }): void {
    const { tolerance } = to;
    if (tolerance !== undefined && !(tolerance >= 0 && tolerance <= toleranceMax)) return;
    this.asked.value &&= { ...this.asked.value, ...to };
  }

  close(): void {
    this.asked.value = null;
  }

  /** Make it so; false where nothing is looked at. */
  apply(): boolean {
    const [asked, result] = [this.asked.value, this.result.value];
    if (!asked || !result) return false;
    this.close();
    this.#put(asked.to, asked.tolerance, result);
    return true;
  }

  /** Without a look: one step of undo. */
  convert(to: Target): boolean {
    const { editor } = this.#session;
    if (!editor.editable.length) return false;
    this.#put(to, tolerancePx, converted(editor.editable, to, editor.size));
    return true;
  }

  #put(to: Target, tolerance: number, { changed, least }: Conversion): void {
    const { editor } = this.#session;
    const before = changed.flatMap(({ id }) => editor.document?.store.get(id) ?? []);
    editor.putAll(changed);
    this.#session.tell(changed.length ? said(before, to, tolerance, least) : `Nothing that is selected can be made ${names[to][1]}`);
  }
}

/** One, and several. */
export const names: Readonly<Record<Target, readonly [string, string]>> = {
  polygon: ["a polygon", "polygons"], mask: ["a mask", "masks"], box: ["a box", "boxes"], rotated: ["a rotated box", "rotated boxes"], ellipse: ["an ellipse", "ellipses"],
};

function said(before: readonly Shape[], to: Target, tolerance: number, least: number): string {
  const count = before.length;
  const kinds = new Set(before.map(({ geometry }) => geometry.kind));
  const what = kinds.size === 1 && kinds.has("mask") ? "mask" : "shape";
  const within = to === "polygon" && (kinds.has("mask") || kinds.has("ellipse")) ? `within ${tolerance} px, ` : "";
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"} made ${names[to][count === 1 ? 0 : 1]}: ${within}IoU ${least.toFixed(3)} or more`;
}
