// Undo and redo from the store's own diffs; tools know nothing of it.
import { type Property, properties, same } from "./records";
import type { Diff, ShapeStore } from "./store";

/** Steps: a thousand strokes of the brush on one 4K mask are some 30 MB of run lengths. */
const depth = 1000;

export class History {
  #undo: Diff[] = [];
  #redo: Diff[] = [];
  #store: ShapeStore;

  constructor(store: ShapeStore) {
    this.#store = store;
    store.listen((diff, origin) => {
      if (origin !== "local") return;
      this.#undo.push(diff);
      if (this.#undo.length > depth) this.#undo.shift();
      this.#redo = [];
    });
  }

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /** Take back the last local step; the ids that it touched, or null where there is none. */
  undo(): string[] | null {
    return this.#replay(this.#undo, this.#redo, true);
  }

  redo(): string[] | null {
    return this.#replay(this.#redo, this.#undo, false);
  }

  #replay(from: Diff[], to: Diff[], backward: boolean): string[] | null {
    const diff = from.pop();
    if (!diff) return null;
    this.#store.change("replay", (draft) => {
      for (const [id, change] of diff) {
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
    to.push(diff);
    return [...diff.keys()];
  }
}
