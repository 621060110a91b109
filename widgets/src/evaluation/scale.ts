// From values to places on a figure, and from the pointer back.

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** √: a few hundred hits stay visible beside a hundred thousand ghosts. */
export function heights(counts: readonly number[], most: number, room: number): number[] {
  const top = Math.sqrt(Math.max(1, most));
  return counts.map((count) => (room * Math.sqrt(count)) / top);
}

/** Heights of two stacked counts: the whole bar is on the √ scale, and its parts divide it by their share. */
export function stacked(below: ArrayLike<number>, above: ArrayLike<number>, room: number): { below: number; above: number }[] {
  const sums = Array.from({ length: below.length }, (_, n) => (below[n] ?? 0) + (above[n] ?? 0));
  return heights(sums, Math.max(1, ...sums), room).map((height, n) => {
    const sum = sums[n] || 1;
    return { below: (height * (below[n] ?? 0)) / sum, above: (height * (above[n] ?? 0)) / sum };
  });
}

/** The bar under a place of 0 … 1 across the figure. */
export function barAt(share: number, bars: number): number {
  return Math.min(bars - 1, Math.max(0, Math.floor(share * bars)));
}

/** The edges that a drag from one share to another covers, whole bars. */
export function brushed(from: number, to: number, edges: readonly number[]): readonly [number, number] {
  const bars = edges.length - 1;
  const [a, b] = [barAt(Math.min(from, to), bars), barAt(Math.max(from, to), bars)];
  return [edges[a] ?? 0, edges[b + 1] ?? 1];
}

export function path(curve: ArrayLike<number>, frame: Frame): string {
  const { width, height, left, right, top, bottom } = frame;
  const points = Array.from({ length: curve.length }, (_, n) => {
    const x = left + ((width - left - right) * n) / (curve.length - 1);
    const y = top + (height - top - bottom) * (1 - (curve[n] ?? 0));
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return points.join(" ");
}
