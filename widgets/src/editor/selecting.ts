// What of one image's shapes is shown, within reach and selected; and who is told when that changes.
import { groupOf } from "./arranging";
import { reach } from "./events";
import type { Box, Point, Size } from "./geometry";
import { HitIndex } from "./hit";
import { History } from "./history";
import type { Shape } from "./records";
import { ShapeStore } from "./store";

/** What changed, for those who draw it. */
export type Aspect = "document" | "shapes" | "preview" | "camera" | "selection" | "visibility" | "tool" | "class";

/** One image's shapes with their history. It outlives the image's turn on the canvas, so that undo does too. */
export class EditorDocument {
  readonly store = new ShapeStore();
  readonly history = new History(this.store);
  readonly index = new HitIndex(this.store);
  readonly hidden = new Set<string>();
  /** Those that no click takes and no verb changes. */
  readonly locked = new Set<string>();

  constructor(
    readonly imageId: number,
    readonly size: Size,
  ) {}
}

/** What was selected when somebody last asked. */
interface Found {
  readonly ids: readonly string[];
  readonly of: ShapeStore | undefined;
  readonly version: number | undefined;
  readonly shapes: readonly Shape[];
}

export abstract class Selecting {
  document: EditorDocument | null = null;
  /** In the order in which they were chosen: the last is the one that panels speak of. */
  selectedIds: readonly string[] = [];
  hoveredId: string | null = null;
  readOnly = false;
  truthShown = true;
  #listeners = new Set<(aspect: Aspect) => void>();
  #found: Found = { ids: [], of: undefined, version: undefined, shapes: [] };

  abstract get zoom(): number;

  on(listener: (aspect: Aspect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected tell(...aspects: Aspect[]): void {
    for (const aspect of aspects) for (const listener of this.#listeners) listener(aspect);
  }

  get selectedId(): string | null {
    return this.selectedIds.at(-1) ?? null;
  }

  get selected(): Shape | null {
    return (this.selectedId && this.document?.store.get(this.selectedId)) || null;
  }

  /** Found once for each change: frames ask for it, and it may be a hundred thousand. */
  get selection(): readonly Shape[] {
    const { store } = this.document ?? {};
    const { ids, version, of } = this.#found;
    if (ids !== this.selectedIds || of !== store || version !== store?.version) {
      const shapes = this.selectedIds.flatMap((id) => store?.get(id) ?? []);
      this.#found = { ids: this.selectedIds, of: store, version: store?.version, shapes };
    }
    return this.#found.shapes;
  }

  /** What verbs may change: all of the selection that is not locked. */
  get editable(): readonly Shape[] {
    return this.readOnly ? [] : this.selection.filter(({ id }) => !this.isLocked(id));
  }

  isLocked(id: string): boolean {
    return this.document?.locked.has(id) ?? false;
  }

  isVisible(shape: Shape): boolean {
    return this.truthShown && !shape.track.outside && !this.document?.hidden.has(shape.id);
  }

  /** Whether a click may mean it. */
  isWithinReach(shape: Shape): boolean {
    return this.isVisible(shape) && !this.isLocked(shape.id);
  }

  hit(at: Point): Shape | null {
    return this.document?.index.at(at, reach / this.zoom, (shape) => this.isWithinReach(shape)) ?? null;
  }

  /** The shapes within reach that lie wholly inside `area`. */
  inside(area: Box): Shape[] {
    const [x, y, w, h] = area;
    return (this.document?.index.within(area) ?? []).filter((shape) => {
      const [sx, sy, sw, sh] = shape.geometry.box;
      return sx >= x && sy >= y && sx + sw <= x + w && sy + sh <= y + h && this.isWithinReach(shape);
    });
  }

  select(id: string | null): void {
    this.selectAll(id === null ? [] : [id]);
  }

  selectAll(ids: readonly string[]): void {
    const former = this.selectedIds;
    if (ids.length === former.length && ids.every((id, n) => id === former[n])) return;
    this.selectedIds = [...new Set(ids)];
    this.tell("selection", "preview");
  }

  /** Take a shape into the selection, or out of it. */
  toggle(id: string): void {
    const others = this.selectedIds.filter((one) => one !== id);
    this.selectAll(others.length < this.selectedIds.length ? others : [...others, id]);
  }

  /** Those that a click on this shape means: all of its group within reach, itself last. */
  fellows(shape: Shape): readonly string[] {
    const group = groupOf(shape);
    if (group === null) return [shape.id];
    const others = [...(this.document?.store.all() ?? [])].filter((one) => groupOf(one) === group && one.id !== shape.id && this.isWithinReach(one));
    return [...others.map(({ id }) => id), shape.id];
  }

  /** Take shapes into the selection; where all of them are in it, out. */
  toggleAll(ids: readonly string[]): void {
    const others = this.selectedIds.filter((one) => !ids.includes(one));
    this.selectAll(others.length + ids.length === this.selectedIds.length ? others : [...others, ...ids]);
  }

  hover(id: string | null): void {
    if (id === this.hoveredId) return;
    this.hoveredId = id;
    this.tell("preview");
  }

  showTruth(shown: boolean): void {
    this.truthShown = shown;
    this.tell("visibility", "preview");
  }

  toggleHidden(ids: readonly string[]): void {
    this.#turn(this.document?.hidden, ids);
  }

  toggleLocked(ids: readonly string[]): void {
    this.#turn(this.document?.locked, ids);
  }

  unlockAll(): void {
    this.document?.locked.clear();
    this.tell("visibility", "preview");
  }

  /** Into the set with all of them; where all are in it, out. */
  #turn(set: Set<string> | undefined, ids: readonly string[]): void {
    if (!set) return;
    const out = ids.every((id) => set.has(id));
    for (const id of ids) {
      if (out) set.delete(id);
      else set.add(id);
    }
    this.tell("visibility", "preview");
  }
}
