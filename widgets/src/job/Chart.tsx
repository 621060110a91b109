// A small line chart in SVG: one line for each series, ticks, a crosshair that reads out an epoch.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { number } from "./format";
import { linear, ticks } from "./scale";
import type { Line } from "./series";

const height = 132;
const inset = { left: 38, right: 8, top: 10, bottom: 18 };

interface Properties {
  readonly title: string;
  readonly lines: readonly Line[];
  /** The x axis runs to the last epoch planned, so that the empty part shows what is to come. */
  readonly epochs: number;
  /** True for metrics in [0, 1]: the axis starts at 0. */
  readonly fromZero: boolean;
}

export function Chart({ title, lines, epochs, fromZero }: Properties) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(320);
  const [pointed, setPointed] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const watch = new ResizeObserver(() => element.clientWidth > 0 && setWidth(element.clientWidth));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const values = lines.flatMap((line) => line.points.map((point) => point.value));
  const marks = ticks(fromZero ? 0 : Math.min(...values), Math.max(...values));
  const x = linear([1, Math.max(2, epochs)], [inset.left, width - inset.right]);
  const y = linear([marks[0] ?? 0, marks.at(-1) ?? 1], [height - inset.bottom, inset.top]);
  const last = Math.max(...lines.map((line) => line.points.at(-1)?.epoch ?? 1));
  const shown = pointed ?? last;

  const point = (event: PointerEvent): void => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    const epoch = linear([inset.left, width - inset.right], [1, Math.max(2, epochs)])(event.clientX - box.left);
    setPointed(Math.min(last, Math.max(1, Math.round(epoch))));
  };

  return (
    <figure class="chart" ref={frame}>
      <figcaption>
        <span class="name">{title}</span>
        {lines.map((line) => {
          const value = line.points.find((one) => one.epoch === shown)?.value;
          return (
            <span class={`key tone${line.tone}`}>
              {line.name} <b>{value === undefined ? "–" : number(value)}</b>
            </span>
          );
        })}
        {pointed !== null && <span class="at">epoch {pointed}</span>}
      </figcaption>
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${title} by epoch`}
        onPointerMove={point}
        onPointerLeave={() => setPointed(null)}
      >
        {marks.map((mark) => (
          <g>
            <line class="grid" x1={inset.left} x2={width - inset.right} y1={y(mark)} y2={y(mark)} />
            <text class="tick" x={inset.left - 6} y={y(mark)} text-anchor="end" dominant-baseline="central">
              {mark}
            </text>
          </g>
        ))}
        <text class="tick" x={x(1)} y={height - 4}>1</text>
        <text class="tick" x={width - inset.right} y={height - 4} text-anchor="end">{epochs} epochs</text>
        {pointed !== null && <line class="cross" x1={x(pointed)} x2={x(pointed)} y1={inset.top} y2={height - inset.bottom} />}
        {lines.map((line) => (
          <g class={`tone${line.tone}`}>
            <polyline points={line.points.map((one) => `${x(one.epoch)},${y(one.value)}`).join(" ")} />
            {line.points.filter((one) => one.epoch === shown).map((one) => (
              <circle cx={x(one.epoch)} cy={y(one.value)} r={3} />
            ))}
          </g>
        ))}
      </svg>
    </figure>
  );
}
