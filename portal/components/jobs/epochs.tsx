"use client";
// A training's losses and metrics over its epochs; only what is new is asked for.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { LineChart, type Series } from "@/components/charts/line-chart";
import { Panel } from "@/components/ui/card";
import { browser } from "@/lib/api";
import { seriesColor } from "@/lib/colors";

interface Epoch {
  readonly epoch: number;
  readonly losses: Record<string, number>;
  readonly metrics: Record<string, number>;
}
interface Heard {
  readonly last: number;
  readonly epochs: readonly Epoch[];
}

export function Epochs({ job, live }: { job: string; live: boolean }) {
  const client = useQueryClient();
  const key = ["job", job, "epochs", live];
  const { data } = useQuery({
    queryKey: key,
    queryFn: async (): Promise<Heard> => {
      let heard = client.getQueryData<Heard>(key) ?? { last: 0, epochs: [] };
      for (;;) {
        const { items, next } = await browser().jobs.events(job, heard.last);
        heard = { last: items.at(-1)?.id ?? heard.last, epochs: [...heard.epochs, ...items.flatMap((one) => (one.kind === "epoch" ? [epochOf(one.body)] : []))] };
        if (next === null) return heard;
      }
    },
    refetchInterval: live ? 2000 : false,
  });
  if (!data || data.epochs.length === 0) return null;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Curves title="Losses" of={data.epochs} pick={(one) => one.losses} />
      <Curves title="Validation" of={data.epochs} pick={(one) => one.metrics} unit />
    </div>
  );
}

function Curves({ title, of, pick, unit = false }: { title: string; of: readonly Epoch[]; pick: (one: Epoch) => Record<string, number>; unit?: boolean }) {
  const names = [...new Set(of.flatMap((one) => Object.keys(pick(one))))];
  const series: Series[] = names.map((name, n) => ({
    name, color: seriesColor(n),
    points: of.flatMap((one) => { const value = pick(one)[name]; return value === undefined ? [] : [[one.epoch, value] as const]; }),
  }));
  const values = series.flatMap((one) => one.points.map((point) => point[1]));
  if (values.length === 0) return null;
  return (
    <Panel title={title} note={`${of.length} epochs`}>
      <LineChart series={series} label={title} xName="epoch" x={[1, Math.max(2, of.at(-1)?.epoch ?? 2)]} y={[0, unit ? 1 : Math.max(...values) * 1.05]} height={200} />
    </Panel>
  );
}

/** An event's body is open JSON: what is no number is left out. */
function epochOf(body: Record<string, unknown>): Epoch {
  const numbers = (value: unknown): Record<string, number> =>
    Object.fromEntries(Object.entries(typeof value === "object" && value !== null ? value : {}).filter((one): one is [string, number] => typeof one[1] === "number"));
  return { epoch: Number(body.epoch ?? 0), losses: numbers(body.losses), metrics: numbers(body.metrics) };
}
