// What a kind of geometry can do: be hit, be moved, be taken by its grips. One module for each kind.
import type { Point, Size } from "../geometry";
import type { Geometry } from "../records";

/** A place at which a selected shape can be taken. */
export interface Grip {
  /** Names it among the shape's grips. */
  readonly id: string;
  readonly at: Point;
  /** corner and edge resize, vertex moves, middle makes a new vertex, turn turns. */
  readonly look: "corner" | "edge" | "vertex" | "middle" | "turn";
  /** A CSS cursor. */
  readonly cursor: string;
}

export interface Kind<G extends Geometry = Geometry> {
  /** Whether a click at this point means it; `reach` is in image pixels. */
  touches(geometry: G, p: Point, reach: number): boolean;
  /** In px². What matters is only which of two overlapping shapes is the smaller. */
  area(geometry: G): number;
  /** Moved by a shift; the same geometry where it cannot be. */
  translate(geometry: G, shift: Point): G;
  /** `unit` is a CSS pixel in image pixels: what is drawn apart from the outline stays apart at every zoom. */
  grips(geometry: G, unit: number): readonly Grip[];
  /** With a grip dragged to a point; the same geometry where that would leave nothing. `even` asks for round angles. */
  dragged(geometry: G, grip: string, to: Point, size: Size, even: boolean): G;
  /** What an Alt-click on a grip makes of it; null where nothing. */
  altered?(geometry: G, grip: string): G | null;
  /** With a vertex at the point of its outline that is nearest to `p`; null where that is farther than `reach`. */
  split?(geometry: G, p: Point, reach: number): G | null;
  /** What can be done with it, in one line. */
  readonly hint: string;
}

/** Whether it is a geometry that can be moved at all. */
export function moves(geometry: Geometry): boolean {
  // A mask's pixels belong to the image.
  return geometry.kind !== "mask";
}
