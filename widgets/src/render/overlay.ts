// One run's predictions on one image, as typed columns.
import type { MaskGeometry } from "../editor/records";

export interface Overlay {
  readonly count: number;
  /** (n, 4) x, y, w, h in image pixels. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  /** One mask for each, where the model made masks. */
  readonly masks: readonly MaskGeometry[] | null;
}

export interface OverlayView {
  readonly overlay: Overlay | null;
  readonly shown: boolean;
  /** Predictions below this score are not drawn. */
  readonly confidence: number;
}

/** How many predictions have at least this score. */
export function countAbove(overlay: Overlay, confidence: number): number {
  let sum = 0;
  for (const score of overlay.scores) if (score >= confidence) sum++;
  return sum;
}
