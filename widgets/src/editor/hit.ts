// What lies under a point. A packed R-tree over the static shapes, rebuilt only after a change and only when asked.
import Flatbush from "flatbush";
import {
  type Box, type Point, boxArea, boxContains, boxEdgeDistance, distance, nearestEdge, partArea, partContains, turnedCorners,
  unreachable, untwist,
} from "./geometry";
import { maskContains } from "./masks";
import type { Geometry, Shape } from "./records";
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
    if (!touches(shape.geometry, p, reach)) continue;
    const area = areaOf(shape.geometry);
    // On a tie the one drawn last lies on top.
    if (area <= least) {
      least = area;
      best = shape;
    }
  }
  return best;
}

export function touches(geometry: Geometry, p: Point, reach: number): boolean {
  switch (geometry.kind) {
    case "box":
      return boxContains(geometry.box, p) || boxEdgeDistance(geometry.box, p) <= reach;
    case "rotated":
      return partContains(turnedCorners(geometry.turned), p) || (nearestEdge([turnedCorners(geometry.turned)], p)?.away ?? Infinity) <= reach;
    case "ellipse": {
      const { size: [w, h] } = geometry.turned;
      const at = untwist(geometry.turned, p);
      return (at.x / (w / 2 + reach)) ** 2 + (at.y / (h / 2 + reach)) ** 2 <= 1;
    }
    case "polygon":
      return (
        (geometry.parts.some((part) => partContains(part, p)) && !geometry.holes.some((hole) => partContains(hole, p)))
        || (nearestEdge([...geometry.parts, ...geometry.holes], p)?.away ?? Infinity) <= reach
      );
    case "polyline":
      return (nearestEdge(geometry.parts, p, false)?.away ?? Infinity) <= Math.max(reach, 1);
    case "points":
      return geometry.points.some(([x, y]) => distance({ x, y }, p) <= Math.max(reach, 1));
    case "mask":
      return maskContains(geometry, p);
    case "keypoints":
      return (
        boxContains(geometry.box, p) || geometry.points.some(([x, y, v]) => v > 0 && distance({ x, y }, p) <= reach)
      );
    default:
      return unreachable(geometry);
  }
}

/** In px². A mask counts as its box: what matters is only which of two overlapping shapes is the smaller. */
export function areaOf(geometry: Geometry): number {
  return geometry.kind === "polygon" ? geometry.parts.reduce((sum, part) => sum + partArea(part), 0) : boxArea(geometry.box);
}
