// The index against a look at every shape, over many edits.
import { expect, test } from "vitest";
import type { Box } from "./geometry";
import { HitIndex } from "./hit";
import { newShape, type Shape } from "./records";
import { ShapeStore } from "./store";

function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

test("what lies within an area is the same by the index as by a look at every shape, in drawing order", () => {
  const random = numbers(11);
  const store = new ShapeStore();
  const index = new HitIndex(store);
  const box = (): Box => [random() * 900, random() * 900, 1 + random() * 100, 1 + random() * 100];
  const made = (id: string): Shape => ({ ...newShape(id, 0, { kind: "box", box: box() }), z: random() < 0.05 ? 1 : 0 });
  const touch = ([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): boolean => ax <= bx + bw && bx <= ax + aw && ay <= by + bh && by <= ay + ah;
  store.change("remote", (draft) => {
    for (let n = 0; n < 500; n++) draft.put(made(`${n}`));
  });
  // Beyond the number of loose shapes that the index bears, twice.
  for (let step = 0; step < 1500; step++) {
    const ids = [...store.all()].map(({ id }) => id);
    const id = random() < 0.3 ? `new ${step}` : ids[Math.floor(random() * ids.length)]!;
    store.change("local", (draft) => (random() < 0.3 && store.get(id) ? draft.remove(id) : draft.put(made(id))));
    if (step % 3) continue;
    const area = box();
    const all = [...store.all()].filter(({ geometry }) => touch(geometry.box, area));
    const expected = [...all.filter(({ z }) => !z), ...all.filter(({ z }) => z)];
    expect(index.within(area).map(({ id: one }) => one), `step ${step}`).toEqual(expected.map(({ id: one }) => one));
  }
});
