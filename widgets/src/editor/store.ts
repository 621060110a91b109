// The shapes of one image, and its tags. Every change is a diff with an origin; listeners see nothing else.
import type { Shape } from "./records";

/** local: the person did it. remote: the kernel says so. replay: undo or redo of a local change. */
export type Origin = "local" | "remote" | "replay";

export interface Change {
  readonly before: Shape | undefined;
  readonly after: Shape | undefined;
}

export type Diff = ReadonlyMap<string, Change>;
/** Tags of the image that were set (true) or taken away. */
export type TagDiff = ReadonlyMap<string, boolean>;
/** `head`: what the ids of a step's ops begin with, where the step is of several images. */
export type StoreListener = (diff: Diff, origin: Origin, tags: TagDiff, head: string | undefined) => void;

export interface Draft {
  put(shape: Shape): void;
  remove(id: string): void;
  /** Set a tag of the image, or take it away. */
  tag(name: string, on: boolean): void;
}

export class ShapeStore {
  #shapes = new Map<string, Shape>();
  #listeners = new Set<StoreListener>();
  /** What holds for the whole image, in the order in which it was said. */
  tags: ReadonlySet<string> = new Set();
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

  /** Make changes as one step, or as a part of the one of several images that `head` names. Nothing is told to
   * listeners if nothing changed. */
  change(origin: Origin, write: (draft: Draft) => void, head?: string): Diff {
    const before = new Map<string, Shape | undefined>();
    const tagged = this.tags;
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
      tag: (name, on) => {
        if (this.tags.has(name) !== on) this.tags = new Set(on ? [...this.tags, name] : [...this.tags].filter((one) => one !== name));
      },
    });
    const diff = new Map<string, Change>();
    for (const [id, was] of before) {
      const now = this.#shapes.get(id);
      if (was !== now) diff.set(id, { before: was, after: now });
    }
    const tags = new Map<string, boolean>();
    for (const name of tagged) if (!this.tags.has(name)) tags.set(name, false);
    for (const name of this.tags) if (!tagged.has(name)) tags.set(name, true);
    if (diff.size || tags.size) {
      this.version++;
      for (const listener of this.#listeners) listener(diff, origin, tags, head);
    }
    return diff;
  }
}
