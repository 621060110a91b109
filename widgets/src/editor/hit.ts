// What lies under a point. A packed R-tree holds the shapes as they were when it was built; those that changed since are
// looked at one by one, until there are so many that a new tree costs less.
import Flatbush from "flatbush";
import type { Box, Point } from "./geometry";
import { kindOf } from "./kinds";
import type { Shape } from "./records";
import type { Diff, ShapeStore } from "./store";

/** Looking at so many boxes takes a fraction of what a new tree of 100,000 does. */
const loose = 400;

export class HitIndex {
  #store: ShapeStore;
  #tree: Flatbush | null = null;
  /** What the tree holds, by its own numbers. */
  #treed: Shape[] = [];
  /** Each shape's place in drawing order; the store's own order, with gaps. */
  #places = new Map<string, number>();
  #last = 0;
  /** Changed or new since the tree was built; gone ones are there as undefined. */
  #changed = new Map<string, Shape | undefined>();
  #stale = true;

  constructor(store: ShapeStore) {
    this.#store = store;
    store.listen((diff) => this.#note(diff));
  }

  #note(diff: Diff): void {
    if (this.#stale) return;
    for (const [id, { before, after }] of diff) {
      this.#changed.set(id, after);
      if (!after) this.#places.delete(id);
      else if (!before) this.#places.set(id, this.#last++);
    }
    if (this.#changed.size > loose) this.#stale = true;
  }

  #build(): void {
    this.#stale = false;
    this.#changed.clear();
    this.#treed = [...this.#store.all()];
    this.#places = new Map(this.#treed.map(({ id }, place) => [id, place]));
    this.#last = this.#treed.length;
    this.#tree = null;
    if (!this.#treed.length) return;
    const tree = new Flatbush(this.#treed.length);
    for (const { geometry: { box: [x, y, w, h] } } of this.#treed) tree.add(x, y, x + w, y + h);
    tree.finish();
    this.#tree = tree;
  }

  /** The shapes whose boxes touch `area`, the lowest first: in drawing order, but for their `z`. */
  within(area: Box): Shape[] {
    if (this.#stale) this.#build();
    const [x, y, w, h] = area;
    const found: Shape[] = [];
    // A typed array sorts its numbers several times as fast as a list.
    for (const place of Uint32Array.from(this.#tree?.search(x, y, x + w, y + h) ?? []).sort()) {
      const shape = this.#treed[place]!;
      if (!this.#changed.has(shape.id)) found.push(shape);
    }
    let added = false;
    for (const shape of this.#changed.values()) {
      if (!shape) continue;
      const [sx, sy, sw, sh] = shape.geometry.box;
      if (sx > x + w || sy > y + h || sx + sw < x || sy + sh < y) continue;
      found.push(shape);
      added = true;
    }
    if (added || found.some(({ z }) => z)) found.sort((a, b) => a.z - b.z || this.#places.get(a.id)! - this.#places.get(b.id)!);
    return found;
  }

  /** The shape meant by a click: the smallest that contains the point, else the smallest within `reach` pixels. */
  at(p: Point, reach: number, visible: (shape: Shape) => boolean): Shape | null {
    const near = this.within([p.x - reach, p.y - reach, 2 * reach, 2 * reach]).filter(visible);
    return smallest(near, p, 0) ?? smallest(near, p, reach);
  }
}

function smallest(shapes: readonly Shape[], p: Point, reach: number): Shape | null {
  let best: Shape | null = null;
  let least = Infinity;
  for (const shape of shapes) {
    const kind = kindOf(shape.geometry);
    if (!kind.touches(shape.geometry, p, reach)) continue;
    const area = kind.area(shape.geometry);
    // On a tie the one drawn last lies on top.
    if (area <= least) {
      least = area;
      best = shape;
    }
  }
  return best;
}
