"use client";
import { createColumnHelper, createSortedRowModel, rowSortingFeature, sortFn_text, tableFeatures, useTable } from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useMemo } from "react";
import { Td, Th, Tr } from "@/components/ui/table";
import type { ClassScores } from "@/lib/api";
import { cn } from "@/lib/cn";
import { metric, short } from "@/lib/format";

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel(), sortFns: { text: sortFn_text } });
const helper = createColumnHelper<typeof features, ClassScores>();
/** Classes without truths have nothing to be bad at: they come last, whichever way. */
const score = (name: "AP" | "AP50" | "AP75" | "AR") =>
  helper.accessor((row) => row[name] ?? undefined, { id: name, header: name, sortUndefined: "last", cell: ({ getValue }) => metric(getValue()) });
const columns = helper.columns([
  helper.accessor("name", { header: "Class", sortFn: "text" }),
  score("AP"), score("AP50"), score("AP75"), score("AR"),
  helper.accessor("truths", { header: "Truths", cell: ({ getValue }) => short(getValue()) }),
  helper.accessor("detections", { header: "Detections", cell: ({ getValue }) => short(getValue()) }),
]);

export function ClassTable({ rows, chosen, onChoose }: { rows: ClassScores[]; chosen: string | null; onChoose: (name: string) => void }) {
  const data = useMemo(() => rows, [rows]);
  const table = useTable({ features, columns, data, enableSortingRemoval: false, initialState: { sorting: [{ id: "AP", desc: false }] } });
  return (
    <div className="-mx-4 max-h-120 overflow-auto">
      <table className="w-full border-collapse text-sm" aria-label="Classes">
        <thead className="sticky top-0 z-10 bg-surface">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted();
                return (
                  <Th key={header.id} className={header.id === "name" ? "" : "text-right"} aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : "none"}>
                    <button type="button" className={cn("inline-flex items-center gap-1 rounded-sm hover:text-ink", sorted && "text-ink")} onClick={header.column.getToggleSortingHandler()}>
                      <table.FlexRender header={header} />
                      {sorted === "asc" ? <ArrowUp className="size-3" aria-hidden /> : sorted === "desc" && <ArrowDown className="size-3" aria-hidden />}
                    </button>
                  </Th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => {
            const { name, AP } = row.original;
            return (
              <Tr key={row.id} className={cn("cursor-pointer hover:bg-sunk", chosen === name && "bg-tint hover:bg-tint")} onClick={() => onChoose(name)}>
                {row.getAllCells().map((cell) =>
                  cell.column.id === "name" ? (
                    <Td key={cell.id} className="h-8 max-w-40">
                      <button type="button" data-row data-class={name} aria-pressed={chosen === name} className="block w-full truncate rounded-sm text-left font-medium">{name}</button>
                      <span className="mt-0.5 block h-0.5 rounded-full bg-accent" style={{ width: `${Math.max(0, AP ?? 0) * 100}%` }} aria-hidden />
                    </Td>
                  ) : (
                    <Td key={cell.id} className={cn("h-8 text-right", cell.column.id === "AP" ? "font-semibold" : "text-soft")}><table.FlexRender cell={cell} /></Td>
                  ),
                )}
              </Tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
