// Runs' predictions on one image, as typed columns.
import type { Box } from "../editor/geometry";
import type { MaskGeometry } from "../editor/records";
import { type Verdicts, isSure } from "./verdicts";

export interface Overlay {
  readonly count: number;
  /** (n, 4) x, y, w, h in image pixels. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  /** One mask for each, where the model made masks. */
  readonly masks: readonly MaskGeometry[] | null;
}

/** One run among those that are shown. */
export interface OverlayLayer {
  readonly overlay: Overlay;
  /** What became of its predictions; null while that is not asked, or not known yet. */
  readonly verdicts: Verdicts | null;
  /** Which of several runs it is: "A", "B", …; empty where it is the only one. */
  readonly mark: string;
  /** How its outlines are dashed, in CSS pixels. */
  readonly dash: readonly number[];
}

export interface OverlayView {
  readonly layers: readonly OverlayLayer[];
  /** Predictions below this score are not drawn. */
  readonly confidence: number;
}

export const dashes: readonly (readonly number[])[] = [[6, 4], [2, 3], [12, 4], [10, 3, 2, 3]];

/** How many predictions have at least this score. */
export function countAbove(overlay: Overlay, confidence: number): number {
  let sum = 0;
  for (let place = 0; place < overlay.count; place++) if (isSure(overlay, place, confidence)) sum++;
  return sum;
}

export function boxAt({ boxes }: Overlay, place: number): Box {
  return [boxes[4 * place]!, boxes[4 * place + 1]!, boxes[4 * place + 2]!, boxes[4 * place + 3]!];
}

/** The places of the predictions that are sure enough and touch the area. */
export function predictionsIn(overlay: Overlay, area: Box, confidence: number): number[] {
  const found: number[] = [];
  for (let place = 0; place < overlay.count; place++) {
    if (!isSure(overlay, place, confidence)) continue;
    const [x, y, w, h] = boxAt(overlay, place);
    if (x + w >= area[0] && y + h >= area[1] && x <= area[0] + area[2] && y <= area[1] + area[3]) found.push(place);
  }
  return found;
}
