// The editor driven at random against a plain reference: whole pictures of the shapes instead of diffs, and every shape
// looked at instead of an index. The seed is in the test's name; EVALNB_SEED sets it, EVALNB_STEPS the number of steps.
import { expect, test } from "vitest";
import { Editor } from "./editor";
import { EditorDocument } from "./selecting";
import { kindOf } from "./kinds";
import { newShape, same, type Shape } from "./records";
import type { ToolName } from "./tools/tool";

const { env } = (globalThis as unknown as { process: { env: Record<string, string | undefined> } }).process;
const seed = Number(env["EVALNB_SEED"] ?? Date.now() % 1_000_000);
const steps = Number(env["EVALNB_STEPS"] ?? 10_000);
const depth = 1000;
/** The pointer stays left of this; what others do to whole shapes happens right of it. */
const border = 400;
const size = { w: 800, h: 300 };
const tools: readonly ToolName[] = ["box", "rotated", "ellipse", "polygon", "polyline", "points", "brush", "eraser"];

/** Mulberry32. */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

type Picture = ReadonlyMap<string, Shape>;

/** One image as the reference knows it. */
class Reference {
  readonly document: EditorDocument;
  /** What the diffs alone make of the shapes: what reaches the database. */
  readonly mirror = new Map<string, Shape>();
  /** The person's shapes after each of their steps; `at` is where they stand now. */
  pictures: Picture[] = [new Map()];
  at = 0;

  constructor(imageId: number) {
    this.document = new EditorDocument(imageId, size);
    this.document.store.listen((diff, origin) => {
      for (const [id, { before, after }] of diff) {
        expect(before, `seed ${seed}: what a diff says was there`).toBe(this.mirror.get(id));
        if (after) this.mirror.set(id, after);
        else this.mirror.delete(id);
      }
      if (origin !== "local") return;
      this.pictures = [...this.pictures.slice(0, this.at + 1), this.own()].slice(-depth - 1);
      this.at = this.pictures.length - 1;
    });
  }

  get shapes(): Shape[] {
    return [...this.document.store.all()];
  }

  own(): Picture {
    return new Map(this.shapes.filter(({ id }) => !id.startsWith("theirs")).map((shape) => [shape.id, shape]));
  }
}

/** Equal but for what others alone write here. */
function expectPicture(found: Picture, wanted: Picture, what: string): void {
  const mine = ({ attributes, rev, ...rest }: Shape): object => rest;
  const equal = found.size === wanted.size && [...wanted].every(([id, shape]) => {
    const other = found.get(id);
    return other === shape || (other !== undefined && same(mine(other), mine(shape)));
  });
  if (!equal) expect([...found.values()].map(mine), what).toEqual([...wanted.values()].map(mine));
}

test(`seed ${seed}: ${steps} random steps leave what the reference says`, { timeout: 300_000 }, () => {
  const random = generator(seed);
  const whole = (below: number): number => Math.floor(random() * below);
  const pick = <T>(from: readonly T[]): T => from[whole(from.length)]!;
  const place = () => ({ x: random() * border, y: random() * size.h });
  let made = 0;
  const editor = new Editor({ newId: () => `mine-${++made}` });
  editor.viewport.resize({ w: 832, h: 332 });
  const images = [1, 2, 3].map((id) => new Reference(id));
  let now = images[0]!;
  const open = (image: Reference): void => {
    now = image;
    editor.open(image.document);
    editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  };
  open(now);

  const drag = (): void => {
    const shape = random() < 0.5 ? editor.selected : null;
    const from = shape ? { x: shape.geometry.box[0] + pick([0, 0.5, 1]) * shape.geometry.box[2], y: shape.geometry.box[1] } : place();
    editor.pointerMove(from);
    editor.pointerDown(from);
    for (let moves = whole(4); moves >= 0; moves--) editor.pointerMove(place());
    if (random() < 0.9) editor.pointerUp(place());
    else editor.dispatch({ type: "cancel" });
  };
  const click = (): void => {
    const at = place();
    const options = { alt: random() < 0.2, shift: random() < 0.2 };
    editor.pointerMove(at, options);
    editor.pointerDown(at, options);
    editor.pointerUp(at, options);
    if (random() < 0.2) editor.doubleClick(at, options);
    editor.viewport.camera = { x: 0, y: 0, zoom: 1 };
  };
  /** While a tool draws, undo is the tool's: this leaves only the history's. */
  const rest = (): void => {
    editor.use("select");
    editor.dispatch({ type: "cancel" });
  };
  const replay = (by: 1 | -1): void => {
    rest();
    const written = new Map(now.shapes.map(({ id, attributes }) => [id, attributes]));
    const can = now.pictures[now.at + by] !== undefined;
    expect(by < 0 ? now.document.history.canUndo : now.document.history.canRedo, `seed ${seed}`).toBe(can);
    if (by < 0) editor.undo();
    else editor.redo();
    if (can) now.at += by;
    for (const { id, attributes } of now.shapes) if (written.has(id)) expect(attributes).toBe(written.get(id));
  };
  const others = (): void => {
    const { store } = pick(images).document;
    const theirs = [...store.all()].filter(({ id }) => id.startsWith("theirs"));
    store.change("remote", (draft) => {
      const any = pick([...store.all(), undefined]);
      const box = [border + 20 + random() * 300, random() * 250, 5 + random() * 40, 5 + random() * 40] as const;
      const what = whole(4);
      if (what === 0 && theirs.length) draft.remove(pick(theirs).id);
      else if (what === 1 && theirs.length) {
        const one = { ...pick(theirs), z: whole(3) };
        // Twice in one step: the diff is from the first to the last.
        draft.put(one);
        draft.put({ ...one, geometry: { kind: "box", box: [...box] } });
      }
      else if (what === 2 && any) draft.put({ ...any, rev: any.rev + 1, attributes: { seen: whole(100) } });
      else draft.put({ ...newShape(`theirs-${++made}`, whole(5), { kind: "box", box: [...box] }), rev: 1 });
    });
  };
  const actions: readonly (readonly [number, () => unknown])[] = [
    [10, drag], [8, click], [5, others],
    [5, () => editor.use(pick([...tools, "select"]))],
    [3, () => editor.dispatch({ type: pick(["accept", "back", "cancel", "leave"]) })],
    [8, () => replay(-1)], [5, () => replay(1)],
    [2, () => editor.setClass(whole(5))],
    [2, () => void editor.nudge({ x: whole(11) - 5, y: whole(11) - 5 })],
    [2, () => {
      const mine = [...now.own().keys()];
      if (mine.length) editor.remove(pick(mine));
    }],
    [1, () => open(pick(images))],
    [1, () => now.shapes.length && editor.toggleHidden([pick(now.shapes).id])],
  ];
  const bag = actions.flatMap(([weight, act]) => Array.from({ length: weight }, () => act));

  for (let step = 0; step < steps; step++) {
    pick(bag)();
    if (now.shapes.length > 80) editor.remove(pick([...now.own().keys()]));
    const what = `seed ${seed}, step ${step}`;
    for (const { document, mirror } of images) {
      expect(document.store.size, what).toBe(mirror.size);
      for (const shape of document.store.all()) if (mirror.get(shape.id) !== shape) expect(mirror.get(shape.id), what).toBe(shape);
    }
    expectPicture(now.own(), now.pictures[now.at]!, what);
    if (editor.selectedId) expect(now.document.store.get(editor.selectedId), `${what}: the selected shape is there`).toBeDefined();
    expectIndex(what);
    if (step % 997 === 996) expectThereAndBack(what);
  }
  // More steps on one image than a history keeps.
  rest();
  editor.create({ kind: "box", box: [10, 10, 20, 20] });
  for (let more = 0; more < depth + 50; more++) editor.setClass((editor.selected!.class_id + 1) % 5);
  expect(now.pictures.length, `seed ${seed}: a full history`).toBe(depth + 1);
  for (const image of images) {
    open(image);
    expectThereAndBack(`seed ${seed}, at the end of image ${image.document.imageId}`);
  }

  function expectIndex(what: string): void {
    const at = { x: random() * size.w, y: random() * size.h };
    const [x, y, w, h] = random() < 0.9 ? [at.x, at.y, random() * 60, random() * 60] : [0, 0, size.w, size.h];
    const inside = now.shapes.filter(({ geometry: { box } }) => box[0] <= x + w && box[1] <= y + h && box[0] + box[2] >= x && box[1] + box[3] >= y);
    const ids = (shapes: readonly Shape[]): string[] => shapes.map(({ id }) => id);
    expect(ids(now.document.index.within([x, y, w, h])), `${what}: what an area touches`).toEqual(ids(inside.sort((a, b) => a.z - b.z)));
    const found = now.document.index.at(at, 8, () => true);
    const touching = (reach: number) => now.shapes.filter(({ geometry }) => kindOf(geometry).touches(geometry, at, reach));
    const meant = touching(0).length ? touching(0) : touching(8);
    const least = Math.min(...meant.map(({ geometry }) => kindOf(geometry).area(geometry)));
    expect(found && kindOf(found.geometry).area(found.geometry), `${what}: what a click means`).toBe(meant.length ? least : null);
  }

  /** Undo everything, redo everything; no more steps than the history's depth. */
  function expectThereAndBack(what: string): void {
    rest();
    let undone = 0;
    for (const stood = now.at; now.document.history.canUndo; undone++) {
      replay(-1);
      expectPicture(now.own(), now.pictures[now.at]!, `${what}: undone ${undone + 1} of ${stood}`);
    }
    expect(now.at, what).toBe(0);
    expect(undone, what).toBeLessThanOrEqual(depth);
    while (now.document.history.canRedo) replay(1);
    expect(now.at, what).toBe(now.pictures.length - 1);
    expectPicture(now.own(), now.pictures[now.at]!, `${what}: redone`);
  }
});
