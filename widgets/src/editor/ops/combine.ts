// Shapes joined, cut out of each other, cut along a line, and taken apart. Outlines are combined exactly, in hundredths
// of a pixel, as finely as they are kept; where a mask takes part, pixels are.
// Its parts by name: the whole of it would be twice as large as the editor.
import { ClipType, FillRule, type Path64, type Paths64 } from "clipper2-ts/dist/Core.js";
import { Clipper64, type PolyPath64, PolyTree64 } from "clipper2-ts/dist/Engine.js";
import { type Box, type Point, type Size, distance, hull, partArea, polygon, turnedCorners, vertexOf } from "../geometry";
import { type Bits, around, bitsOf, countSet, encode, inWindow } from "../masks";
import type { Geometry } from "../records";
import type { MaskGeometry, PolygonGeometry } from "../../wire.gen";
import { fill, within, without } from "./fill";
import { components } from "./components";

/** Less than this is a splinter that no hand meant, px². */
const splinter = 0.5;
/** A polygon stands for an ellipse to within this, px. */
const sagitta = 0.1;
const units = 100;

type Runs = readonly (readonly number[])[];

/** Whether the shape encloses something: only then can it be combined. */
export function encloses({ kind }: Geometry): boolean {
  return kind !== "polyline" && kind !== "points" && kind !== "keypoints";
}

/** The union of shapes, or the first less the others; null where nothing is left. All of them must enclose something. */
export function combined(rule: "union" | "difference", [first, ...others]: readonly Geometry[], size: Size): PolygonGeometry | MaskGeometry | null {
  if (!first) return null;
  if ([first, ...others].some(({ kind }) => kind === "mask")) {
    const start = pixelsOf(first, size);
    const bits = others.reduce((all, one) => (rule === "union" ? united(all, pixelsOf(one, size)) : without(all, pixelsOf(one, size))), start);
    return encode(bits, size);
  }
  const type = rule === "union" ? ClipType.Union : ClipType.Difference;
  return polygonOf(clipped(type, regionOf(first), others.flatMap(regionOf)));
}

/** What lies on either side of a line through the shape; null where the line does not part it. */
export function sliced(geometry: Geometry, line: readonly Point[], size: Size): [Geometry, Geometry] | null {
  const side = sideOf(line, hull([geometry.box, [0, 0, size.w, size.h]]));
  if (!side || !encloses(geometry)) return null;
  if (geometry.kind === "mask") {
    const bits = bitsOf(geometry);
    const half = fill([side], [], size);
    const [left, right] = [encode(within(bits, half), size), encode(without(bits, half), size)];
    return left && right ? [left, right] : null;
  }
  const half = [pathOf(side)];
  const region = regionOf(geometry);
  const [left, right] = [polygonOf(clipped(ClipType.Intersection, region, half)), polygonOf(clipped(ClipType.Difference, region, half))];
  return left && right ? [left, right] : null;
}

/** The shape less what the ring encloses; null where that is nothing, or all of it. */
export function pierced(geometry: Geometry, ring: readonly Point[], size: Size): Geometry | null {
  const run = ring.flatMap(({ x, y }) => [x, y]);
  if (!encloses(geometry)) return null;
  if (geometry.kind === "mask") {
    const before = bitsOf(geometry);
    const after = without(before, fill([run], [], size));
    return countSet(after) < countSet(before) ? encode(after, size) : null;
  }
  const region = regionOf(geometry);
  const [whole, left] = [polygonOf(clipped(ClipType.Union, region, [])), polygonOf(clipped(ClipType.Difference, region, regionOf(polygon([run]))))];
  return whole && left && areaOf(left) < areaOf(whole) - splinter ? left : null;
}

/** What hangs together, each for itself, the largest first: a polygon's parts with their holes, a mask's islands. */
export function pieces(geometry: Geometry, size: Size): Geometry[] {
  if (geometry.kind === "mask") {
    return components(bitsOf(geometry)).sort((a, b) => countSet(b) - countSet(a)).flatMap((bits) => encode(bits, size) ?? []);
  }
  if (geometry.kind !== "polygon") return [geometry];
  const tree = treeOf(ClipType.Union, regionOf(geometry), []);
  return outersOf(tree).flatMap((outer) => polygonOf([outer]) ?? []).sort((a, b) => areaOf(b) - areaOf(a));
}

function areaOf({ parts, holes }: PolygonGeometry): number {
  const sum = (runs: Runs): number => runs.reduce((all, run) => all + partArea(run), 0);
  return sum(parts) - sum(holes);
}

// Pixels ---------------------------------------------------------------------------------------------------------

/** The pixels whose middles a shape covers that encloses something. */
export function pixelsOf(geometry: Geometry, size: Size): Bits {
  if (geometry.kind === "mask") return bitsOf(geometry);
  return geometry.kind === "polygon" ? fill(geometry.parts, geometry.holes, size) : fill([outlineOf(geometry)], [], size);
}

function united(a: Bits, b: Bits): Bits {
  const window = around(a.window, b.window);
  const [all, more] = [inWindow(a, window), inWindow(b, window)];
  for (let place = 0; place < all.bytes.length; place++) all.bytes[place]! |= more.bytes[place]!;
  return all;
}

// Outlines -------------------------------------------------------------------------------------------------------

/** The outline of a box, a rotated box or an ellipse, which a polygon follows to within `away` px. */
export function outlineOf(geometry: Geometry, away = sagitta): number[] {
  if (geometry.kind === "rotated") return turnedCorners(geometry.turned);
  if (geometry.kind === "ellipse") {
    const { center: [x, y], size: [w, h], angle } = geometry.turned;
    const radius = Math.max(w, h) / 2;
    const count = Math.max(12, Math.ceil(Math.PI / Math.acos(1 - Math.min(away / Math.max(radius, 1e-3), 1))));
    return Array.from({ length: count }, (_, n) => (2 * Math.PI * n) / count).flatMap((turn) => {
      const [along, across] = [(w / 2) * Math.cos(turn), (h / 2) * Math.sin(turn)];
      return [x + along * Math.cos(angle) - across * Math.sin(angle), y + along * Math.sin(angle) + across * Math.cos(angle)];
    });
  }
  const [x, y, w, h] = geometry.box;
  return [x, y, x + w, y, x + w, y + h, x, y + h];
}

function pathOf(run: readonly number[]): Path64 {
  return Array.from({ length: run.length / 2 }, (_, n) => ({ x: Math.round(run[2 * n]! * units), y: Math.round(run[2 * n + 1]! * units) }));
}

function runOf(path: Path64): number[] {
  return path.flatMap(({ x, y }) => [x / units, y / units]);
}

/** What the shape covers, as closed paths without overlaps: each run by the even-odd rule, parts less holes. */
function regionOf(geometry: Geometry): Paths64 {
  const [parts, holes] = geometry.kind === "polygon" ? [geometry.parts, geometry.holes] : [[outlineOf(geometry)], []];
  const plain = (runs: Runs): Paths64 => runs.flatMap((run) => execute(ClipType.Union, [pathOf(run)], [], FillRule.EvenOdd));
  return execute(ClipType.Difference, execute(ClipType.Union, plain(parts), [], FillRule.NonZero), plain(holes), FillRule.NonZero);
}

function execute(type: ClipType, subject: Paths64, clip: Paths64, rule: FillRule): Paths64 {
  const clipper = new Clipper64();
  clipper.addSubject(subject);
  if (clip.length) clipper.addClip(clip);
  const found: Paths64 = [];
  clipper.execute(type, rule, found);
  return found;
}

function treeOf(type: ClipType, subject: Paths64, clip: Paths64): PolyTree64 {
  const clipper = new Clipper64();
  clipper.addSubject(subject);
  if (clip.length) clipper.addClip(clip);
  const tree = new PolyTree64();
  clipper.execute(type, FillRule.NonZero, tree);
  return tree;
}

function clipped(type: ClipType, subject: Paths64, clip: Paths64): Outer[] {
  return outersOf(treeOf(type, subject, clip));
}

interface Outer {
  readonly run: number[];
  readonly holes: readonly number[][];
}

function childrenOf(path: PolyPath64): PolyPath64[] {
  return Array.from({ length: path.count }, (_, n) => path.child(n));
}

/** Each outline with its holes. An island in a hole is an outline too, and the hole's run goes round it: a polygon is its
 * parts less its holes, and the hole would take the island away. */
function outersOf(tree: PolyPath64): Outer[] {
  return childrenOf(tree).flatMap((outer): Outer[] => {
    const holes = childrenOf(outer);
    const run = runOf(outer.poly ?? []);
    return [
      { run, holes: holes.map((hole) => childrenOf(hole).reduce((around, island) => roundabout(around, runOf(island.poly ?? [])), runOf(hole.poly ?? []))) },
      ...holes.flatMap(outersOf),
    ];
  });
}

/** One run around `outer` and, by a bridge of no width, around `inner`. */
function roundabout(outer: readonly number[], inner: readonly number[]): number[] {
  let [from, to, nearest] = [0, 0, Infinity];
  for (let i = 0; i < outer.length / 2; i++) {
    for (let j = 0; j < inner.length / 2; j++) {
      const away = distance(vertexOf(outer, i), vertexOf(inner, j));
      if (away < nearest) [from, to, nearest] = [i, j, away];
    }
  }
  const around = [...inner.slice(2 * to), ...inner.slice(0, 2 * to + 2)];
  return [...outer.slice(0, 2 * from + 2), ...around, ...outer.slice(2 * from)];
}

function polygonOf(outers: readonly Outer[]): PolygonGeometry | null {
  const large = outers.filter(({ run }) => run.length >= 6 && partArea(run) >= splinter);
  if (!large.length) return null;
  return polygon(large.map(({ run }) => run), large.flatMap(({ holes }) => holes.filter((hole) => hole.length >= 6 && partArea(hole) >= splinter)));
}

/** All that lies on one side of the line within reach of the box: the line, drawn out at both ends, and round. */
function sideOf(line: readonly Point[], [x, y, w, h]: Box): number[] | null {
  const [a, b] = [line[0], line[1]];
  const [c, d] = [line.at(-2), line.at(-1)];
  if (!a || !b || !c || !d || distance(a, b) === 0 || distance(c, d) === 0) return null;
  const centre = { x: x + w / 2, y: y + h / 2 };
  const radius = 2 * (w + h) + Math.max(...line.map((p) => distance(p, centre)));
  const beyond = (from: Point, through: Point): Point => {
    const [dx, dy] = [(through.x - from.x) / distance(from, through), (through.y - from.y) / distance(from, through)];
    // How far along the ray the circle around the centre is.
    const [fx, fy] = [through.x - centre.x, through.y - centre.y];
    const along = fx * dx + fy * dy;
    const t = -along + Math.sqrt(along * along - (fx * fx + fy * fy) + radius * radius);
    return { x: through.x + t * dx, y: through.y + t * dy };
  };
  const [start, end] = [beyond(b, a), beyond(c, d)];
  const [from, until] = [end, start].map((p) => Math.atan2(p.y - centre.y, p.x - centre.x)) as [number, number];
  const turn = (until - from + 2 * Math.PI) % (2 * Math.PI);
  const steps = Math.ceil(turn / 0.2);
  const round = Array.from({ length: Math.max(steps - 1, 0) }, (_, n) => from + (turn * (n + 1)) / steps)
    .map((angle) => ({ x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) }));
  return [start, ...line, end, ...round].flatMap((p) => [p.x, p.y]);
}
