import { Table, Td, Th, Tr } from "@/components/ui/table";
import type { AgreementData } from "@/lib/api";
import { cn } from "@/lib/cn";
import { count } from "@/lib/format";

type Row = AgreementData["every"];

/** F1 as a bar and alpha as a mark on it, the class of least agreement on top, and the numbers beside them. */
export function AgreementTable({ found }: { found: AgreementData }) {
  const rows = [...found.classes].sort((a, b) => (a.f1 ?? 2) - (b.f1 ?? 2));
  return (
    <div className="-mx-4">
      <Table aria-label="Classes">
        <thead>
          <tr>
            <Th>Class</Th><Th className="max-w-28 truncate text-right">{found.left}</Th><Th className="max-w-28 truncate text-right">{found.right}</Th><Th className="text-right">Agreed</Th>
            <Th className="w-1/3"><Key /></Th><Th className="text-right">F1</Th><Th className="text-right">Alpha</Th><Th className="text-right">Mean IoU</Th>
          </tr>
        </thead>
        <tbody>
          {[...rows, found.every].map((one) => {
            const whole = one === found.every;
            return (
              <Tr key={whole ? "" : one.name} data-class={one.name} className={whole ? "[&>td]:font-semibold" : undefined}>
                <Td className="font-medium">{whole ? "All" : one.name}</Td>
                <Td className="text-right">{count(one.left)}</Td>
                <Td className="text-right">{count(one.right)}</Td>
                <Td className="text-right">{count(one.agreed)}</Td>
                <Td><Bar row={one} whole={whole} /></Td>
                <Td className="text-right">{number(one.f1)}</Td>
                <Td className="text-right">{number(one.alpha)}</Td>
                <Td className="text-right text-soft">{number(one.mean_iou)}</Td>
              </Tr>
            );
          })}
        </tbody>
      </Table>
    </div>
  );
}

function Key() {
  return (
    <span className="flex items-center gap-3">
      <span className="flex items-center gap-1.5"><i className="h-2 w-4 rounded-xs bg-accent" aria-hidden />F1</span>
      <span className="flex items-center gap-1.5"><i className="size-2 rotate-45 border border-surface bg-warn" aria-hidden />Alpha</span>
    </span>
  );
}

/** The numbers stand beside it: it is for the eye alone. What is below 0 stands at its foot. */
function Bar({ row, whole }: { row: Row; whole: boolean }) {
  const at = (value: number): string => `${100 * Math.min(1, Math.max(0, value))}%`;
  return (
    <span className="relative block h-3 min-w-24 rounded-xs bg-sunk" aria-hidden>
      {row.f1 !== null && <span className={cn("absolute inset-y-0 left-0 rounded-xs", whole ? "bg-soft" : "bg-accent")} style={{ width: at(row.f1) }} />}
      {row.alpha !== null && <span className="absolute top-0.5 size-2 -translate-x-1/2 rotate-45 border border-surface bg-warn" style={{ left: at(row.alpha) }} />}
    </span>
  );
}

function number(value: number | null): string {
  return value === null ? "–" : value.toFixed(2).replace("-", "−");
}
