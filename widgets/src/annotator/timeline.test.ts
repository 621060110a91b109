import { expect, test } from "vitest";
import type { ImageRef } from "../wire.gen";
import { clock } from "./panels/Timeline";
import { runsOf } from "./timeline";

const at = (index: number, outside = false): { image: ImageRef; outside: boolean } => (
  { image: { id: index, index, name: "", width: 1, height: 1, tags: [], video: null }, outside }
);

test("a track is seen where it has shapes, and out of sight until it is seen again", () => {
  expect(runsOf([at(2), at(3), at(4, true), at(8), at(9, true)], 20)).toEqual([
    { from: 2, to: 4, kind: "seen" }, { from: 4, to: 8, kind: "out" }, { from: 8, to: 9, kind: "seen" }, { from: 9, to: 21, kind: "out" },
  ]);
});

test("what is not filled in between two shapes is a gap, and after the last one there is nothing", () => {
  expect(runsOf([at(0), at(5)], 20)).toEqual([{ from: 0, to: 1, kind: "seen" }, { from: 1, to: 5, kind: "gap" }, { from: 5, to: 6, kind: "seen" }]);
  expect(runsOf([], 20)).toEqual([]);
});

test("times are minutes and seconds, and no second has a hundred hundredths", () => {
  expect([0, 4.1, 59.999, 75.25, 3600].map(clock)).toEqual(["0:00.00", "0:04.10", "1:00.00", "1:15.25", "60:00.00"]);
});
