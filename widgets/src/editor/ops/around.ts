// The rectangle and the ellipse that stand for an outline.
import { type Point, turnedCorners, vertexOf } from "../geometry";
import { turnedOf } from "../kinds/turned";
import type { PolygonGeometry, Turned } from "../../wire.gen";

type Runs = readonly (readonly number[])[];

/** The corners of the convex hull, clockwise as the image is seen (Andrew's monotone chain, 1979). */
export function convexHull(runs: Runs): Point[] {
  const points = runs.flatMap((run) => Array.from({ length: run.length / 2 }, (_, n) => vertexOf(run, n))).sort((a, b) => a.x - b.x || a.y - b.y);
  const side = (sorted: readonly Point[]): Point[] => {
    const chain: Point[] = [];
    for (const p of sorted) {
      while (chain.length > 1 && cross(chain.at(-2)!, chain.at(-1)!, p) <= 0) chain.pop();
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return [...side(points), ...side([...points].reverse())];
}

function cross(a: Point, b: Point, p: Point): number {
  return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

/** The least rectangle around outlines: one of its sides lies along a side of their hull (Freeman and Shapira 1975). */
export function leastRectangle(runs: Runs): Turned | null {
  const hull = convexHull(runs);
  if (hull.length < 3) return null;
  let [least, best]: [number, Turned | null] = [Infinity, null];
  hull.forEach((a, n) => {
    const b = hull[(n + 1) % hull.length]!;
    const angle = Math.atan2(b.y - a.y, b.x - a.x);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [along, across] = [hull.map(({ x, y }) => x * cos + y * sin), hull.map(({ x, y }) => y * cos - x * sin)];
    const [left, right, top, bottom] = [Math.min(...along), Math.max(...along), Math.min(...across), Math.max(...across)];
    const area = (right - left) * (bottom - top);
    // Of rectangles as small, the first: corners on whole pixels make many of them.
    if (area > least - 1e-9) return;
    least = area;
    const [u, v] = [(left + right) / 2, (top + bottom) / 2];
    best = upright(turnedOf({ x: u * cos - v * sin, y: u * sin + v * cos }, right - left, bottom - top, angle));
  });
  return best;
}

/** The same rectangle, its angle within an eighth of a turn: the nearest to upright of its four names. */
function upright({ center: [x, y], size: [w, h], angle }: Turned): Turned {
  const quarters = Math.round(angle / (Math.PI / 2));
  const [wide, high] = quarters % 2 ? [h, w] : [w, h];
  return turnedOf({ x, y }, wide, high, angle - (quarters * Math.PI) / 2);
}

/** The ellipse with the middle and the second moments of the area between outlines; null where they enclose nothing.
 * Moments by Green's theorem, as Steger 1996 gives them. */
export function ellipseLike({ parts, holes }: Pick<PolygonGeometry, "parts" | "holes">): Turned | null {
  const sums = [0, 0, 0, 0, 0, 0];
  const add = (run: readonly number[], sign: number): void => {
    const own = [0, 0, 0, 0, 0, 0];
    for (let n = 0; n < run.length / 2; n++) {
      const [a, b] = [vertexOf(run, n), vertexOf(run, (n + 1) % (run.length / 2))];
      const turn = a.x * b.y - b.x * a.y;
      own[0]! += turn / 2;
      own[1]! += (turn * (a.x + b.x)) / 6;
      own[2]! += (turn * (a.y + b.y)) / 6;
      own[3]! += (turn * (a.x * a.x + a.x * b.x + b.x * b.x)) / 12;
      own[4]! += (turn * (a.y * a.y + a.y * b.y + b.y * b.y)) / 12;
      own[5]! += (turn * (2 * a.x * a.y + a.x * b.y + b.x * a.y + 2 * b.x * b.y)) / 24;
    }
    // Runs wind as they please.
    own.forEach((value, n) => (sums[n]! += sign * Math.sign(own[0]!) * value));
  };
  for (const part of parts) add(part, 1);
  for (const hole of holes) add(hole, -1);
  const [area, sx, sy, sxx, syy, sxy] = sums as [number, number, number, number, number, number];
  if (area <= 0) return null;
  const [x, y] = [sx / area, sy / area];
  const [vx, vy, vxy] = [sxx / area - x * x, syy / area - y * y, sxy / area - x * y];
  const [middle, apart] = [(vx + vy) / 2, Math.hypot((vx - vy) / 2, vxy)];
  // Of an ellipse's area the variance along a half axis is a quarter of its square.
  const [long, short] = [4 * Math.sqrt(middle + apart), 4 * Math.sqrt(Math.max(middle - apart, 0))];
  return short > 0 ? upright(turnedOf({ x, y }, long, short, Math.atan2(2 * vxy, vx - vy) / 2)) : null;
}

/** The outline of a turned rectangle as the runs of a polygon. */
export function rectangleRuns(turned: Turned): number[][] {
  return [turnedCorners(turned).map((value) => Math.round(value * 100) / 100)];
}
