// Precision over recall: the mean of the classes, and each of a few chosen ones.
import { useRef, useState } from "preact/hooks";
import { type Frame, path } from "./scale";
import type { Session } from "./session";
import { useWidth } from "./width";

const height = 208;

export function Curve({ session }: { session: Session }) {
  const host = useRef<HTMLDivElement>(null);
  const width = useWidth(host, 300);
  const [pointed, setPointed] = useState<number | null>(null);
  const figures = session.figures.value;
  if (!figures) return null;
  const frame: Frame = { width, height, left: 26, right: 8, top: 8, bottom: 22 };
  const [mean, ...others] = figures.curves;
  const x = (recall: number): number => frame.left + (width - frame.left - frame.right) * recall;
  const y = (precision: number): number => frame.top + (height - frame.top - frame.bottom) * (1 - precision);
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <section class="panel curve" aria-label="Precision over recall">
      <h3>Precision over recall <small>IoU {session.query.value.iou.toFixed(2)}</small></h3>
      <div ref={host}>
        <svg
          width={width} height={height} role="img" aria-label="Precision over recall"
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const recall = (event.clientX - box.left - frame.left) / (width - frame.left - frame.right);
            setPointed(recall >= 0 && recall <= 1 ? Math.round(recall * 100) : null);
          }}
          onPointerLeave={() => setPointed(null)}
        >
          {marks.map((mark) => (
            <g key={mark}>
              <line class="grid" x1={x(0)} x2={x(1)} y1={y(mark)} y2={y(mark)} />
              <text class="tick" x={frame.left - 5} y={y(mark)} text-anchor="end" dominant-baseline="central">{mark}</text>
              <text class="tick" x={x(mark)} y={height - 6} text-anchor={mark === 1 ? "end" : "middle"}>{mark}</text>
            </g>
          ))}
          {mean && <polygon class="under" points={`${x(0)},${y(0)} ${path(mean, frame)} ${x(1)},${y(0)}`} />}
          {others.map((curve, n) => (
            <polyline
              key={figures.curve_classes[n]} points={path(curve, frame)}
              style={{ stroke: session.classOf.value.get(figures.curve_classes[n] ?? -1)?.color ?? "currentColor" }}
            />
          ))}
          {mean && <polyline class="mean" points={path(mean, frame)} />}
          {pointed !== null && mean && (
            <>
              <line class="cross" x1={x(pointed / 100)} x2={x(pointed / 100)} y1={frame.top} y2={height - frame.bottom} />
              <circle cx={x(pointed / 100)} cy={y(mean[pointed] ?? 0)} r={3.5} />
            </>
          )}
        </svg>
      </div>
      <p class="legend">
        <span class="key mean">mean of classes{pointed !== null && <b>{(mean?.[pointed] ?? 0).toFixed(3)}</b>}</span>
        {others.map((curve, n) => {
          const id = figures.curve_classes[n] ?? -1;
          return (
            <span key={id} class="key" style={{ "--tone": session.classOf.value.get(id)?.color ?? "currentColor" }}>
              {session.name(id)}{pointed !== null && <b>{(curve[pointed] ?? 0).toFixed(3)}</b>}
            </span>
          );
        })}
        {pointed !== null && <span class="at">recall {(pointed / 100).toFixed(2)}</span>}
      </p>
    </section>
  );
}
