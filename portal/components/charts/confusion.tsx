"use client";
// Truths by row, detections by column; the shade of a cell is its share of the row. A cell is a mark: it shows its images.
import { useState } from "react";
import { short } from "@/lib/format";
import { useWidth } from "./use-width";

export interface ConfusionView {
  /** Class ids; null is background (and, before it, all the classes that are summed up). */
  readonly entries: readonly { readonly id: number | null; readonly name: string; readonly background?: boolean }[];
  readonly counts: readonly (readonly number[])[];
}

export interface Cell {
  readonly truth: number | null;
  readonly detected: number | null;
}

export function Confusion({ view, chosen, onChoose }: { view: ConfusionView; chosen: Cell | null; onChoose: (cell: Cell) => void }) {
  const [host, width] = useWidth<HTMLDivElement>(480);
  const [cursor, setCursor] = useState<readonly [number, number] | null>(null);
  const side = view.entries.length;
  const left = Math.min(104, width * 0.26);
  const slanted = side > 7;
  const top = slanted ? 66 : 24;
  const cell = Math.max(9, Math.min(52, (width - left - (slanted ? 30 : 2)) / Math.max(1, side)));
  const name = (n: number, row: boolean): string => {
    const entry = view.entries[n];
    return entry?.background ? (row ? "nothing there" : "missed") : (entry?.name ?? "");
  };
  const choose = (row: number, column: number): void => {
    const [truth, detected] = [view.entries[row], view.entries[column]];
    const whole = (entry: typeof truth): boolean => entry !== undefined && (entry.id !== null || entry.background === true);
    if (truth && detected && whole(truth) && whole(detected) && (truth.id !== null || detected.id !== null)) onChoose({ truth: truth.id, detected: detected.id });
  };
  const [atRow, atColumn] = cursor ?? [-1, -1];
  return (
    <figure ref={host as React.Ref<HTMLElement>} className="min-w-0">
      <svg
        width={width} height={top + cell * side + 2} role="group" tabIndex={0} className="block rounded-sm text-soft" fontSize={11}
        aria-label="Confusion matrix. Arrow keys choose a cell, Enter shows its images."
        onPointerLeave={() => setCursor(null)}
        onKeyDown={(event) => {
          const by = ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] } as const)[event.key as "ArrowUp"];
          const [row, column] = cursor ?? [0, 0];
          if (by) setCursor([Math.min(side - 1, Math.max(0, row + by[0])), Math.min(side - 1, Math.max(0, column + by[1]))]);
          else if (event.key === "Enter" || event.key === " ") choose(row, column);
          else return;
          event.preventDefault();
        }}
      >
        {view.entries.map((_, n) => (
          <g key={n} fill="currentColor">
            <text x={left - 8} y={top + cell * (n + 0.5)} textAnchor="end" dominantBaseline="central" className={n === atRow ? "fill-ink font-semibold" : undefined}>
              {clipped(name(n, true), left / 6.4)}
            </text>
            <text
              className={n === atColumn ? "fill-ink font-semibold" : undefined}
              {...(slanted
                ? { transform: `translate(${left + cell * (n + 0.5) + 3},${top - 7}) rotate(-50)` }
                : { x: left + cell * (n + 0.5), y: top - 8, textAnchor: "middle" as const })}
            >
              {clipped(name(n, false), slanted ? 12 : cell / 5.8)}
            </text>
          </g>
        ))}
        {view.entries.map((truth, row) => {
          const counts = view.counts[row] ?? [];
          const sum = counts.reduce((a, b) => a + b, 0) || 1;
          return view.entries.map((detected, column) => {
            const count = counts[column] ?? 0;
            const share = count && row + column < 2 * side - 2 ? 0.1 + 0.9 * (count / sum) : 0;
            const on = chosen !== null && chosen.truth === truth.id && chosen.detected === detected.id;
            return (
              <g
                key={`${row}-${column}`} data-cell={`${name(row, true)}/${name(column, false)}`} data-count={count} className="cursor-pointer"
                onPointerEnter={() => setCursor([row, column])} onClick={() => choose(row, column)}
              >
                <rect x={left + cell * column + 1} y={top + cell * row + 1} width={cell - 2} height={cell - 2} rx={3} className="fill-sunk" />
                <rect
                  x={left + cell * column + 1} y={top + cell * row + 1} width={cell - 2} height={cell - 2} rx={3} fillOpacity={share} strokeWidth={2}
                  className={`${row === column ? "fill-accent" : "fill-bad"} ${on || (row === atRow && column === atColumn) ? "stroke-ink" : ""}`}
                />
                {cell >= 24 && count > 0 && (
                  <text x={left + cell * (column + 0.5)} y={top + cell * (row + 0.5)} textAnchor="middle" dominantBaseline="central" pointerEvents="none" className={share > 0.55 ? "fill-on-accent" : "fill-ink"}>
                    {short(count)}
                  </text>
                )}
              </g>
            );
          });
        })}
      </svg>
      <figcaption className="mt-2 text-xs text-soft" aria-live="polite">
        {cursor
          ? `${name(atRow, true)} → ${name(atColumn, false)}: ${(view.counts[atRow]?.[atColumn] ?? 0).toLocaleString("en")}`
          : "Truth by row, detection by column. A cell shows the images behind it."}
      </figcaption>
    </figure>
  );
}

function clipped(text: string, most: number): string {
  const room = Math.max(3, Math.floor(most));
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}
