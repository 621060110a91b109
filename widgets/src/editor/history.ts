// Undo and redo from the store's own diffs; tools know nothing of it.
import { type Property, properties, same } from "./records";
import { type Step, Steps } from "./steps";
import type { Diff, ShapeStore } from "./store";

/** Of steps. */
const depth = 1000;

export class History {
  #undo = new Steps(depth);
  #redo = new Steps(depth);
  #store: ShapeStore;

  /** Whether nothing was done before what this page knows of. */
  begun = false;
  /** Whether this page has done anything here. */
  #used = false;

  constructor(store: ShapeStore) {
    this.#store = store;
    store.listen((shapes, origin, tags, head) => {
      if (origin !== "local") return;
      const last = head ? this.#undo.last : undefined;
      if (!last || last.head !== head) return this.#push({ shapes, tags, head });
      this.#undo.pop();
      this.#undo.push({ ...last, shapes: joined(last.shapes, shapes) });
    });
  }

  #push(step: Step): void {
    this.#used = true;
    this.#undo.push(step);
    this.#redo = new Steps(depth);
  }

  /** A step that was done from here and touched other images alone. */
  note(head: string): void {
    this.#push({ shapes: new Map(), tags: new Map(), head });
  }

  /** The step that an undo, or a redo, would be of. */
  nearest(backward: boolean): Step | undefined {
    return (backward ? this.#undo : this.#redo).last;
  }

  /** The nearest step was taken back on all of its images, or done again: the shapes come from elsewhere. */
  replayed(backward: boolean): void {
    const [from, to] = backward ? [this.#undo, this.#redo] : [this.#redo, this.#undo];
    const step = from.pop();
    if (step) to.push(step);
  }

  /** Know nothing: what can be undone is asked for anew. */
  forget(): void {
    this.#undo = new Steps(depth);
    this.#redo = new Steps(depth);
    this.begun = this.#used = false;
  }

  /** Whether there may be something to undo or redo that this page has not heard of. */
  get fresh(): boolean {
    return !this.#used && !this.begun;
  }

  /** About how many bytes the run lengths of its masks take. */
  get bytes(): number {
    return this.#undo.bytes + this.#redo.bytes;
  }

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /**
   * Steps of an earlier page, the nearest last. They can be undone once nothing of this page is left to be; what was
   * undone there can be redone as long as nothing was done here.
   */
  recall(undo: readonly Step[], redo: readonly Step[]): void {
    this.begun ||= !undo.length;
    if (!this.#undo.length) this.#undo = new Steps(depth, undo);
    if (!this.#used && !this.#redo.length) this.#redo = new Steps(depth, redo);
    this.#used = true;
  }

  /** Take back the last local step; the ids that it touched, or null where there is none. */
  undo(): string[] | null {
    return this.#replay(this.#undo, this.#redo, true);
  }

  redo(): string[] | null {
    return this.#replay(this.#redo, this.#undo, false);
  }

  #replay(from: Steps, to: Steps, backward: boolean): string[] | null {
    const step = from.pop();
    if (!step) return null;
    this.#store.change("replay", (draft) => {
      for (const [name, on] of step.tags) draft.tag(name, on !== backward);
      for (const [id, change] of step.shapes) {
        const [was, wanted] = backward ? [change.after, change.before] : [change.before, change.after];
        const now = this.#store.get(id);
        if (!wanted) draft.remove(id);
        else if (!was) draft.put({ ...wanted, rev: now?.rev ?? wanted.rev });
        else if (now) {
          // Only what this step changed goes back: what somebody else changed since stays theirs.
          const put: Partial<Record<Property, unknown>> = {};
          for (const name of properties) if (!same(was[name], wanted[name])) put[name] = wanted[name];
          draft.put({ ...now, ...put } as typeof now);
        }
      }
    });
    to.push(step);
    return [...step.shapes.keys()];
  }
}

/** What two changes, one after the other, come to. */
function joined(earlier: Diff, later: Diff): Diff {
  const both = new Map(earlier);
  for (const [id, change] of later) both.set(id, { before: (earlier.get(id) ?? change).before, after: change.after });
  return both;
}
