// A stack of steps. The masks of those far down are kept compressed: a thousand strokes on one 4K mask are some 60 MB else.
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";
import type { MaskGeometry, Shape } from "./records";
import type { Diff, TagDiff } from "./store";

/** What one step changed. */
export interface Step {
  readonly shapes: Diff;
  readonly tags: TagDiff;
  /** What the ids of its ops begin with, where it is of several images: it is taken back on all of them, or on none. */
  readonly head?: string | undefined;
}

/** A shape whose run lengths lie beside it, compressed. */
interface Folded {
  readonly shape: Shape;
  readonly counts: Uint8Array | null;
}

interface FoldedStep extends Omit<Step, "shapes"> {
  readonly shapes: ReadonlyMap<string, { readonly before: Folded | undefined; readonly after: Folded | undefined }>;
}

/** So many steps lie ready. */
const ready = 16;
/** Shorter run lengths are not worth it, in characters. */
const smallest = 1024;

/** A step's end is the next one's beginning: both share what was compressed once. */
const compressed = new WeakMap<MaskGeometry, Uint8Array>();

export class Steps {
  /** The nearest last. */
  #near: Step[] = [];
  #far: FoldedStep[] = [];

  /** More than `depth` are not kept. */
  constructor(readonly depth: number, steps: readonly Step[] = []) {
    for (const step of steps) this.push(step);
  }

  get length(): number {
    return this.#near.length + this.#far.length;
  }

  /** The nearest step. */
  get last(): Step | undefined {
    if (!this.#near.length && this.#far.length) this.#near.push(unfolded(this.#far.pop()!));
    return this.#near.at(-1);
  }

  push(step: Step): void {
    this.#near.push(step);
    if (this.#near.length > ready) this.#far.push(folded(this.#near.shift()!));
    if (this.length > this.depth) this.#far.shift();
  }

  pop(): Step | undefined {
    return this.last && this.#near.pop();
  }

  /** About how many bytes the run lengths of all steps take. */
  get bytes(): number {
    const kept = new Set<Uint8Array | string>();
    const ends = (step: Step): (Shape | undefined)[] => [...step.shapes.values()].flatMap(({ before, after }) => [before, after]);
    for (const shape of this.#near.flatMap(ends)) if (shape?.geometry.kind === "mask") kept.add(shape.geometry.counts);
    for (const { shapes } of this.#far) {
      for (const { before, after } of shapes.values()) {
        for (const one of [before, after]) if (one?.shape.geometry.kind === "mask") kept.add(one.counts ?? one.shape.geometry.counts);
      }
    }
    return [...kept].reduce((sum, { length }) => sum + length, 0);
  }
}

function folded({ shapes, ...rest }: Step): FoldedStep {
  return { ...rest, shapes: new Map([...shapes].map(([id, { before, after }]) => [id, { before: before && fold(before), after: after && fold(after) }])) };
}

function unfolded({ shapes, ...rest }: FoldedStep): Step {
  return { ...rest, shapes: new Map([...shapes].map(([id, { before, after }]) => [id, { before: before && unfold(before), after: after && unfold(after) }])) };
}

function fold(shape: Shape): Folded {
  const { geometry } = shape;
  if (geometry.kind !== "mask" || geometry.counts.length < smallest) return { shape, counts: null };
  let counts = compressed.get(geometry);
  if (!counts) {
    // Its own memory: what fflate returns is a view of a larger buffer.
    counts = deflateSync(strToU8(geometry.counts, true)).slice();
    compressed.set(geometry, counts);
  }
  return { shape: { ...shape, geometry: { ...geometry, counts: "" } }, counts };
}

function unfold({ shape, counts }: Folded): Shape {
  if (!counts) return shape;
  const geometry = { ...(shape.geometry as MaskGeometry), counts: strFromU8(inflateSync(counts), true) };
  compressed.set(geometry, counts);
  return { ...shape, geometry };
}
