import { LineChart, type Series } from "@/components/charts/line-chart";
import type { Point } from "@/components/charts/frame";
import { Panel } from "@/components/ui/card";
import type { CurvesData } from "@/lib/api";
import { seriesColor } from "@/lib/colors";

/** As many classes as one can tell apart. */
const most = 7;

/** Precision over recall of the mean and of the weakest classes; precision, recall and F1 over the confidence. */
export function Curves({ curves }: { curves: CurvesData }) {
  const points = (values: readonly (number | null)[]): Point[] => curves.recall.map((x, n) => [x, values[n] ?? 0] as const);
  const mean = (values: readonly (number | null)[]): number => values.reduce<number>((sum, one) => sum + (one ?? 0), 0) / Math.max(1, values.length);
  const all = curves.classes.find((one) => one.name === "all");
  const weakest = curves.classes.filter((one) => one !== all).sort((a, b) => mean(a.precision) - mean(b.precision)).slice(0, most);
  const recall: Series[] = [
    ...weakest.map((one, n) => ({ name: one.name, points: points(one.precision), color: seriesColor(n + 1) })),
    ...(all ? [{ name: "mean of classes", points: points(all.precision) }] : []),
  ];
  const by = curves.by_confidence;
  const over = (values: readonly (number | null)[]): Point[] => by.confidence.map((x, n) => [x, values[n] ?? 0] as const);
  const best = by.F1.reduce<number>((at, value, n) => ((value ?? 0) > (by.F1[at] ?? 0) ? n : at), 0);
  const marker = by.F1.length > 0 ? { at: by.confidence[best] ?? 0, name: `best F1 ${(by.F1[best] ?? 0).toFixed(3)} at ${(by.confidence[best] ?? 0).toFixed(2)}` } : undefined;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Panel title="Precision over recall" note={`IoU ${curves.iou.toFixed(2)}${curves.classes.length - 1 > most ? `, the ${most} weakest classes` : ""}`}>
        <LineChart series={recall} label="Precision over recall" xName="recall" yName="precision" />
      </Panel>
      <Panel title="Over the confidence" note={`all classes, IoU ${curves.iou.toFixed(2)}`}>
        <LineChart
          label="Precision, recall and F1 over the confidence" xName="confidence" marker={marker}
          series={[{ name: "precision", points: over(by.precision), color: seriesColor(2) }, { name: "recall", points: over(by.recall), color: seriesColor(1) }, { name: "F1", points: over(by.F1) }]}
        />
      </Panel>
    </div>
  );
}
