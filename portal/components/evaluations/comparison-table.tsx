import { Interval } from "@/components/charts/interval";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import type { ComparisonRow } from "@/lib/api";
import { cn } from "@/lib/cn";
import { metric, probability, signed } from "@/lib/format";

/** Differences with their intervals on one scale: a whisker that does not reach the middle line is a difference. */
export function ComparisonTable({ rows, label, this_, other }: { rows: readonly ComparisonRow[]; label: string; this_: string; other: string }) {
  const reach = Math.max(0.01, ...rows.flatMap((one) => [Math.abs(one.low ?? 0), Math.abs(one.high ?? 0), Math.abs(one.difference ?? 0)])) * 1.05;
  return (
    <div className="-mx-4">
      <Table aria-label={label}>
        <thead><tr><Th><span className="sr-only">Of</span></Th><Th className="max-w-32 truncate text-right">{this_}</Th><Th className="max-w-32 truncate text-right">{other}</Th><Th className="text-right">Difference</Th><Th>95 % interval</Th><Th className="text-right">p</Th></tr></thead>
        <tbody>
          {rows.map((one) => {
            const sure = one.low !== null && one.high !== null && (one.low > 0 || one.high < 0);
            const p = one.p_adjusted ?? one.p;
            return (
              <Tr key={one.name} title={one.warning ?? undefined}>
                <Td className="font-medium">{one.name}</Td>
                <Td className="text-right">{metric(one.this)}</Td>
                <Td className="text-right text-soft">{metric(one.other)}</Td>
                <Td className={cn("text-right", sure && "font-semibold", sure && ((one.difference ?? 0) > 0 ? "text-good" : "text-bad"))}>{one.difference === null ? "–" : signed(one.difference)}</Td>
                <Td>
                  {one.low !== null && one.high !== null && one.difference !== null
                    ? <Interval low={one.low} value={one.difference} high={one.high} from={-reach} to={reach} zero width={140} label={`from ${signed(one.low)} to ${signed(one.high)}`} />
                    : <span className="text-xs text-faint">too few images</span>}
                </Td>
                <Td className="text-right text-soft">{p === null ? "–" : probability(p).replace("p = ", "").replace("p ", "")}</Td>
              </Tr>
            );
          })}
        </tbody>
      </Table>
    </div>
  );
}
