// The shapes of one image. Every change is a diff with an origin; listeners see nothing else.
import type { Shape } from "./records";

/** local: the person did it. remote: the kernel says so. replay: undo or redo of a local change. */
export type Origin = "local" | "remote" | "replay";

export interface Change {
  readonly before: Shape | undefined;
  readonly after: Shape | undefined;
}

export type Diff = ReadonlyMap<string, Change>;
export type StoreListener = (diff: Diff, origin: Origin) => void;

export interface Draft {
  put(shape: Shape): void;
  remove(id: string): void;
}

export class ShapeStore {
  #shapes = new Map<string, Shape>();
  #listeners = new Set<StoreListener>();
  /** Grows with every change; caches compare it. */
  version = 0;

  get size(): number {
    return this.#shapes.size;
  }

  get(id: string): Shape | undefined {
    return this.#shapes.get(id);
  }

  /** In drawing order: the oldest first. */
  all(): IterableIterator<Shape> {
    return this.#shapes.values();
  }

  listen(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Make changes as one step. Nothing is told to listeners if nothing changed. */
  change(origin: Origin, write: (draft: Draft) => void): Diff {
    const before = new Map<string, Shape | undefined>();
    const note = (id: string): void => {
      if (!before.has(id)) before.set(id, this.#shapes.get(id));
    };
    write({
      put: (shape) => {
        note(shape.id);
        this.#shapes.set(shape.id, shape);
      },
      remove: (id) => {
        note(id);
        this.#shapes.delete(id);
      },
    });
    const diff = new Map<string, Change>();
    for (const [id, was] of before) {
      const now = this.#shapes.get(id);
      if (was !== now) diff.set(id, { before: was, after: now });
    }
    if (diff.size) {
      this.version++;
      for (const listener of this.#listeners) listener(diff, origin);
    }
    return diff;
  }
}
