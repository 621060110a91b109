// Truths by row, detections by column; each row's colour is its share. A cell shows its images.
import { useRef, useState } from "preact/hooks";
import type { Mark } from "../wire.gen";
import type { Confusion } from "./decode";
import type { Session } from "./session";
import { useWidth } from "./width";

interface Entry {
  readonly id: number | null;
  readonly name: string;
  readonly kind: "class" | "others" | "background";
}

const textFromPx = 24;

export function entries(confusion: Confusion, name: (id: number) => string): Entry[] {
  const found: Entry[] = confusion.classes.map((id) => ({ id, name: name(id), kind: "class" }));
  if (confusion.others > 0) found.push({ id: null, name: `${confusion.others} others`, kind: "others" });
  return [...found, { id: null, name: "", kind: "background" }];
}

/** The mark of a cell, or null where it stands for several classes or for nothing. */
export function markOf(row: Entry, column: Entry): Mark | null {
  if (row.kind === "others" || column.kind === "others" || (row.id === null && column.id === null)) return null;
  return { mark: "cell", ...(row.id === null ? {} : { truth: row.id }), ...(column.id === null ? {} : { detected: column.id }) };
}

export function ConfusionMatrix({ session }: { session: Session }) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host, 420);
  const [cursor, setCursor] = useState<readonly [number, number] | null>(null);
  const confusion = session.confusion.value;
  const all = confusion ? entries(confusion, (id) => session.name(id)) : [];
  const side = all.length;
  const left = Math.min(96, width * 0.24);
  const top = side > 8 ? 66 : 22;
  // Slanted names of the last columns lean beyond their cells.
  const cell = Math.max(8, Math.min(44, (width - left - (side > 8 ? 26 : 4)) / Math.max(1, side)));
  const mark = session.mark.value;
  const choose = (row: number, column: number): void => {
    const [truth, found] = [all[row], all[column]];
    const chosen = truth && found ? markOf(truth, found) : null;
    if (chosen) session.behind(chosen);
  };
  const keys = (event: KeyboardEvent): void => {
    const steps: Record<string, readonly [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    const [row, column] = cursor ?? [0, 0];
    if (step) setCursor([Math.min(side - 1, Math.max(0, row + step[0])), Math.min(side - 1, Math.max(0, column + step[1]))]);
    else if ((event.key === "Enter" || event.key === " ") && cursor) choose(row, column);
    else return;
    event.preventDefault();
  };
  const label = (entry: Entry | undefined, row: boolean): string => (entry?.kind === "background" ? (row ? "nothing there" : "missed") : entry?.name ?? "");
  const [row, column] = cursor ?? [-1, -1];
  return (
    <section class="panel confusion" aria-label="Confusion" data-stale={session.stale}>
      <h3>
        Confusion
        {confusion && <small>truth ↓ detected → · confidence ≥ {confusion.confidence.toFixed(2)}</small>}
      </h3>
      <div ref={host}>
        {confusion && (
          <svg
            width={width} height={top + cell * side + 2} tabIndex={0} role="group"
            aria-label="Confusion matrix. Arrow keys choose a cell, Enter shows its images."
            onKeyDown={keys} onPointerLeave={() => setCursor(null)} onBlur={() => setCursor(null)}
          >
            {all.map((entry, n) => (
              <g key={n}>
                <text class={n === row ? "name on" : "name"} x={left - 6} y={top + cell * (n + 0.5)} text-anchor="end" dominant-baseline="central">
                  {clipped(label(entry, true), left / 6.2)}
                </text>
                <text
                  class={n === column ? "name on" : "name"}
                  {...(side > 8
                    ? { transform: `translate(${left + cell * (n + 0.5) + 3},${top - 6}) rotate(-50)` }
                    : { x: left + cell * (n + 0.5), y: top - 8, "text-anchor": "middle" })}
                >
                  {clipped(label(entry, false), side > 8 ? 12 : cell / 5.6)}
                </text>
              </g>
            ))}
            {all.map((truth, i) => {
              const counts = all.map((_, j) => confusion.counts[i * confusion.side + j] ?? 0);
              const sum = counts.reduce((a, b) => a + b, 0) || 1;
              return counts.map((count, j) => {
                const found = all[j];
                const nothing = i === side - 1 && j === side - 1;
                const on = mark.mark === "cell" && found !== undefined && mark.truth === (truth.id ?? undefined) && mark.detected === (found.id ?? undefined);
                return (
                  <g
                    key={`${i}-${j}`} class={i === j ? "cell right" : "cell wrong"} data-cell={`${label(truth, true)}/${label(found, false)}`} data-count={count}
                    onPointerEnter={() => setCursor([i, j])} onClick={() => choose(i, j)}
                  >
                    <rect
                      class={on ? "on" : row === i && column === j ? "under" : ""} x={left + cell * j + 0.5} y={top + cell * i + 0.5} width={cell - 1} height={cell - 1} rx={2}
                      style={{ "--share": nothing || !count ? 0 : 0.12 + 0.88 * (count / sum) }}
                    />
                    {cell >= textFromPx && count > 0 && (
                      <text class={count / sum > 0.55 ? "count light" : "count"} x={left + cell * (j + 0.5)} y={top + cell * (i + 0.5)}>{short(count)}</text>
                    )}
                  </g>
                );
              });
            })}
          </svg>
        )}
      </div>
      <p class="legend">
        <span>
          {cursor && confusion
            ? `${label(all[row], true)} → ${label(all[column], false)}: ${(confusion.counts[row * confusion.side + column] ?? 0).toLocaleString("en")}`
            : "Click a cell: the images behind it"}
        </span>
      </p>
    </section>
  );
}

function clipped(text: string, most: number): string {
  const room = Math.max(3, Math.floor(most));
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

function short(count: number): string {
  return count < 1000 ? String(count) : count < 10_000 ? `${(count / 1000).toFixed(1)}k` : `${Math.round(count / 1000)}k`;
}
