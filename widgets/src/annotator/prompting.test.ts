// Prompts and hovering on their way to the kernel and back: what waits, what is late, what is dropped.
import { expect, test } from "vitest";
import { Refused, type Transport } from "../bridges/transport";
import type { Answer, Glimpse, Question } from "../editor/prompted";
import type { HoverAsk, SegmentAsk } from "../wire.gen";
import { Hovering } from "./hovering";
import { Prompting } from "./prompting";

type Asked = Omit<SegmentAsk, "ask"> & Omit<HoverAsk, "ask">;

/** A kernel whose answers the test gives. */
class Kernel {
  readonly asked: { ask: Asked; reply: (ok: object, buffers?: DataView[]) => void; refuse: (error: unknown) => void }[] = [];
  readonly transport = {
    request: (ask: Asked) =>
      new Promise((resolve, reject) => this.asked.push({ ask, reply: (reply, buffers = []) => resolve({ reply, buffers }), refuse: reject })),
  } as unknown as Transport;
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
};
const question = (turn: number, x: number): Question => ({ turn, prompts: { points: [{ x, y: 1 }], labels: [1], box: null }, refines: null });
const empty = { window: [0, 0, 0, 0], score: 0, encode_ms: 0, decode_ms: 1, answer: 7, others: [] };
const refusal = (kind: string): Refused => new Refused({ kind, happened: "it", remedy: "that", status: 409 });

function prompting(kernel: Kernel) {
  const answers: [number, Answer | null][] = [];
  const errors: Error[] = [];
  const nothing = (): void => undefined;
  const made = new Prompting({
    transport: kernel.transport, answer: (turn, answer) => answers.push([turn, answer]), onBusy: nothing,
    onError: (error) => errors.push(error), onUnprepared: nothing, onTimes: nothing,
  });
  return { made, answers, errors };
}

test("of an object's questions the latest is asked next; another object's waits its turn and is not lost", async () => {
  const kernel = new Kernel();
  const { made, answers } = prompting(kernel);
  made.ask(5, 1, question(1, 10));
  made.ask(5, 1, question(2, 20));
  made.ask(5, 2, question(3, 30));
  made.ask(5, 1, question(4, 40));
  for (let i = 0; i < 3; i++) {
    await settled();
    kernel.asked[i]!.reply({ ...empty, answer: i });
  }
  await settled();
  expect(kernel.asked.map(({ ask }) => ask.points![0]![0])).toEqual([10, 40, 30]);
  // The first was overtaken while it was in flight.
  expect(answers.map(([turn]) => turn)).toEqual([4, 3]);
});

test("what is taken back is not answered, and a failure is told once, but for one that was only overtaken", async () => {
  const kernel = new Kernel();
  const { made, answers, errors } = prompting(kernel);
  made.ask(5, 1, question(1, 10));
  made.ask(5, 1, null);
  kernel.asked[0]!.reply(empty);
  await settled();
  expect(answers).toEqual([]);
  made.ask(5, 1, question(2, 10));
  kernel.asked[1]!.refuse(refusal("Superseded"));
  await settled();
  made.ask(5, 1, question(3, 10));
  kernel.asked[2]!.refuse(refusal("Invalid"));
  await settled();
  expect(answers).toEqual([[2, null], [3, null]]);
  expect(errors).toHaveLength(1);
});

test("the answer carries every candidate, and what it corrects is said", async () => {
  const kernel = new Kernel();
  const { made, answers } = prompting(kernel);
  made.ask(5, 1, { ...question(1, 10), refines: { answer: 3, candidate: 2 } });
  expect(kernel.asked[0]!.ask.refines).toEqual({ answer: 3, candidate: 2 });
  kernel.asked[0]!.reply({ ...empty, score: 0.9, others: [{ window: [0, 0, 0, 0], score: 0.5 }] });
  await settled();
  expect(answers[0]![1]).toMatchObject({ id: 7, candidates: [{ score: 0.9 }, { score: 0.5 }] });
});

function hovering(kernel: Kernel) {
  const shown: (Glimpse | null)[] = [];
  const waiting: (() => void)[] = [];
  const made = new Hovering({ transport: kernel.transport, show: (glimpse) => shown.push(glimpse), now: () => 0, later: (run) => waiting.push(run) });
  return { made, shown, next: () => waiting.shift()?.() };
}

const ring = async (seq: number): Promise<[object, DataView[]]> => {
  const stream = new Blob([new Uint8Array([0x80])]).stream().pipeThrough(new CompressionStream("deflate"));
  const buffer = new DataView(await new Response(stream).arrayBuffer());
  return [{ image_id: 5, seq, ready: true, window: [seq, 0, 1, 1], columns: 1, rows: 1, score: 0.5, decode_ms: 1 }, [buffer]];
};

test("one hover is in flight; then the latest place is asked, and no other", async () => {
  const kernel = new Kernel();
  const { made, shown, next } = hovering(kernel);
  for (const x of [1, 2, 3]) made.at(5, { at: { x, y: 0 }, object: null });
  expect(kernel.asked.map(({ ask }) => ask.x)).toEqual([1]);
  kernel.asked[0]!.reply(...(await ring(1)));
  await settled();
  next();
  expect(kernel.asked.map(({ ask }) => [ask.x, ask.seq])).toEqual([[1, 1], [3, 2]]);
  expect(shown.map((one) => one?.box[0])).toEqual([1]);
});

test("an answer is late once nothing is wanted, or a newer one is shown", async () => {
  const kernel = new Kernel();
  const { made, shown, next } = hovering(kernel);
  made.at(5, { at: { x: 1, y: 0 }, object: null });
  made.at(5, null);
  kernel.asked[0]!.reply(...(await ring(1)));
  await settled();
  expect(shown).toEqual([]);
  made.at(5, { at: { x: 2, y: 0 }, object: null });
  next();
  kernel.asked[1]!.reply(...(await ring(1)));
  await settled();
  expect(shown).toEqual([]);
});

test("a hover that fails is followed by the next", async () => {
  const kernel = new Kernel();
  const { made, shown, next } = hovering(kernel);
  made.at(5, { at: { x: 1, y: 0 }, object: null });
  kernel.asked[0]!.refuse(refusal("Superseded"));
  await settled();
  made.at(5, { at: { x: 2, y: 0 }, object: null });
  next();
  kernel.asked[1]!.reply(...(await ring(2)));
  await settled();
  expect(shown).toHaveLength(1);
});
