// The epochs of a job as lines to draw.
import type { JobEpoch } from "../wire.gen";

export interface Line {
  readonly name: string;
  /** Which of the chart's colours, 0 … 3. */
  readonly tone: number;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

/** One line for each name, in the order in which the names first appear. Values that are not finite leave a gap out. */
export function lines(epochs: readonly JobEpoch[], of: "losses" | "metrics", only?: readonly string[]): Line[] {
  const names = [...new Set(epochs.flatMap((one) => Object.keys(one[of])))];
  const wanted = only ? only.filter((name) => names.includes(name)) : names;
  return wanted.slice(0, 4).map((name, tone) => ({
    name,
    tone,
    points: epochs.flatMap((one) => {
      const value = one[of][name];
      return value !== undefined && Number.isFinite(value) ? [{ epoch: one.epoch, value }] : [];
    }),
  }));
}

/** The metrics worth a chart: the mean precisions where there are such, else the first ones that are. */
export function metricLines(epochs: readonly JobEpoch[]): Line[] {
  const known = lines(epochs, "metrics", ["AP50", "AP", "mAP50", "mAP50-95"]);
  return known.length > 0 ? known : lines(epochs, "metrics");
}
