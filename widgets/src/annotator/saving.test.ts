// Outbox and documents against a kernel that keeps shapes as edits.apply does: revisions, idempotent ops, conflicts.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Transport } from "../bridges/transport";
import type { EditorDocument } from "../editor/selecting";
import { newShape } from "../editor/records";
import type { ImageRef, Op, OpResult, Shape } from "../wire.gen";
import { Documents } from "./documents";
import { Keepsake } from "./keepsake";
import { wholeImage } from "./ops";
import { Outbox } from "./outbox";
import { Drawer, Kernel } from "./saving.kernel";

const ref: ImageRef = { id: 1, index: 0, name: "a.jpg", width: 100, height: 100, tags: [], video: null };
let kernel: Kernel;
let drawer: Drawer;
let results: OpResult[];
let refused: Op[];

type Page = { outbox: Outbox; documents: Documents; document: EditorDocument };

/** A browser page: everything that a reload begins anew. */
function open(): Page {
  const keepsake = new Keepsake(drawer);
  keepsake.scope = "db-1";
  const outbox: Outbox = new Outbox({
    transport: new Transport(kernel), keepsake, retryMs: 100,
    onReply: (reply) => documents.settle(reply), onRefused: (_, ops) => refused.push(...ops), onState: () => undefined,
  });
  const documents = new Documents(outbox, () => crypto.randomUUID(), (_, result) => results.push(result));
  const document = documents.of(ref);
  documents.merge(kernel.reply());
  outbox.resume(keepsake.all());
  return { outbox, documents, document };
}

const box = (x: number): Shape["geometry"] => ({ kind: "box", box: [x, 0, 10, 10] });
const draw = ({ document }: Page, id: string, x: number): void => void document.store.change("local", (draft) => draft.put(newShape(id, 0, box(x))));
const move = ({ document }: Page, id: string, x: number): void =>
  void document.store.change("local", (draft) => draft.put({ ...document.store.get(id)!, geometry: box(x) }));
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  kernel = new Kernel();
  drawer = new Drawer();
  results = [];
  refused = [];
});
afterEach(() => vi.useRealTimers());

test("an edit is saved and then no longer kept in the browser", async () => {
  const page = open();
  draw(page, "a", 5);
  expect(page.outbox.pending).toBe(1);
  expect(drawer.length).toBe(1);
  await settle();
  expect(page.outbox.pending).toBe(0);
  expect(drawer.length).toBe(0);
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(5), rev: 1 });
});

test("edits made while one is on its way follow in order and do not conflict with it", async () => {
  const page = open();
  kernel.hold();
  draw(page, "a", 1);
  move(page, "a", 2);
  move(page, "a", 3);
  kernel.release();
  await settle();
  expect(kernel.batches.map((batch) => batch.map((op) => op.action))).toEqual([["create"], ["update", "update"]]);
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(3), rev: 3 });
  expect(results).toEqual([]);
});

test("deleting, undoing and redoing keep one shape under one id", async () => {
  const page = open();
  draw(page, "a", 1);
  await settle();
  page.document.history.undo();
  await settle();
  expect(kernel.shapes.get("a")?.deleted).toBe(true);
  page.document.history.redo();
  await settle();
  expect(kernel.batches.flat().map((op) => [op.action, op.base_rev])).toEqual([["create", 0], ["delete", 1], ["restore", 2]]);
  expect(kernel.shapes.get("a")).toMatchObject({ deleted: false, rev: 3 });
  expect(results).toEqual([]);
});

test("an answer that was lost is asked for again, and nothing is applied twice", async () => {
  const page = open();
  kernel.mood = "mute";
  draw(page, "a", 1);
  await vi.advanceTimersByTimeAsync(8_050);
  expect(page.outbox.offline).toBe(true);
  kernel.mood = "well";
  await vi.advanceTimersByTimeAsync(200);
  expect(page.outbox.offline).toBe(false);
  expect(page.outbox.pending).toBe(0);
  expect(kernel.shapes.get("a")?.rev).toBe(1);
});

test("a database that is away is tried again until it is back", async () => {
  const page = open();
  kernel.mood = 503;
  draw(page, "a", 1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(page.outbox.offline).toBe(true);
  expect(page.outbox.pending).toBe(1);
  kernel.mood = "well";
  await vi.advanceTimersByTimeAsync(2000);
  expect(kernel.shapes.get("a")).toBeDefined();
});

test("a sign-in that ended, a lock and too many questions lose no edit", async () => {
  for (const [n, status] of [401, 423, 429].entries()) {
    const page = open();
    kernel.mood = status;
    draw(page, `a${n}`, 1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(page.outbox.pending).toBe(1);
    kernel.mood = "well";
    await vi.advanceTimersByTimeAsync(5000);
    expect(kernel.shapes.get(`a${n}`)).toBeDefined();
  }
  expect(refused).toEqual([]);
});

test("a record in the browser that cannot be read keeps no other from being sent, and stays", async () => {
  kernel.mood = "deaf";
  draw(open(), "a", 1);
  await vi.advanceTimersByTimeAsync(50);
  drawer.setItem("evalnb/op/db-1/broken", "{ half");
  drawer.setItem("evalnb/op/db-1/strange", '{"made": 3}');
  kernel.mood = "well";
  const told = vi.spyOn(console, "error").mockReturnValue();
  open();
  await settle();
  expect(kernel.shapes.get("a")).toBeDefined();
  expect([...drawer.held.keys()]).toEqual(["evalnb/op/db-1/broken", "evalnb/op/db-1/strange"]);
  expect(told).toHaveBeenCalledTimes(2);
  told.mockRestore();
});

test("edits that are refused for good are told and not sent again", async () => {
  const page = open();
  kernel.mood = 422;
  draw(page, "a", 1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(refused.map((op) => op.shape_id)).toEqual(["a"]);
  expect(page.outbox.pending).toBe(0);
  expect(drawer.length).toBe(0);
});

test("what a page could not send, the page after a reload sends: once, in order", async () => {
  kernel.mood = "deaf";
  const lost = open();
  draw(lost, "a", 1);
  move(lost, "a", 2);
  move(lost, "a", 3);
  await vi.advanceTimersByTimeAsync(50);
  kernel.mood = "well";
  const next = open();
  await settle();
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(3), rev: 3 });
  expect(next.document.store.get("a")).toMatchObject({ geometry: box(3) });
  expect(drawer.length).toBe(0);
  expect(results).toEqual([]);
});

test("edits made after the kernel ended wait for the next one", async () => {
  const page = open();
  kernel.end();
  draw(page, "a", 1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(page.outbox.pending).toBe(1);
  expect(drawer.length).toBe(1);
  kernel = new Kernel();
  open();
  await settle();
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(1) });
});

test("somebody else's change comes in, but not over an edit that is not saved yet", async () => {
  const page = open();
  draw(page, "a", 1);
  draw(page, "b", 1);
  await settle();
  kernel.hold();
  move(page, "a", 50);
  for (const id of ["a", "b"]) kernel.apply({ client_op_id: `other-${id}`, shape_id: id, base_rev: kernel.shapes.get(id)!.rev, action: "update", patch: { geometry: box(80) } });
  page.documents.merge({ ...kernel.reply(), seq: 99 });
  expect(page.document.store.get("a")?.geometry).toEqual(box(50));
  expect(page.document.store.get("b")?.geometry).toEqual(box(80));
});

test("a conflict is told with their version, which can be put back", async () => {
  const page = open();
  draw(page, "a", 1);
  await settle();
  kernel.apply({ client_op_id: "other", shape_id: "a", base_rev: 1, action: "update", patch: { geometry: box(80) } });
  move(page, "a", 50);
  await settle();
  expect(results).toMatchObject([{ status: "conflict", conflicts: ["geometry"], theirs: { geometry: box(80) } }]);
  page.documents.useTheirs({ imageId: 1, shapeId: "a", properties: ["geometry"], theirs: results[0]!.theirs });
  await settle();
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(80) });
  expect(results).toHaveLength(1);
});

test("an older list of shapes never undoes a newer one", () => {
  const page = open();
  const shape = { ...newShape("a", 0, box(1)), rev: 1 };
  page.documents.merge({ image_id: 1, seq: 5, shapes: [shape], tags: [] });
  page.documents.merge({ image_id: 1, seq: 4, shapes: [], tags: [] });
  expect(page.document.store.get("a")).toBeDefined();
});

test("a browser without room keeps working, and says so", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  drawer.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const page = open();
  draw(page, "a", 1);
  await settle();
  expect(kernel.shapes.get("a")).toBeDefined();
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

test("other people's edits are followed where nothing is missing between", async () => {
  const page = open();
  kernel.apply({ client_op_id: "other", shape_id: "b", base_rev: 0, action: "create", patch: { class_id: 1, geometry: box(80) } });
  const theirs = kernel.shapes.get("b")!;
  expect(page.documents.follow({ image_id: 1, after: 0, seq: 1, shapes: [theirs], tags: null })).toBe(true);
  expect(page.document.store.get("b")).toMatchObject({ geometry: box(80), rev: 1 });
  // The same again, and what is older, change nothing; a gap is told.
  expect(page.documents.follow({ image_id: 1, after: 0, seq: 1, shapes: [{ ...theirs, geometry: box(1) }], tags: null })).toBe(true);
  expect(page.document.store.get("b")).toMatchObject({ geometry: box(80) });
  expect(page.documents.follow({ image_id: 1, after: 2, seq: 3, shapes: [], tags: null })).toBe(false);
  expect(page.documents.follow({ image_id: 1, after: 1, seq: 2, shapes: [{ ...theirs, rev: 2, deleted: true }], tags: null })).toBe(true);
  expect(page.document.store.get("b")).toBeUndefined();
  expect(page.documents.seq(1)).toBe(2);
});

test("an edit between two of our own is not passed over", async () => {
  const page = open();
  kernel.apply({ client_op_id: "other", shape_id: "b", base_rev: 0, action: "create", patch: { class_id: 1, geometry: box(80) } });
  draw(page, "a", 1);
  await settle();
  // The kernel stands at 2, ours is the second: we have not seen the first.
  expect([kernel.seq, page.documents.seq(1)]).toEqual([2, 0]);
  expect(page.documents.follow({ image_id: 1, after: 0, seq: 2, shapes: [...kernel.shapes.values()], tags: null })).toBe(true);
  expect([page.documents.seq(1), page.document.store.get("b")?.rev]).toEqual([2, 1]);
});

test("masks go in batches that a server takes", async () => {
  const page = open();
  kernel.hold();
  const counts = "x".repeat(200_000);
  const mask: Shape["geometry"] = { kind: "mask", box: [0, 0, 9, 9], size: [100, 100], counts };
  for (let n = 0; n < 6; n++) page.document.store.change("local", (draft) => draft.put(newShape(`m${n}`, 0, mask)));
  kernel.release();
  await settle();
  expect(kernel.batches.map((batch) => batch.length)).toEqual([1, 2, 2, 1]);
});

const say = ({ document }: Page, name: string, on = true): void => void document.store.change("local", (draft) => draft.tag(name, on));

test("a tag of the image is an op of its own, and undo takes it away again", async () => {
  const page = open();
  say(page, "night");
  await settle();
  expect(kernel.batches.flat()).toMatchObject([{ action: "tag", shape_id: wholeImage, base_rev: 0, patch: { tags: ["night"] } }]);
  draw(page, "a", 1);
  page.document.history.undo();
  page.document.history.undo();
  await settle();
  expect([[...kernel.tags], [...page.document.store.tags]]).toEqual([[], []]);
  expect([page.outbox.pending, page.documents.seq(1)]).toEqual([0, kernel.seq]);
  page.document.history.redo();
  await settle();
  expect([...kernel.tags]).toEqual(["night"]);
});

test("a tag that could not be sent outlives a reload, and others' tags come beside it", async () => {
  kernel.mood = "deaf";
  say(open(), "night");
  kernel.mood = "well";
  kernel.tags.add("rain");
  const page = open();
  page.documents.merge({ ...kernel.reply(), tags: ["rain"] });
  expect([...page.document.store.tags].sort()).toEqual(["night", "rain"]);
  await settle();
  expect([...kernel.tags].sort()).toEqual(["night", "rain"]);
  expect(page.documents.follow({ image_id: 1, after: 1, seq: 2, shapes: [], tags: ["night", "snow"] })).toBe(true);
  expect([...page.document.store.tags]).toEqual(["night", "snow"]);
  // What is said twice is said once.
  const { version } = page.document.store;
  say(page, "snow");
  expect(page.document.store.version).toBe(version);
});

test("the ops of a step have ids that begin alike, and those of an undo say so", async () => {
  const page = open();
  page.document.store.change("local", (draft) => ["a", "b"].forEach((id) => draft.put(newShape(id, 0, box(1)))));
  draw(page, "c", 5);
  page.document.history.undo();
  await settle();
  const ids = kernel.batches.flat().map((op) => op.client_op_id);
  expect(new Set(ids).size).toBe(4);
  expect(ids.map((id) => id.slice(0, 18)).map((head, n, all) => all.indexOf(head) === n)).toEqual([true, false, true, true]);
  expect(ids.map((id) => id[14])).toEqual(["4", "4", "4", "8"]);
  expect(ids.every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))).toBe(true);
});

test("what an earlier page did is undone by the log's word, and redone", async () => {
  const first = open();
  draw(first, "a", 1);
  await settle();
  move(first, "a", 40);
  await settle();
  first.document.store.change("local", (draft) => draft.remove("a"));
  await settle();
  const page = open();
  const { history, store } = page.document;
  expect([history.canUndo, history.fresh, store.size]).toEqual([false, true, 0]);
  const [drawn, moved] = [{ ...newShape("a", 0, box(1)), rev: 1 }, { ...newShape("a", 0, box(40)), rev: 2 }];
  const step = (before: Shape | undefined, after: Shape | undefined) => ({ shapes: new Map([["a", { before, after }]]), tags: new Map() });
  page.documents.know(1, [["a", 3]]);
  history.recall([step(undefined, drawn), step(drawn, moved), step(moved, undefined)], []);
  history.undo();
  await settle();
  expect(kernel.batches.at(-1)).toMatchObject([{ action: "restore", shape_id: "a", base_rev: 3 }]);
  history.undo();
  await settle();
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(1), deleted: false });
  history.undo();
  await settle();
  expect([kernel.shapes.get("a")!.deleted, history.canUndo, history.fresh]).toEqual([true, false, false]);
  history.redo();
  history.redo();
  await settle();
  expect(kernel.shapes.get("a")).toMatchObject({ geometry: box(40), deleted: false });
  // What is done here makes an earlier page's redo void, and asks no more for it.
  draw(page, "b", 7);
  history.recall([], [step(moved, undefined)]);
  expect([history.canRedo, history.canUndo]).toEqual([false, true]);
});
