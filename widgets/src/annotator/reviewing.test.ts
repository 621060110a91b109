// Reviews, comments and the past on their way to the kernel and back: what belongs to another image, what fails, what is late.
import { beforeEach, expect, test } from "vitest";
import type { Transport } from "../bridges/transport";
import type { AnnotatorAsk, ApplyReply, CommentInfo, ImageRef, PastReply, ReviewReply } from "../wire.gen";
import { Reviewing } from "./reviewing";
import type { Session } from "./session";
import { State } from "./state";

interface Asked {
  readonly ask: AnnotatorAsk;
  readonly reply: (ok: object) => void;
  readonly refuse: (error: Error) => void;
}

/** What a review needs of a session: the state, and whom to tell. */
class Desk extends State {
  readonly asked: Asked[] = [];
  readonly faults: string[] = [];
  readonly told: string[] = [];
  readonly revealed: unknown[] = [];
  readonly picked: string[] = [];
  readonly settled: ApplyReply[] = [];
  readonly editor = { readOnly: false, viewport: { reveal: (box: unknown) => void this.revealed.push(box) }, pick: (id: string) => void this.picked.push(id) };
  readonly transport = {
    request: (ask: AnnotatorAsk) => new Promise((resolve, reject) => this.asked.push({ ask, reply: (reply) => resolve({ reply, buffers: [] }), refuse: reject })),
  } as unknown as Transport;

  override attempt(failure: string, asked: Promise<unknown>): void {
    asked.catch(() => this.faults.push(failure));
  }
  override tell(text: string): void {
    this.told.push(text);
  }
  of<K extends AnnotatorAsk["ask"]>(name: K): Asked[] {
    return this.asked.filter(({ ask }) => ask.ask === name);
  }
  show(id: number): void {
    this.image.value = { id, index: id, name: `${id}.jpg`, width: 9, height: 9, tags: [], video: null } satisfies ImageRef;
  }
}

let desk: Desk;
let reviewing: Reviewing;

const soon = async (): Promise<void> => {
  for (let n = 0; n < 8; n++) await Promise.resolve();
};
const comment = (id: string, resolved_by = ""): CommentInfo => ({ id, x: 5, y: 6, text: id, author: "ben", at: "2026-01-01T00:00:00Z", resolved_by, resolved_at: null });
const review = (image_id: number, change: Partial<ReviewReply> = {}): ReviewReply => (
  { image_id, status: "todo", assignee: "", author: "", at: null, comments: [], ...change }
);

beforeEach(() => {
  desk = new Desk();
  reviewing = new Reviewing(desk as unknown as Session, desk.transport, (reply) => desk.settled.push(reply));
  reviewing.start();
  desk.show(1);
});

test("each image's review is asked for once, and one that comes late is another image's no more", async () => {
  desk.image.value = { ...desk.image.value! };
  desk.show(2);
  const [first, second] = desk.of("review");
  expect(desk.of("review").map(({ ask }) => "image_id" in ask && ask.image_id)).toEqual([1, 2]);
  second!.reply(review(2, { status: "doing" }));
  first!.reply(review(1, { status: "accepted" }));
  await soon();
  expect(reviewing.review.value).toMatchObject({ image_id: 2, status: "doing" });
});

test("another's change is asked for anew and leaves the draft alone", async () => {
  desk.of("review")[0]!.reply(review(1));
  reviewing.place({ x: 1, y: 1 });
  reviewing.write("half");
  await soon();
  reviewing.refresh();
  desk.of("review")[1]!.reply(review(1, { status: "rejected", comments: [comment("c")] }));
  await soon();
  expect(reviewing.review.value).toMatchObject({ status: "rejected", comments: [{ id: "c" }] });
  expect(reviewing.draft.value).toMatchObject({ text: "half" });
});

test("what was not saved does not look so, and is told", async () => {
  desk.of("review")[0]!.reply(review(1));
  await soon();
  const before = reviewing.review.value;
  reviewing.set({ status: "accepted" });
  expect(desk.of("review_set")[0]!.ask).toMatchObject({ image_id: 1, status: "accepted" });
  desk.of("review_set")[0]!.refuse(new Error("away"));
  await soon();
  expect(desk.faults).toEqual(["The review was not saved"]);
  // The same again, but another object: the fields show anew what is.
  expect(reviewing.review.value).toEqual(before);
  expect(reviewing.review.value).not.toBe(before);
});

test("whoever may only look sets nothing and pins nothing", () => {
  desk.editor.readOnly = true;
  reviewing.set({ status: "accepted" });
  reviewing.pin();
  expect([desk.of("review_set").length, reviewing.pinning.value]).toEqual([0, false]);
});

test("a draft waits for its image, outlives a failure, and is sent again under its own id", async () => {
  reviewing.pin();
  reviewing.place({ x: 3, y: 4 });
  reviewing.write("half a sentence");
  const id = reviewing.draft.value!.id;
  desk.show(2);
  expect([reviewing.draft.value, reviewing.pinning.value]).toEqual([null, false]);
  desk.show(1);
  expect(reviewing.draft.value).toMatchObject({ id, text: "half a sentence", at: { x: 3, y: 4 } });
  reviewing.comment();
  desk.of("comment")[0]!.refuse(new Error("away"));
  await soon();
  expect([reviewing.draft.value?.id, desk.faults]).toEqual([id, ["The comment was not saved"]]);
  // Pinned elsewhere, what is written goes along.
  reviewing.place({ x: 7, y: 8 });
  reviewing.comment();
  const [, again] = desk.of("comment");
  expect(again!.ask).toMatchObject({ comment_id: id, x: 7, y: 8, text: "half a sentence" });
  again!.reply(review(1, { comments: [comment(id)] }));
  await soon();
  expect([reviewing.draft.value, reviewing.shown.value]).toEqual([null, id]);
});

test("a comment that is answered after its image was left drops its own draft alone", async () => {
  reviewing.place({ x: 3, y: 4 });
  reviewing.write("here");
  reviewing.comment();
  desk.show(2);
  reviewing.place({ x: 1, y: 1 });
  reviewing.write("there");
  desk.of("comment")[0]!.reply(review(1, { comments: [comment("c")] }));
  await soon();
  expect(reviewing.draft.value).toMatchObject({ text: "there" });
  desk.show(1);
  expect(reviewing.draft.value).toBeNull();
});

test("blank text is no comment", () => {
  reviewing.comment();
  reviewing.place({ x: 1, y: 1 });
  reviewing.write("  ");
  reviewing.comment();
  expect(desk.of("comment")).toEqual([]);
});

test("the open comments are gone through round and round; without any, that is said", async () => {
  reviewing.next();
  expect(desk.told).toEqual(["No comment is open on this image"]);
  desk.of("review")[0]!.reply(review(1, { comments: [comment("a"), comment("b", "ada"), comment("c")] }));
  await soon();
  const seen = [1, 2, 3].map(() => {
    reviewing.next();
    return reviewing.shown.value;
  });
  expect(seen).toEqual(["a", "c", "a"]);
  expect(desk.revealed).toEqual([[4, 5, 2, 2], [4, 5, 2, 2], [4, 5, 2, 2]]);
  reviewing.resolve(comment("a"));
  reviewing.resolve(comment("b", "ada"));
  expect(desk.of("resolve").map(({ ask }) => "resolved" in ask && ask.resolved)).toEqual([true, false]);
});

test("the past is asked for while it is looked at, once all is saved; a late answer of another shape is dropped", async () => {
  desk.selectedIds.value = ["s1"];
  expect(desk.of("past")).toEqual([]);
  desk.pending.value = 1;
  reviewing.looksBack.value = true;
  expect(desk.of("past")).toEqual([]);
  desk.pending.value = 0;
  desk.selectedIds.value = ["s2"];
  expect(desk.of("past").map(({ ask }) => "shape_id" in ask && ask.shape_id)).toEqual(["s1", "s2"]);
  const past = (shape_id: string | null): PastReply => ({ image_id: 1, shape_id, edits: [], deleted: [] });
  desk.of("past")[1]!.reply(past("s2"));
  desk.of("past")[0]!.reply(past("s1"));
  await soon();
  expect(reviewing.past.value?.shape_id).toBe("s2");
  // Without a shape it is the image's: what was deleted.
  desk.selectedIds.value = [];
  expect(desk.of("past")[2]!.ask).toEqual({ ask: "past", image_id: 1 });
});

test("what was restored is taken over and selected; where that fails it is told", async () => {
  reviewing.restore("s1", 2);
  const reply: ApplyReply = { image_id: 1, seq: 9, results: [] };
  desk.of("restore")[0]!.reply(reply);
  await soon();
  expect([desk.settled, desk.picked]).toEqual([[reply], ["s1"]]);
  reviewing.restore("s1", 1);
  desk.of("restore")[1]!.refuse(new Error("away"));
  await soon();
  expect(desk.faults).toEqual(["The shape was not restored"]);
});
