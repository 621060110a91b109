// A shape between two keyframes of its track: places, sizes and corners go evenly from one to the other.
import { type Point, distance, polygon, rounded, vertexOf } from "../geometry";
import { polyline } from "../kinds/paths";
import { keypoints, points } from "../kinds/points";
import { ellipse, rotated, turnedOf } from "../kinds/turned";
import type { Geometry } from "../records";
import type { Box, Turned } from "../../wire.gen";

/** `share` of the way from `a` to `b`. What cannot be drawn between (masks, or two of different kinds) stays as `a`. */
export function between(a: Geometry, b: Geometry, share: number): Geometry {
  const mix = (from: number, to: number): number => rounded(from + (to - from) * share);
  const run = (from: readonly number[], to: readonly number[], closed: boolean): number[] => {
    const [left, right] = paired(from, to, closed);
    return left.map((value, n) => mix(value, right[n]!));
  };
  if (a.kind === "box" && b.kind === "box") return { kind: "box", box: a.box.map((value, n) => mix(value, b.box[n]!)) as unknown as Box };
  if (a.kind === "rotated" && b.kind === "rotated") return rotated(turnedBetween(a.turned, b.turned, share));
  if (a.kind === "ellipse" && b.kind === "ellipse") return ellipse(turnedBetween(a.turned, b.turned, share));
  if (a.kind === "polygon" && b.kind === "polygon" && a.parts.length === b.parts.length && a.holes.length === b.holes.length) {
    return polygon(a.parts.map((part, n) => run(part, b.parts[n]!, true)), a.holes.map((hole, n) => run(hole, b.holes[n]!, true)));
  }
  if (a.kind === "polyline" && b.kind === "polyline" && a.parts.length === b.parts.length) {
    return polyline(a.parts.map((part, n) => run(part, b.parts[n]!, false)));
  }
  if (a.kind === "points" && b.kind === "points" && a.points.length === b.points.length) {
    return points(a.points.map(([x, y], n) => [mix(x, b.points[n]![0]), mix(y, b.points[n]![1])] as const));
  }
  if (a.kind === "keypoints" && b.kind === "keypoints" && a.points.length === b.points.length) {
    return keypoints(a.points.map(([x, y, seen], n) => {
      const [toX, toY, then] = b.points[n]!;
      // A point that is in one of them alone has nowhere to go.
      return seen && then ? [mix(x, toX), mix(y, toY), seen] : [x, y, seen];
    }));
  }
  return a;
}

function turnedBetween(a: Turned, b: Turned, share: number): Turned {
  const mix = (from: number, to: number): number => from + (to - from) * share;
  // Half a turn makes the same rectangle: the nearer way is meant.
  const half = Math.round((b.angle - a.angle) / Math.PI) * Math.PI;
  const centre = { x: mix(a.center[0], b.center[0]), y: mix(a.center[1], b.center[1]) };
  return turnedOf(centre, mix(a.size[0], b.size[0]), mix(a.size[1], b.size[1]), mix(a.angle, b.angle - half));
}

/** Both runs with as many corners, each beside its own: as they are where they have as many. */
function paired(a: readonly number[], b: readonly number[], closed: boolean): [readonly number[], readonly number[]] {
  if (a.length === b.length) return [a, b];
  const count = Math.max(a.length, b.length) / 2;
  const [left, right] = [spaced(a, count, closed), spaced(b, count, closed)];
  return [left, closed ? turnedTo(left, right) : right];
}

/** `count` points at even distances along the run. */
function spaced(run: readonly number[], count: number, closed: boolean): number[] {
  const corners = run.length / 2;
  const legs = Array.from({ length: closed ? corners : corners - 1 }, (_, n): [Point, Point] => [vertexOf(run, n), vertexOf(run, (n + 1) % corners)]);
  const length = legs.reduce((sum, [from, to]) => sum + distance(from, to), 0);
  const out: number[] = [];
  let [leg, behind] = [0, 0];
  for (let n = 0; n < count; n++) {
    const at = (length * n) / (closed ? count : count - 1);
    while (leg < legs.length - 1 && behind + distance(...legs[leg]!) < at) behind += distance(...legs[leg++]!);
    const [from, to] = legs[leg]!;
    const share = Math.min((at - behind) / (distance(from, to) || 1), 1);
    out.push(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share);
  }
  return out;
}

/** `b` begun where, and gone round as, it lies nearest to `a`, corner by corner, both about their own middles. */
function turnedTo(a: readonly number[], b: readonly number[]): number[] {
  const count = a.length / 2;
  const centred = (run: readonly number[]): number[] => {
    let [x, y] = [0, 0];
    for (let n = 0; n < count; n++) [x, y] = [x + run[2 * n]! / count, y + run[2 * n + 1]! / count];
    return run.map((value, n) => value - (n % 2 ? y : x));
  };
  const [from, to] = [centred(a), centred(b)];
  let [best, start, step] = [Infinity, 0, 1];
  for (const way of [1, -1]) {
    for (let first = 0; first < count; first++) {
      let away = 0;
      for (let n = 0; n < count && away < best; n++) {
        const m = 2 * ((((first + way * n) % count) + count) % count);
        away += (from[2 * n]! - to[m]!) ** 2 + (from[2 * n + 1]! - to[m + 1]!) ** 2;
      }
      if (away < best) [best, start, step] = [away, first, way];
    }
  }
  return Array.from({ length: count }, (_, n) => 2 * ((((start + step * n) % count) + count) % count)).flatMap((m) => [b[m]!, b[m + 1]!]);
}
