// Scales and paths come from d3 (functions, no DOM); the marks are SVG elements of ours. So a chart that nobody points at
// is rendered on the server and costs the browser nothing.
import { scaleLinear } from "d3-scale";
import { area, curveLinear, line } from "d3-shape";

export interface Margins {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Plot {
  readonly width: number;
  readonly height: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xBack: (px: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  readonly margins: Margins;
}

export function plot(size: { width: number; height: number }, x: readonly [number, number], y: readonly [number, number], margins: Margins = { left: 34, right: 10, top: 8, bottom: 24 }): Plot {
  const across = scaleLinear(x, [margins.left, size.width - margins.right]);
  const up = scaleLinear(y, [size.height - margins.bottom, margins.top]);
  return {
    ...size, margins,
    x: (value) => across(value), y: (value) => up(value), xBack: (px) => across.invert(px),
    xTicks: across.ticks(5), yTicks: up.ticks(4),
  };
}

export type Point = readonly [x: number, y: number];

export function linePath(points: readonly Point[], { x, y }: Plot): string {
  return line<Point>((one) => x(one[0]), (one) => y(one[1])).curve(curveLinear)(points) ?? "";
}

export function areaPath(points: readonly Point[], { x, y }: Plot, floor: number): string {
  return area<Point>((one) => x(one[0]), y(floor), (one) => y(one[1])).curve(curveLinear)(points) ?? "";
}
