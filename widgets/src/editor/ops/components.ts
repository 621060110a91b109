// The islands of a mask: pixels that touch, along a side or at a corner.
import { type Bits, emptyBits } from "../masks";

interface Run {
  readonly row: number;
  readonly from: number;
  /** Beyond the last. */
  readonly to: number;
}

function runsOf({ window: [, , w, h], stride, bytes }: Bits): Run[] {
  const runs: Run[] = [];
  for (let row = 0; row < h; row++) {
    let from = -1;
    for (let column = 0; column <= w; column++) {
      const set = column < w && (bytes[row * stride + (column >> 3)]! & (0x80 >> (column & 7))) !== 0;
      if (set && from < 0) from = column;
      else if (!set && from >= 0) {
        runs.push({ row, from, to: column });
        from = -1;
      }
    }
  }
  return runs;
}

/** Each island in a window of its own. */
export function components(bits: Bits): Bits[] {
  const runs = runsOf(bits);
  const parent = runs.map((_, place) => place);
  const rootOf = (place: number): number => {
    while (parent[place] !== place) place = parent[place] = parent[parent[place]!]!;
    return place;
  };
  let above = 0;
  runs.forEach((run, place) => {
    while (runs[above]!.row < run.row - 1 || (runs[above]!.row === run.row - 1 && runs[above]!.to < run.from)) above++;
    for (let n = above; n < place && runs[n]!.row === run.row - 1 && runs[n]!.from <= run.to; n++) parent[rootOf(n)] = rootOf(place);
  });
  const islands = new Map<number, Run[]>();
  runs.forEach((run, place) => {
    const root = rootOf(place);
    const island = islands.get(root);
    if (island) island.push(run);
    else islands.set(root, [run]);
  });
  return [...islands.values()].map((island) => drawn(island, bits));
}

function drawn(runs: readonly Run[], { window: [x, y] }: Bits): Bits {
  let [left, right] = [Infinity, -Infinity];
  for (const { from, to } of runs) [left, right] = [Math.min(left, from), Math.max(right, to)];
  const top = runs[0]!.row;
  const out = emptyBits([x + left, y + top, right - left, runs.at(-1)!.row - top + 1]);
  for (const { row, from, to } of runs) {
    for (let column = from - left; column < to - left; column++) out.bytes[(row - top) * out.stride + (column >> 3)]! |= 0x80 >> (column & 7);
  }
  return out;
}
