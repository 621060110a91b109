// Shapes from one kind to the other: masks to polygons and back.
import type { Size } from "../geometry";
import type { Geometry, Shape } from "../records";
import { polygonToMask } from "./fill";
import { maskToPolygon } from "./trace";

/** How far a polygon may lie from the mask that it is made of; image pixels. */
export const tolerancePx = 1;

export interface Conversion {
  /** Those that are another kind now; what is no mask, or no polygon, is left out. */
  readonly changed: readonly Shape[];
  /** The least IoU of a polygon's pixels with its mask's. */
  readonly least: number;
}

export function converted(shapes: readonly Shape[], to: "polygon" | "mask", size: Size): Conversion {
  let least = 1;
  const other = (geometry: Geometry): Geometry | null => {
    if (to === "mask") return geometry.kind === "polygon" ? polygonToMask(geometry, size) : null;
    if (geometry.kind !== "mask") return null;
    const { geometry: outline, iou } = maskToPolygon(geometry, tolerancePx);
    least = Math.min(least, iou);
    return outline;
  };
  const changed = shapes.flatMap((shape) => {
    const geometry = other(shape.geometry);
    return geometry ? [{ ...shape, geometry }] : [];
  });
  return { changed, least };
}
