// An interval as a whisker: on a fixed range, so that a column of them can be compared. Rendered on the server.
import { scaleLinear } from "d3-scale";

export function Interval({ low, value, high, from = 0, to = 1, width = 120, label, zero = false }: {
  low: number; value: number; high: number; from?: number; to?: number; width?: number; label: string;
  /** Mark zero: for differences, whether the whisker crosses it is the point. */
  zero?: boolean;
}) {
  const x = scaleLinear([from, to], [4, width - 4]).clamp(true);
  return (
    <svg width={width} height={14} role="img" aria-label={label} className="block">
      <line x1={0} x2={width} y1={7} y2={7} className="stroke-line" />
      {zero && <line x1={x(0)} x2={x(0)} y1={0} y2={14} className="stroke-line-strong" />}
      <line x1={x(low)} x2={x(high)} y1={7} y2={7} strokeWidth={3} strokeLinecap="round" className="stroke-accent opacity-45" />
      <circle cx={x(value)} cy={7} r={3.5} className="fill-accent" />
    </svg>
  );
}
