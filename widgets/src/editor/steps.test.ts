import { expect, test } from "vitest";
import { countsToString } from "./masks";
import { newShape, type Shape } from "./records";
import { type Step, Steps } from "./steps";

const size = 400;

/** A mask of many short runs, another for each number. */
function mask(n: number): Shape {
  const counts = Array.from({ length: 2000 }, (_, place) => 1 + ((place * 7 + n * 13) % 60));
  return newShape("m", 0, { kind: "mask", box: [0, 0, size, size], size: [size, size], counts: countsToString(counts) });
}

/** Steps from one mask to the next, sharing the shape between them as the store's diffs do. */
function strokes(count: number): Step[] {
  const masks = Array.from({ length: count + 1 }, (_, n) => mask(n));
  return Array.from({ length: count }, (_, n) => ({
    shapes: new Map([["m", { before: masks[n]!, after: masks[n + 1]! }]]), tags: new Map([["t", n % 2 === 0]]), head: `head ${n}`,
  }));
}

test("whatever was pushed comes back equal, the latest first", () => {
  const made = strokes(60);
  const steps = new Steps(1000, made);
  expect(steps.length).toBe(60);
  for (const step of [...made].reverse()) {
    expect(steps.last).toEqual(step);
    expect(steps.pop()).toEqual(step);
  }
  expect([steps.length, steps.last, steps.pop()]).toEqual([0, undefined, undefined]);
});

test("the earliest are forgotten beyond the depth", () => {
  const made = strokes(60);
  const steps = new Steps(20, made);
  expect(steps.length).toBe(20);
  const back = Array.from({ length: 20 }, () => steps.pop()!);
  expect(back.reverse()).toEqual(made.slice(40));
  expect(steps.length).toBe(0);
});

test("masks far down take less room, each once, also after a way there and back", () => {
  const made = strokes(100);
  const steps = new Steps(1000, made);
  const plain = made.reduce((sum, { shapes }) => sum + (shapes.get("m")!.after!.geometry as { counts: string }).counts.length, 0);
  const packed = steps.bytes;
  expect(packed).toBeLessThan(0.7 * plain);
  const back = new Steps(1000);
  while (steps.length) back.push(steps.pop()!);
  expect(back.bytes).toBeLessThan(0.75 * plain);
  while (back.length) steps.push(back.pop()!);
  // What comes back is a copy of its own for each of the ready steps' two ends.
  expect(steps.bytes).toBeLessThan(1.3 * packed);
  expect(Array.from({ length: 100 }, () => steps.pop()!).reverse()).toEqual(made);
});
