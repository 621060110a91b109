import { describe, expect, it } from "vitest";
import type { JobEpoch } from "../wire.gen";
import { about, count, duration, number, plural } from "./format";
import { linear, ticks } from "./scale";
import { lines, metricLines } from "./series";

const epoch = (n: number, metrics: Record<string, number>, losses: Record<string, number> = {}): JobEpoch => ({
  epoch: n,
  epochs: 10,
  losses,
  metrics,
  seconds: null,
});

describe("what a person reads", () => {
  it("times grow coarser as they grow longer", () => {
    expect([7.6, 65, 3600 + 14 * 60].map(duration)).toEqual(["8 s", "1 min 05 s", "1 h 14 min"]);
    expect([3, 42, 171, 7300].map(about)).toEqual(["a few seconds", "about 40 s", "about 3 min", "about 2 h 2 min"]);
  });
  it("numbers keep three significant digits", () => {
    expect([0, 0.7713, 1.2345, 12.34, 431.2, 12345, 0.00012].map(number)).toEqual([
      "0.000", "0.771", "1.23", "12.3", "431", "1.2e+4", "1.2e-4",
    ]);
    expect(number(NaN)).toBe("NaN");
  });
  it("thousands stand apart and one is singular", () => {
    expect(count(118287)).toBe("118\u2009287");
    expect([plural(1, "epochs"), plural(2, "epochs")]).toEqual(["epoch", "epochs"]);
  });
});

describe("the axis", () => {
  it("has round ticks that enclose the values", () => {
    expect(ticks(0, 0.78)).toEqual([0, 0.5, 1]);
    expect(ticks(0.93, 3.4)).toEqual([0, 1, 2, 3, 4]);
    expect(ticks(0, 0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  });
  it("has room for a constant", () => {
    const marks = ticks(2, 2);
    expect(marks[0]).toBeLessThan(2);
    expect(marks.at(-1)).toBeGreaterThan(2);
  });
  it("maps ends to ends", () => {
    const x = linear([1, 50], [30, 300]);
    expect([x(1), x(50)]).toEqual([30, 300]);
  });
});

describe("the lines", () => {
  it("leave out what is not finite", () => {
    const [box] = lines([epoch(1, {}, { box: 2 }), epoch(2, {}, { box: NaN }), epoch(3, {}, { box: 1 })], "losses");
    expect(box?.points.map((one) => one.epoch)).toEqual([1, 3]);
  });
  it("of metrics are COCO's two, or the first there are", () => {
    expect(metricLines([epoch(1, { precision: 1, AP: 0.1, AP50: 0.2 })]).map((one) => one.name)).toEqual(["AP50", "AP"]);
    expect(metricLines([epoch(1, { precision: 1, recall: 0.5 })]).map((one) => one.name)).toEqual(["precision", "recall"]);
  });
});
