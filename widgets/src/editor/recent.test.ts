import { expect, test } from "vitest";
import { Recent } from "./recent";

test("the least recently used goes first, and a value is counted once", () => {
  const recent = new Recent<object, string>(6, (value) => value.length);
  const [a, b, c] = [{}, {}, {}];
  recent.set(a, "aaa");
  recent.set(b, "bbb");
  expect(recent.get(a)).toBe("aaa");
  recent.set(c, "ccc");
  expect([recent.get(a), recent.get(b), recent.get(c)]).toEqual(["aaa", undefined, "ccc"]);
  recent.set(a, "a");
  expect(recent.size).toBe(4);
});

test("what is larger than all that may be kept is kept alone", () => {
  const recent = new Recent<object, string>(3, (value) => value.length);
  const [a, b] = [{}, {}];
  recent.set(a, "a");
  recent.set(b, "bbbbb");
  expect([recent.get(a), recent.get(b)]).toEqual([undefined, "bbbbb"]);
});
