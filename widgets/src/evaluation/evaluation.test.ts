import { describe, expect, it, vi } from "vitest";
import type { EvaluationHelloReply, FiguresReply } from "../wire.gen";
import { entries, markOf } from "./ConfusionMatrix";
import { confusion, figures, pictures } from "./decode";
import { Latest } from "./latest";
import { caption, difference, narrowed, number, rounded, signed, start, toggled, wire } from "./query";
import { barAt, brushed, stacked } from "./scale";

const classes = [1, 4, 9].map((id) => ({ id, name: `class ${id}`, color: "#000000" }));
const hello: EvaluationHelloReply = {
  kind: "bbox", title: "", keys: ["AP"], classes, tags: [], areas: ["all", "small", "medium", "large"], least_confidence: 0,
  image_count: 2, problems: [], problem_count: 0, pictures: true, opens: "annotator", score_edges: [0, 0.5, 1], size_edges: [4, 32, 1024],
};

describe("asks", () => {
  it("of those that come while one is under way only the newest is sent", async () => {
    const asked: number[] = [];
    const settled: number[] = [];
    const ends: (() => void)[] = [];
    const latest = new Latest<number, number>(
      (query) => {
        asked.push(query);
        return new Promise((resolve) => ends.push(() => resolve(10 * query)));
      },
      (answer) => settled.push(answer),
      () => undefined,
    );
    for (const query of [1, 2, 3, 4]) latest.put(query);
    expect(asked).toEqual([1]);
    ends[0]?.();
    await vi.waitFor(() => expect(asked).toEqual([1, 4]));
    ends[1]?.();
    await vi.waitFor(() => expect(settled).toEqual([10, 40]));
    expect(latest.busy).toBe(false);
  });

  it("a refused ask does not stop the next", async () => {
    const failed: unknown[] = [];
    const settled: number[] = [];
    const latest = new Latest<number, number>(
      (query) => (query === 1 ? Promise.reject(new Error("no")) : Promise.resolve(query)),
      (answer) => settled.push(answer),
      (error) => failed.push(error),
    );
    latest.put(1);
    latest.put(2);
    await vi.waitFor(() => expect(settled).toEqual([2]));
    expect(failed).toHaveLength(1);
  });

  it("nothing is settled after the view is closed", async () => {
    const settle = vi.fn();
    const latest = new Latest<number, number>((query) => Promise.resolve(query), settle, () => undefined);
    latest.put(1);
    latest.closed = true;
    await Promise.resolve();
    expect(settle).not.toHaveBeenCalled();
  });
});

describe("what is looked at", () => {
  it("leaves classes out of the message where all are meant", () => {
    expect(wire(start(hello))).toEqual({ confidence: 0, iou: 0.5, area: "all", tags: [] });
    expect(wire({ ...start(hello), classes: [4] }).classes).toEqual([4]);
  });
  it("is a part once anything but the IoU narrows it", () => {
    const all = start(hello);
    expect(narrowed({ ...all, iou: 0.75 }, hello)).toBe(false);
    for (const change of [{ confidence: 0.1 }, { area: "small" }, { classes: [1] }, { tags: ["night"] }] as const) {
      expect(narrowed({ ...all, ...change }, hello)).toBe(true);
    }
  });
  it("one class more, one fewer; none and all of them are no condition", () => {
    expect(toggled(null, 4, classes)).toEqual([4]);
    expect(toggled([4], 1, classes)).toEqual([1, 4]);
    expect(toggled([4], 4, classes)).toBeNull();
    expect(toggled([1, 4], 9, classes)).toBeNull();
  });
  it("a confidence has two decimals", () => {
    expect([0.1 + 0.2, -1, 7].map(rounded)).toEqual([0.3, 0, 1]);
  });
  it("is told in words", () => {
    const name = (id: number): string => `c${id}`;
    expect(caption({ mark: "cell", truth: 1, detected: 4 }, name)).toBe("c1 taken for c4");
    expect(caption({ mark: "cell", truth: 1 }, name)).toBe("c1 missed");
    expect(caption({ mark: "cell", detected: 4 }, name)).toBe("c4 detected where nothing is");
    expect(caption({ mark: "scores", low: 0.2, high: 0.4, outcome: "ghost" }, name)).toBe("Ghosts with a score of 0.20 to 0.40");
  });
  it("numbers and differences as a person reads them", () => {
    expect([0.38851, -1, NaN].map(number)).toEqual(["0.389", "–", "–"]);
    expect([difference(0.5, 0.4), difference(0.5, 0.5001), difference(-1, 0.5)].map((one) => one && signed(one))).toEqual(["+0.100", null, null]);
  });
});

describe("buffers", () => {
  const view = (array: Float32Array | Int32Array | Uint8Array): DataView => {
    // At an odd place, as a comm may deliver it.
    const bytes = new Uint8Array(array.byteLength + 1);
    bytes.set(new Uint8Array(array.buffer), 1);
    return new DataView(bytes.buffer, 1);
  };
  it("figures", () => {
    const reply = { curve_classes: [4] } as unknown as FiguresReply;
    const found = figures(reply, [
      view(new Float32Array([0.5, 0.6, 0.7, 12, 30, NaN, NaN, NaN, NaN, NaN])),
      view(new Float32Array([0.4, 0.3])),
      view(new Float32Array(202).fill(0.25)),
      view(new Int32Array([1, 2, 3, 4])),
      view(new Int32Array([5, 6, 7, 8])),
    ]);
    expect(found.classes.map((one) => one.shown)).toEqual([true, false]);
    expect(found.classes[0]).toMatchObject({ ap: 0.5, truths: 12, detections: 30 });
    expect(found.curves.map((one) => one.length)).toEqual([101, 101]);
    expect([...found.scores.ghosts, ...found.sizes.missed]).toEqual([3, 4, 7, 8]);
  });
  it("boxes of each image, marked ones told apart", () => {
    const image = { id: 1, name: "a", width: 9, height: 9, count: 1, hits: 1, ghosts: 0, misses: 1, f1: 1 };
    const found = pictures({ images: [image, { ...image, id: 2 }], total: 2 }, [
      view(new Int32Array([0, 0, 2])), view(new Float32Array([1, 2, 3, 4, 5, 6, 7, 8])), view(new Uint8Array([0, 6])),
    ]);
    expect(found.map((one) => one.boxes.length)).toEqual([0, 2]);
    expect(found[1]?.boxes[1]).toEqual({ x: 5, y: 6, w: 7, h: 8, kind: "miss", marked: true });
  });
});

describe("the confusion matrix", () => {
  const reply = { confidence: 0.25, iou: 0.5, classes: [1, 4], others: 7 };
  it("has a row for the others and one for the background", () => {
    const found = confusion(reply, [new DataView(new Int32Array(16).buffer)]);
    expect(found.side).toBe(4);
    expect(entries(found, (id) => `c${id}`).map((one) => one.name)).toEqual(["c1", "c4", "7 others", ""]);
  });
  it("a cell is a mark unless it stands for several classes or for nothing", () => {
    const [one, four, others, nothing] = entries({ ...reply, side: 4, counts: new Int32Array(16) }, String);
    expect(markOf(one!, four!)).toEqual({ mark: "cell", truth: 1, detected: 4 });
    expect(markOf(one!, nothing!)).toEqual({ mark: "cell", truth: 1 });
    expect(markOf(nothing!, four!)).toEqual({ mark: "cell", detected: 4 });
    expect([markOf(others!, one!), markOf(nothing!, nothing!)]).toEqual([null, null]);
  });
});

describe("bars", () => {
  it("a drag takes whole bars, whichever way it went", () => {
    const edges = [0, 0.25, 0.5, 0.75, 1];
    expect(brushed(0.3, 0.6, edges)).toEqual([0.25, 0.75]);
    expect(brushed(0.6, 0.3, edges)).toEqual([0.25, 0.75]);
    expect([barAt(-1, 4), barAt(1, 4)]).toEqual([0, 3]);
  });
  it("the parts of a bar share its height by their counts", () => {
    const [small, big] = stacked([1, 100], [3, 300], 100);
    expect(big).toEqual({ below: 25, above: 75 });
    expect(small).toEqual({ below: 2.5, above: 7.5 });
  });
});
