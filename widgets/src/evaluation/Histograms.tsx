// Scores of hits and ghosts, sizes of found and missed truths: bars to brush, to click, and to walk with the arrows.
import { useRef, useState } from "preact/hooks";
import type { Mark } from "../wire.gen";
import { rounded } from "./query";
import { barAt, brushed, stacked } from "./scale";
import type { Session } from "./session";
import { useWidth } from "./width";

interface Bars {
  readonly label: string;
  readonly edges: readonly number[];
  readonly below: Int32Array;
  readonly above: Int32Array;
  readonly names: readonly [string, string];
  /** CSS classes of the two parts. */
  readonly tones: readonly [string, string];
  /** Labelled places, as shares of the width. */
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** Lines across the bars, as shares. */
  readonly lines: readonly { readonly at: number; readonly strong: boolean }[];
  readonly range: readonly [number, number] | null;
  readonly format: (value: number) => string;
  /** A range was dragged out; `single` for one bar that was clicked. */
  readonly onRange: (low: number, high: number, single: boolean) => void;
}

const height = 132;
const foot = 18;
const clickPx = 4;

function Histogram(bars: Bars) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame, 300);
  const [drag, setDrag] = useState<readonly [number, number] | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const count = bars.edges.length - 1;
  const room = height - foot - 4;
  const heights = stacked(bars.below, bars.above, room);
  const step = width / count;
  const share = (event: PointerEvent): number => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / (box.width || 1)));
  };
  const select = (from: number, to: number, single: boolean): void => {
    const [low, high] = brushed(from, to, bars.edges);
    bars.onRange(low, high, single);
  };
  const keys = (event: KeyboardEvent): void => {
    const at = cursor ?? 0;
    const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (move) setCursor(Math.min(count - 1, Math.max(0, cursor === null ? 0 : at + move)));
    else if (event.key === "Enter" || event.key === " ") select((at + 0.5) / count, (at + 0.5) / count, true);
    else return;
    event.preventDefault();
  };
  const dragged = drag && Math.abs(drag[1] - drag[0]) * width > clickPx ? brushed(drag[0], drag[1], bars.edges) : null;
  const range = dragged ?? bars.range;
  const place = (value: number): number => {
    const above = bars.edges.findIndex((edge) => edge >= value - 1e-9);
    return (above < 0 ? count : above) * step;
  };
  const told = cursor === null ? null : [bars.below[cursor] ?? 0, bars.above[cursor] ?? 0] as const;
  return (
    <div class="histogram" ref={frame}>
      <svg
        width={width} height={height} tabIndex={0} role="group" aria-label={`${bars.label}. Arrow keys choose a bar, Enter shows its images.`}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([share(event), share(event)]);
        }}
        onPointerMove={(event) => {
          const at = share(event);
          setCursor(barAt(at, count));
          if (drag) setDrag([drag[0], at]);
        }}
        onPointerUp={(event) => {
          if (drag) select(drag[0], share(event), Math.abs(share(event) - drag[0]) * width <= clickPx);
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => !drag && setCursor(null)}
        onBlur={() => setCursor(null)}
        onKeyDown={keys}
      >
        {range && <rect class="brush" x={place(range[0])} width={Math.max(1, place(range[1]) - place(range[0]))} y={0} height={height - foot} />}
        {heights.map((bar, n) => (
          <g key={n} class={cursor === n ? "bar on" : "bar"}>
            <rect class={bars.tones[0]} x={n * step + 0.5} width={Math.max(0.5, step - 1)} y={height - foot - bar.below} height={bar.below} />
            <rect class={bars.tones[1]} x={n * step + 0.5} width={Math.max(0.5, step - 1)} y={height - foot - bar.below - bar.above} height={bar.above} />
          </g>
        ))}
        <line class="axis" x1={0} x2={width} y1={height - foot + 0.5} y2={height - foot + 0.5} />
        {bars.lines.map(({ at, strong }) => (
          <line key={at} class={strong ? "threshold" : "bound"} x1={at * width} x2={at * width} y1={0} y2={height - foot} />
        ))}
        {bars.ticks.map(({ at, text }) => (
          <text key={text} class="tick" x={at * width} y={height - 5} text-anchor={at < 0.04 ? "start" : at > 0.96 ? "end" : "middle"}>{text}</text>
        ))}
      </svg>
      <p class="legend">
        <span class={`key ${bars.tones[0]}`}>{bars.names[0]}{told && <b>{told[0].toLocaleString("en")}</b>}</span>
        <span class={`key ${bars.tones[1]}`}>{bars.names[1]}{told && <b>{told[1].toLocaleString("en")}</b>}</span>
        <span class="at">{cursor === null ? "√ scale" : `${bars.format(bars.edges[cursor] ?? 0)} – ${bars.format(bars.edges[cursor + 1] ?? 0)}`}</span>
      </p>
    </div>
  );
}

export function Scores({ session }: { session: Session }) {
  const [hello, figures] = [session.hello.value, session.figures.value];
  if (!hello || !figures) return null;
  const mark = session.mark.value;
  const show = (low: number, high: number, single: boolean): void => {
    // A brush is a cut as well: the numbers take its lower edge, the images both.
    if (!single) session.look({ confidence: Math.max(hello.least_confidence, rounded(low)) });
    session.behind({ mark: "scores", low, high, outcome: "any" });
  };
  return (
    <section class="panel scores" aria-label="Scores">
      <h3>Scores <small>drag: from this confidence on</small></h3>
      <Histogram
        label="Detections by score" edges={hello.score_edges} below={figures.scores.hits} above={figures.scores.ghosts}
        names={["hits", "ghosts"]} tones={["good", "bad"]} format={(value) => value.toFixed(2)}
        ticks={[0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: String(at) }))}
        lines={session.query.value.confidence > 0 ? [{ at: session.query.value.confidence, strong: true }] : []}
        range={mark.mark === "scores" ? [mark.low, mark.high] : null} onRange={show}
      />
    </section>
  );
}

/** The share of the width where a size stands: the bars are equal steps of its logarithm. */
function sizeShare(px: number, edges: readonly number[]): number {
  const [low, high] = [Math.log2(edges[0] ?? 4), Math.log2(edges.at(-1) ?? 1024)];
  return (Math.log2(px) - low) / (high - low);
}

export function Sizes({ session }: { session: Session }) {
  const [hello, figures] = [session.hello.value, session.figures.value];
  if (!hello || !figures) return null;
  const mark = session.mark.value;
  const edges = hello.size_edges;
  const show = (low: number, high: number): void => {
    // The outermost bars hold what is smaller and larger still.
    const chosen: Mark = {
      mark: "sizes", low: low <= (edges[0] ?? 0) ? 0 : low, high: high >= (edges.at(-1) ?? 0) ? 1e6 : high, outcome: "missed",
    };
    session.behind(chosen);
  };
  return (
    <section class="panel sizes" aria-label="Sizes">
      <h3>Sizes <small>√area in px, IoU .50 · drag: the missed ones</small></h3>
      <Histogram
        label="Truths by size" edges={edges} below={figures.sizes.found} above={figures.sizes.missed}
        names={["found", "missed"]} tones={["good", "lost"]} format={(value) => `${Math.round(value)} px`}
        ticks={[8, 32, 96, 256].map((px) => ({ at: sizeShare(px, edges), text: String(px) }))}
        lines={[32, 96].map((px) => ({ at: sizeShare(px, edges), strong: false }))}
        range={mark.mark === "sizes" ? [Math.max(mark.low, edges[0] ?? 0), mark.high] : null} onRange={show}
      />
    </section>
  );
}
