// Shapes of one kind made shapes of another, and how well those stand for them.
import { type Size, boxArea, polygon } from "../geometry";
import { bitsOf, encode } from "../masks";
import { ellipse, rotated } from "../kinds/turned";
import type { Geometry, Shape } from "../records";
import type { PolygonGeometry } from "../../wire.gen";
import { ellipseLike, leastRectangle, rectangleRuns } from "./around";
import { encloses, outlineOf, pixelsOf } from "./combine";
import { bitsIou } from "./fill";
import { maskToPolygon, trace } from "./trace";

/** How far a polygon may lie from the mask or the ellipse that it is made of, if nothing else is said; image pixels. */
export const tolerancePx = 1;
/** Finer than this no polygon follows an ellipse, image pixels. */
const finest = 0.02;

export const targets = ["polygon", "mask", "box", "rotated", "ellipse"] as const;
export type Target = (typeof targets)[number];

export interface Conversion {
  /** Those that are another kind now; what cannot be, or is that kind already, is left out. */
  readonly changed: readonly Shape[];
  /** The least IoU, pixel by pixel, of what a shape became with what it was. */
  readonly least: number;
}

/** `tolerance` (px) is for polygons of masks and ellipses. */
export function converted(shapes: readonly Shape[], to: Target, size: Size, tolerance = tolerancePx): Conversion {
  let least = 1;
  const changed = shapes.flatMap((shape) => {
    const { geometry: from } = shape;
    const geometry = from.kind === to || !encloses(from) ? null : made(from, to, size, tolerance);
    if (!geometry) return [];
    if (to !== "mask") least = Math.min(least, bitsIou(pixelsOf(from, size), pixelsOf(geometry, size)));
    return [{ ...shape, geometry }];
  });
  return { changed, least };
}

/** What it becomes as another kind; null where nothing would be left. */
export function made(from: Geometry, to: Target, size: Size, tolerance: number): Geometry | null {
  switch (to) {
    case "polygon":
      return polygonFrom(from, tolerance);
    case "mask":
      return encode(pixelsOf(from, size), size);
    case "box":
      return boxArea(from.box) > 0 ? { kind: "box", box: from.box } : null;
    case "rotated": {
      if (from.kind === "ellipse") return rotated(from.turned);
      const { parts } = outlinesOf(from);
      const turned = leastRectangle(parts);
      return turned && Math.min(...turned.size) > 0 ? rotated(turned) : null;
    }
    case "ellipse": {
      // The one that fills the rectangle; a free outline has the one that is spread as it is.
      const [x, y, w, h] = from.box;
      if (from.kind === "rotated") return ellipse(from.turned);
      if (from.kind === "box") return ellipse({ center: [x + w / 2, y + h / 2], size: [w, h], angle: 0 });
      const turned = ellipseLike(outlinesOf(from));
      return turned && ellipse(turned);
    }
  }
}

function outlinesOf(from: Geometry): Pick<PolygonGeometry, "parts" | "holes"> {
  if (from.kind === "polygon") return from;
  return from.kind === "mask" ? trace(bitsOf(from)) : { parts: [outlineOf(from)], holes: [] };
}

function polygonFrom(from: Geometry, tolerance: number): PolygonGeometry {
  if (from.kind === "mask") return maskToPolygon(from, tolerance).geometry;
  if (from.kind === "rotated") return polygon(rectangleRuns(from.turned));
  return polygon([outlineOf(from, Math.max(tolerance, finest)).map((value) => Math.round(value * 100) / 100)]);
}
