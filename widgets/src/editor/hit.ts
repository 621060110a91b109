// What lies under a point. A packed R-tree over the static shapes, rebuilt only after a change and only when asked.
import Flatbush from "flatbush";
import type { Box, Point } from "./geometry";
import { kindOf } from "./kinds";
import type { Shape } from "./records";
import type { ShapeStore } from "./store";

export class HitIndex {
  #store: ShapeStore;
  #version = -1;
  #shapes: Shape[] = [];
  #tree: Flatbush | null = null;

  constructor(store: ShapeStore) {
    this.#store = store;
  }

  #fresh(): Flatbush | null {
    if (this.#version === this.#store.version) return this.#tree;
    this.#version = this.#store.version;
    this.#shapes = [...this.#store.all()];
    this.#tree = null;
    if (!this.#shapes.length) return null;
    const tree = new Flatbush(this.#shapes.length);
    for (const { geometry } of this.#shapes) {
      const [x, y, w, h] = geometry.box;
      tree.add(x, y, x + w, y + h);
    }
    tree.finish();
    this.#tree = tree;
    return tree;
  }

  /** The shapes whose boxes touch `area`, in drawing order. */
  within(area: Box): Shape[] {
    const tree = this.#fresh();
    if (!tree) return [];
    const found = tree.search(area[0], area[1], area[0] + area[2], area[1] + area[3]);
    return found.sort((a, b) => a - b).map((place) => this.#shapes[place]!);
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
