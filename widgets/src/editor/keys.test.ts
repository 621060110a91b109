import { expect, test } from "vitest";
import { commandFor, keyGroups } from "./keys";

const press = (key: string, modifiers: Partial<{ ctrl: boolean; shift: boolean; alt: boolean }> = {}) =>
  commandFor({ key, ctrl: false, shift: false, alt: false, ...modifiers });

test("CVAT's keys do what CVAT's keys do", () => {
  expect(press("n")).toBe("again");
  expect(press("d")).toBe("image.previous");
  expect(press("f")).toBe("image.next");
  expect(press("Delete")).toBe("delete");
  expect(press("z", { ctrl: true })).toBe("undo");
  expect(press("Z", { ctrl: true, shift: true })).toBe("redo");
  expect(press("3")).toBe("class.3");
  expect(press("Escape")).toBe("cancel");
  expect(press("F1")).toBe("help");
  expect(press("h")).toBe("hide");
});

test("caps lock changes nothing", () => {
  expect(press("N")).toBe("again");
});

test("the notebook's and the browser's own keys are not taken", () => {
  for (const key of ["f", "c", "v", "r", "p", "b", "Enter"]) expect(press(key, { ctrl: true })).toBeNull();
  for (const key of ["Tab", "F5", "x"]) expect(press(key)).toBeNull();
  expect(press("d", { alt: true })).toBeNull();
  expect(press("Enter", { shift: true })).toBeNull();
});

test("no key means two things", () => {
  const keys = keyGroups.flatMap((group) => group.bindings.flatMap((binding) => [...binding.keys]));
  expect(new Set(keys).size).toBe(keys.length);
});
