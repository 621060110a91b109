// The numbers, each with its interval. They come at once; the intervals, which take the API a moment, are streamed after.
import { Interval } from "@/components/charts/interval";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import type { IntervalItem } from "@/lib/api";
import { metric } from "@/lib/format";
import { Refused } from "@/lib/problem";
import { api } from "@/lib/server";

const meanings: Record<string, string> = {
  AP: "IoU .50–.95", AP50: "IoU .50", AP75: "IoU .75", APs: "small", APm: "medium", APl: "large",
  AR1: "best 1", AR10: "best 10", AR100: "best 100", ARs: "small", ARm: "medium", ARl: "large",
};
type NumbersByName = Record<string, number | null>;

export function Numbers({ numbers, intervals }: { numbers: NumbersByName; intervals?: readonly IntervalItem[] }) {
  const of = new Map(intervals?.map((one) => [one.number, one]));
  return (
    <Card aria-label="Numbers" {...(intervals ? {} : { "aria-busy": true })} className="grid grid-cols-2 gap-px overflow-hidden bg-line sm:grid-cols-3 lg:grid-cols-6">
      {Object.entries(numbers).map(([name, value]) => (
        <div key={name} data-number={name} data-value={value ?? ""} className="bg-surface px-4 py-3">
          <div className="flex items-baseline justify-between gap-2 text-xs"><span className="font-medium text-soft">{name}</span><span className="text-faint">{meanings[name]}</span></div>
          <div className={name === "AP" ? "text-2xl font-semibold text-accent" : "text-2xl font-semibold"}>{metric(value)}</div>
          {intervals ? <Whisker item={of.get(name)} value={value} /> : <Skeleton className="mt-1 h-3.5" />}
        </div>
      ))}
    </Card>
  );
}

function Whisker({ item, value }: { item: IntervalItem | undefined; value: number | null }) {
  if (!item || item.low === null || item.high === null || value === null) return <p className="h-6 text-xs text-faint" title={item?.warning ?? undefined}>no interval</p>;
  const text = `${metric(item.low)} – ${metric(item.high)}`;
  return (
    <div title={item.warning ?? "95 % of resampled datasets"}>
      <Interval low={item.low} value={value} high={item.high} label={`95 % interval ${text}`} />
      <p className="text-xs text-faint">{text}</p>
    </div>
  );
}

export async function NumbersWithIntervals({ evaluation, tag, numbers }: { evaluation: number; tag: string | undefined; numbers: NumbersByName }) {
  const intervals = await api().then((client) => client.evaluations.intervals(evaluation, tag)).then((table) => table.items, (thrown: unknown) => {
    // Too few images for an interval is an answer, not a fault of the page.
    if (thrown instanceof Refused) return [];
    throw thrown;
  });
  return <Numbers numbers={numbers} intervals={intervals} />;
}
