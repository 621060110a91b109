import { expect, test } from "vitest";
import { KeyMap, commandGroups, keyName, shownKey } from "./keys";

type Modifiers = Partial<{ ctrl: boolean; shift: boolean; alt: boolean; code: string }>;

const named = (key: string, modifiers: Modifiers = {}) => ({ key, ctrl: false, shift: false, alt: false, ...modifiers });
const press = (key: string, modifiers: Modifiers = {}, map = new KeyMap()) => map.commandFor(named(key, modifiers));

test("CVAT's keys do what CVAT's keys do", () => {
  expect(press("n")).toBe("again");
  expect(press("d")).toBe("image.previous");
  expect(press("f")).toBe("image.next");
  expect(press("Delete")).toBe("delete");
  expect(press("z", { ctrl: true })).toBe("undo");
  expect(press("Z", { ctrl: true, shift: true })).toBe("redo");
  expect(press("b", { ctrl: true })).toBe("propagate");
  expect(press("3")).toBe("class.3");
  expect(press("Escape")).toBe("cancel");
  expect(press("F1")).toBe("help");
  expect(press("h")).toBe("hide");
  expect(press("l")).toBe("lock");
});

test("caps lock changes nothing", () => {
  expect(press("N")).toBe("again");
});

test("the notebook's and the browser's own keys are not taken", () => {
  for (const key of ["f", "r", "p", "t", "w", "Enter"]) expect(press(key, { ctrl: true })).toBeNull();
  for (const key of ["Tab", "F5"]) expect(press(key)).toBeNull();
  expect(press("d", { alt: true })).toBeNull();
  expect(press("Enter", { shift: true })).toBeNull();
});

test("no key means two things, and every command is there once", () => {
  const commands = commandGroups.flatMap((group) => group.commands);
  const keys = commands.flatMap((info) => [...info.keys]);
  expect(new Set(keys).size).toBe(keys.length);
  expect(new Set(commands.map(({ command }) => command)).size).toBe(commands.length);
});

test("a key given to a command is that command's alone", () => {
  const map = new KeyMap().with("tool.brush", "b");
  expect(press("b", {}, map)).toBe("tool.brush");
  expect(press("m", {}, map)).toBeNull();
  expect(map.keys("tool.box")).toEqual([]);
  expect(map.shown("tool.brush")).toBe("B");
  expect(map.shown("tool.box")).toBe("");
});

test("a kept map is read with care: strange commands, fixed ones and strange keys fall away", () => {
  const map = KeyMap.from({ "tool.box": ["x"], nonsense: ["y"], cancel: ["q"], undo: "ctrl+u", redo: [3] });
  expect(map.custom).toEqual({ "tool.box": ["x"], redo: [] });
  expect(KeyMap.from(null).custom).toEqual({});
  expect(KeyMap.from("text").custom).toEqual({});
});

test("a press goes by a name that does not depend on what Alt makes of it", () => {
  expect(keyName(named("∆", { alt: true, code: "KeyJ" }))).toBe("alt+j");
  expect(keyName(named("Shift", { shift: true }))).toBeNull();
  expect(keyName(named("?", { shift: true }))).toBe("?");
  expect(keyName(named("ArrowLeft", { shift: true }))).toBe("shift+ArrowLeft");
});

test("keys are written as people read them", () => {
  expect(shownKey("ctrl+shift+z")).toBe("Ctrl Shift Z");
  expect(shownKey("+")).toBe("+");
  expect(shownKey("ctrl++")).toBe("Ctrl +");
  expect(shownKey("Delete")).toBe("Del");
});
