import type { Plot } from "./frame";

/** Hairlines at the ticks of y, numbers on both axes, and what x is. */
export function Axes({ plot, xName, yName }: { plot: Plot; xName: string; yName?: string }) {
  const { margins, width, height, x, y } = plot;
  return (
    <g className="text-faint" fontSize={11} fill="currentColor">
      {plot.yTicks.map((tick) => (
        <g key={tick}>
          <line x1={margins.left} x2={width - margins.right} y1={y(tick)} y2={y(tick)} className="stroke-line" />
          <text x={margins.left - 6} y={y(tick)} textAnchor="end" dominantBaseline="central">{tick}</text>
        </g>
      ))}
      {plot.xTicks.map((tick) => <text key={tick} x={x(tick)} y={height - margins.bottom + 15} textAnchor="middle">{tick}</text>)}
      <text x={width - margins.right} y={height - margins.bottom - 6} textAnchor="end">{xName} →</text>
      {yName && <text x={margins.left + 4} y={margins.top + 6}>↑ {yName}</text>}
    </g>
  );
}
