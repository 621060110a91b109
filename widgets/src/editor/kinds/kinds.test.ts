import { describe, expect, test } from "vitest";
import { polygon } from "../geometry";
import { newShape } from "../records";
import type { Geometry } from "../records";
import { kindOf, moves } from ".";
import { polyline } from "./paths";
import { keypoints, points } from "./points";
import { ellipse, rotated } from "./turned";

const size = { w: 400, h: 300 };
const turned = { center: [100, 80] as [number, number], size: [60, 20] as [number, number], angle: Math.PI / 6 };

const one: Record<Exclude<Geometry["kind"], "mask">, Geometry> = {
  box: { kind: "box", box: [10, 10, 40, 30] },
  rotated: rotated(turned),
  ellipse: ellipse(turned),
  polygon: polygon([[0, 0, 90, 0, 90, 90, 0, 90], [100, 0, 120, 0, 120, 20]], [[30, 30, 60, 30, 60, 60, 30, 60]]),
  polyline: polyline([[10, 10, 60, 10, 60, 60]]),
  points: points([[10, 10], [40, 60]]),
  keypoints: keypoints([[10, 10, 2], [0, 0, 0], [40, 60, 1]]),
};

describe.each(Object.entries(one))("a %s", (_, geometry) => {
  const kind = kindOf(geometry);

  test("moves as a whole, and back again", () => {
    const there = kind.translate(geometry, { x: 7, y: -3 });
    expect(there.box[0] - geometry.box[0]).toBeCloseTo(7, 1);
    expect(there.box[1] - geometry.box[1]).toBeCloseTo(-3, 1);
    const back = kind.translate(there, { x: -7, y: 3 });
    expect(back.box.map((v) => Math.round(v * 10) / 10)).toEqual(geometry.box.map((v) => Math.round(v * 10) / 10));
    expect(moves(geometry)).toBe(true);
  });

  test("stays as it is when a grip is put where it was", () => {
    for (const grip of kind.grips(geometry, 1)) {
      if (grip.look === "middle") continue;
      const now = kind.dragged(geometry, grip.id, grip.at, size, false);
      now.box.forEach((v, n) => expect(v).toBeCloseTo(geometry.box[n]!, 1));
    }
  });

  test("has grips with names of their own", () => {
    const ids = kind.grips(geometry, 1).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(0);
  });
});

describe("turned rectangles", () => {
  test("the opposite side stays where it is when one is dragged", () => {
    const kind = kindOf(one.rotated);
    const before = kind.grips(one.rotated, 1);
    const at = (grips: typeof before, id: string) => grips.find((grip) => grip.id === id)!.at;
    const east = at(before, "e");
    const after = kind.grips(kind.dragged(one.rotated, "e", { x: east.x + 20, y: east.y + 30 }, size, false), 1);
    for (const id of ["nw", "w", "sw"]) {
      expect(at(after, id).x).toBeCloseTo(at(before, id).x, 0);
      expect(at(after, id).y).toBeCloseTo(at(before, id).y, 0);
    }
  });

  test("turns about its centre; by even steps where that is asked", () => {
    const kind = kindOf(one.ellipse);
    const right = kind.dragged(one.ellipse, "turn", { x: 300, y: 80 }, size, false);
    expect(right).toMatchObject({ turned: { center: [100, 80], size: [60, 20], angle: Math.round((Math.PI / 2) * 1e5) / 1e5 } });
    const even = kind.dragged(one.ellipse, "turn", { x: 300, y: 100 }, size, true);
    expect(even).toMatchObject({ turned: { angle: Math.round((Math.PI / 2) * 1e5) / 1e5 } });
  });

  test("an ellipse is not hit in the corners of its rectangle, a rotated box is", () => {
    const corner = kindOf(one.rotated).grips(one.rotated, 1)[0]!.at;
    const inside = { x: corner.x * 0.95 + 100 * 0.05, y: corner.y * 0.95 + 80 * 0.05 };
    expect(kindOf(one.rotated).touches(one.rotated, inside, 0)).toBe(true);
    expect(kindOf(one.ellipse).touches(one.ellipse, inside, 0)).toBe(false);
  });

  test("the enclosing box of an ellipse touches it on four sides", () => {
    const { box } = ellipse({ center: [0, 0], size: [60, 20], angle: Math.PI / 2 });
    box.forEach((v, n) => expect(v).toBeCloseTo([-10, -30, 20, 60][n]!, 2));
  });
});

describe("a polygon with a hole and two parts", () => {
  const kind = kindOf(one.polygon);
  const whole = one.polygon as Extract<Geometry, { kind: "polygon" }>;

  test("is not hit through the hole, and has the hole's area less", () => {
    expect(kind.touches(whole, { x: 45, y: 45 }, 0)).toBe(false);
    expect(kind.touches(whole, { x: 10, y: 10 }, 0)).toBe(true);
    expect(kind.touches(whole, { x: 115, y: 5 }, 0)).toBe(true);
    expect(kind.area(whole)).toBe(8100 + 200 - 900);
  });

  test("a corner of the hole can be dragged, and the hole goes with its last three corners", () => {
    expect(kind.dragged(whole, "v:2:0", { x: 20, y: 20 }, size, false)).toMatchObject({ holes: [[20, 20, 60, 30, 60, 60, 30, 60]] });
    const three = kind.altered!(whole, "v:2:0")!;
    expect(three).toMatchObject({ holes: [[60, 30, 60, 60, 30, 60]] });
    expect(kind.altered!(three, "v:2:0")).toMatchObject({ holes: [], parts: whole.parts });
    expect(kind.altered!(whole, "v:1:0")).toBeNull();
  });
});

test("a line is hit along itself, and not between its ends", () => {
  const kind = kindOf(one.polyline);
  expect(kind.touches(one.polyline, { x: 30, y: 12 }, 3)).toBe(true);
  expect(kind.touches(one.polyline, { x: 35, y: 35 }, 3)).toBe(false);
});

test("an unlabelled keypoint neither moves nor is there to be taken; a seen one can be hidden", () => {
  const kind = kindOf(one.keypoints);
  expect(kind.translate(one.keypoints, { x: 5, y: 5 })).toMatchObject({ points: [[15, 15, 2], [0, 0, 0], [45, 65, 1]] });
  expect(kind.grips(one.keypoints, 1).map(({ id }) => id)).toEqual(["0", "2"]);
  expect(kind.altered!(one.keypoints, "0")).toMatchObject({ points: [[10, 10, 1], [0, 0, 0], [40, 60, 1]] });
});

test("a mask does not move", () => {
  const mask: Geometry = { kind: "mask", box: [10, 10, 2, 2], size: [300, 400], counts: "jb0" };
  expect(moves(newShape("m", 0, mask).geometry)).toBe(false);
});
