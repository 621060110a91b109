"use client";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { Axes } from "./axes";
import { areaPath, linePath, plot, type Point } from "./frame";
import { useWidth } from "./use-width";

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** A CSS colour; left out: the accent, drawn strongly over the others. */
  readonly color?: string | undefined;
}

/** Several lines over one x; the pointer or the arrow keys read them off. `marker` is a place on x worth a line. */
export function LineChart({ series, label, xName, yName, x = [0, 1], y = [0, 1], height = 240, marker, digits = 3 }: {
  series: readonly Series[]; label: string; xName: string; yName?: string;
  x?: readonly [number, number]; y?: readonly [number, number]; height?: number; marker?: { at: number; name: string } | undefined; digits?: number;
}) {
  const [host, width] = useWidth<HTMLDivElement>(420);
  const [at, setAt] = useState<number | null>(null);
  const p = plot({ width, height }, x, y);
  const stepBy = (x[1] - x[0]) / 50;
  const strong = series.find((one) => one.color === undefined);
  return (
    <figure className="min-w-0">
      <div ref={host}>
        <svg
          width={width} height={height} role="group" tabIndex={0} className="block rounded-sm"
          aria-label={`${label}. Arrow keys read values.`}
          onPointerMove={(event) => {
            const value = p.xBack(event.clientX - event.currentTarget.getBoundingClientRect().left);
            setAt(value >= x[0] && value <= x[1] ? value : null);
          }}
          onPointerLeave={() => setAt(null)} onBlur={() => setAt(null)}
          onKeyDown={(event) => {
            const by = { ArrowLeft: -stepBy, ArrowRight: stepBy }[event.key];
            if (by === undefined) return;
            setAt(Math.min(x[1], Math.max(x[0], (at ?? x[0]) + by)));
            event.preventDefault();
          }}
        >
          <Axes plot={p} xName={xName} {...(yName ? { yName } : {})} />
          {strong && <path d={areaPath(strong.points, p, y[0])} className="fill-accent opacity-8" />}
          {series.map((one) => (
            <path
              key={one.name} d={linePath(one.points, p)} fill="none" strokeLinejoin="round"
              className={cn(one.color === undefined && "stroke-accent")} strokeWidth={one.color === undefined ? 2 : 1.25}
              {...(one.color === undefined ? {} : { stroke: one.color, opacity: 0.85 })}
            />
          ))}
          {marker && (
            <g className="text-soft" fill="currentColor" fontSize={11}>
              <line x1={p.x(marker.at)} x2={p.x(marker.at)} y1={p.margins.top} y2={height - p.margins.bottom} className="stroke-ink" strokeDasharray="3 3" />
              <text x={p.x(marker.at) + (marker.at > (x[0] + x[1]) / 2 ? -5 : 5)} y={height - p.margins.bottom - 20} textAnchor={marker.at > (x[0] + x[1]) / 2 ? "end" : "start"}>{marker.name}</text>
            </g>
          )}
          {at !== null && (
            <g>
              <line x1={p.x(at)} x2={p.x(at)} y1={p.margins.top} y2={height - p.margins.bottom} className="stroke-line-strong" />
              {series.map((one) => (
                <circle key={one.name} cx={p.x(at)} cy={p.y(read(one.points, at))} r={3} className={cn(one.color === undefined && "fill-accent")} {...(one.color === undefined ? {} : { fill: one.color })} />
              ))}
            </g>
          )}
        </svg>
      </div>
      <figcaption className="mt-1 flex flex-wrap gap-x-3 gap-y-0.5 text-xs text-soft" aria-live="polite">
        {series.map((one) => (
          <span key={one.name} className="inline-flex items-center gap-1.5">
            <i className={cn("h-0.5 w-3 rounded-full", one.color === undefined && "bg-accent")} {...(one.color === undefined ? {} : { style: { background: one.color } })} />
            {one.name}{at !== null && <b className="font-semibold text-ink">{read(one.points, at).toFixed(digits)}</b>}
          </span>
        ))}
        {at !== null && <span className="ml-auto text-faint">{xName} {at.toFixed(2)}</span>}
      </figcaption>
    </figure>
  );
}

/** y at the nearest point whose x is not beyond `at` (the curves are steps or dense). */
function read(points: readonly Point[], at: number): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((points[middle]?.[0] ?? Infinity) <= at) low = middle;
    else high = middle - 1;
  }
  return points[low]?.[1] ?? 0;
}
