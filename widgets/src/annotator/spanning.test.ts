// A command on several images: its ids, and how undo takes it back on all of them or says why not.
import { beforeEach, expect, test, vi } from "vitest";
import { Refused, type Transport } from "../bridges/transport";
import { newShape, type Shape } from "../editor/records";
import { EditorDocument } from "../editor/selecting";
import type { StepAsk, StepReply } from "../wire.gen";
import type { Documents } from "./documents";
import type { Session } from "./session";
import { idOf, Spanning, stepHead } from "./spanning";
import { State } from "./state";
import { Undoing } from "./undoing";

const size = { w: 100, h: 100 };
const box = (id: string): Shape => newShape(id, 0, { kind: "box", box: [1, 1, 9, 9] });
let here: EditorDocument;
let there: EditorDocument;
let heads: (string | undefined)[];

beforeEach(() => {
  [here, there] = [new EditorDocument(1, size), new EditorDocument(2, size)];
  heads = [];
  for (const { store } of [here, there]) store.listen((_, origin, __, head) => void (origin === "local" && heads.push(head)));
});

/** What undo needs of a session, and a kernel that answers as it is told. */
class Desk extends State {
  readonly asked: StepAsk[] = [];
  readonly told: string[] = [];
  readonly outdated: number[] = [];
  readonly editor = {
    document: here, readOnly: false, tool: { state: { kind: "idle" } }, repaint: () => undefined,
    undo: () => void here.history.undo(), redo: () => void here.history.redo(),
  };
  readonly following = { state: { value: null as object | null } };
  readonly viewer = { refresh: vi.fn(() => Promise.resolve()) };
  answer: StepReply | Error = { image_ids: [1, 2], shapes: 2, kept: 0 };
  override tell(text: string): void {
    this.told.push(text);
  }
  undoing(): Undoing {
    const request = (ask: StepAsk): Promise<unknown> => {
      this.asked.push(ask);
      return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve({ reply: this.answer, buffers: [] });
    };
    const documents = { outdate: (ids: Iterable<number>) => this.outdated.push(...ids) };
    return new Undoing(this as unknown as Session, { request } as unknown as Transport, documents as unknown as Documents);
  }
}

const soon = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));
const spread = (): void => {
  const command = new Spanning();
  command.change(there, (draft) => draft.put(box("b")));
  command.change(there, (draft) => draft.put(box("c")));
  command.end(here);
};

test("ids of a step begin alike, and those of a replay are of version 8", () => {
  const head = stepHead(true);
  expect([head[14], idOf(head).slice(0, 19), idOf(head).length]).toEqual(["8", head, 36]);
  expect(idOf(head)).not.toBe(idOf(head));
});

test("all that a command changes is one step, there and on the image that it was given from", () => {
  spread();
  expect(new Set(heads).size).toBe(1);
  expect([here, there].map(({ history }) => history.nearest(true)?.head)).toEqual([heads[0], heads[0]]);
  expect([...there.history.nearest(true)!.shapes.keys()]).toEqual(["b", "c"]);
  // One that changed nothing leaves nothing to undo.
  new Spanning().end(here);
  here.history.undo();
  expect(here.history.canUndo).toBe(false);
});

test("undo takes it back everywhere, and redo does it again", async () => {
  spread();
  const desk = new Desk();
  const undoing = desk.undoing();
  undoing.undo();
  undoing.undo();
  await soon();
  expect(desk.asked).toMatchObject([{ ask: "step", forward: false }]);
  expect([desk.asked[0]!.op_id.slice(0, 19), desk.asked[0]!.as_id[14]]).toEqual([heads[0], "8"]);
  expect([desk.told, desk.outdated, desk.viewer.refresh.mock.calls]).toEqual([["Taken back on 2 images"], [2], [[1]]]);
  desk.answer = { image_ids: [2], shapes: 1, kept: 2 };
  undoing.redo();
  await soon();
  expect(desk.asked[1]).toMatchObject({ forward: true, op_id: expect.stringContaining(heads[0]!) });
  expect(desk.told.at(-1)).toBe("Done again on 1 image; 2 shapes were changed since and stay");
  expect(here.history.nearest(true)?.head).toBe(heads[0]);
});

test("where it fails nothing has happened; what is too much for one go goes back here alone", async () => {
  const command = new Spanning();
  command.change(here, (draft) => draft.put(box("a")));
  command.end(here);
  const desk = new Desk();
  const faults = vi.spyOn(desk, "fault").mockReturnValue();
  const refusal = (status: number) => new Refused({ kind: "Invalid", happened: "too many", remedy: "one by one", status });
  desk.answer = refusal(503);
  const undoing = desk.undoing();
  undoing.undo();
  await soon();
  expect([faults.mock.calls.length, here.history.canUndo, here.store.size]).toEqual([1, true, 1]);
  desk.answer = refusal(422);
  undoing.undo();
  await soon();
  expect([desk.told, here.store.size, here.history.canRedo]).toEqual([["too many"], 0, true]);
});

test("while it is still under way it is not taken back", () => {
  spread();
  const desk = new Desk();
  desk.copied.value = { done: 1, of: 2 };
  desk.undoing().undo();
  expect([desk.asked, desk.told]).toEqual([[], ["It is still under way"]]);
  desk.copied.value = null;
  desk.following.state.value = { done: 1, of: 2 };
  desk.undoing().undo();
  expect([desk.asked.length, desk.told.length]).toEqual([0, 2]);
});
