import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Carrier, Gone, type Life, Refused, Transport, Unanswered } from "./transport";

/** The far end of a comm, in memory: what was sent, and a way to speak. */
class Line implements Carrier {
  sent: ({ id: number } & Record<string, unknown>)[] = [];
  #receive: ((message: unknown, buffers: DataView[]) => void)[] = [];
  #lives: ((life: Life) => void)[] = [];
  broken = false;

  send(message: object): void {
    if (this.broken) throw new Error("Cannot send");
    this.sent.push(message as { id: number });
  }
  listen(receive: (message: unknown, buffers: DataView[]) => void): () => void {
    this.#receive.push(receive);
    return () => (this.#receive = this.#receive.filter((one) => one !== receive));
  }
  onLife(tell: (life: Life) => void): () => void {
    this.#lives.push(tell);
    return () => (this.#lives = []);
  }
  say(message: unknown, buffers: DataView[] = []): void {
    for (const receive of this.#receive) receive(message, buffers);
  }
  become(life: Life): void {
    for (const tell of this.#lives) tell(life);
  }
  get listeners(): number {
    return this.#receive.length;
  }
}

let line: Line;
let transport: Transport;
beforeEach(() => {
  line = new Line();
  transport = new Transport(line);
});
afterEach(() => vi.useRealTimers());

test("replies find their requests in whatever order they come", async () => {
  const first = transport.request<"page">({ ask: "page", first: 0, count: 1 });
  const second = transport.request<"page">({ ask: "page", first: 1, count: 1 });
  const [a, b] = line.sent.map((message) => message.id);
  const buffers = [new DataView(new ArrayBuffer(3))];
  line.say({ id: b, ok: { images: ["second"] } }, buffers);
  line.say({ id: a, ok: { images: ["first"] } });
  expect((await first).reply.images).toEqual(["first"]);
  expect(await second).toEqual({ reply: { images: ["second"] }, buffers });
});

test("two views of one widget never take each other's replies", async () => {
  const other = new Transport(line);
  const mine = transport.request<"page">({ ask: "page", first: 0, count: 1 });
  const theirs = other.request<"page">({ ask: "page", first: 9, count: 1 });
  line.say({ id: line.sent[1]!.id, ok: { images: ["theirs"] } });
  line.say({ id: line.sent[0]!.id, ok: { images: ["mine"] } });
  expect((await mine).reply.images).toEqual(["mine"]);
  expect((await theirs).reply.images).toEqual(["theirs"]);
});

test("a refusal carries what happened and the remedy", async () => {
  const asked = transport.request<"shapes">({ ask: "shapes", image_id: 7 });
  line.say({ id: line.sent[0]!.id, error: { kind: "NotFound", happened: "no image 7", remedy: "use 1 to 6", status: 404 } });
  await expect(asked).rejects.toThrow("no image 7; use 1 to 6");
  await expect(asked).rejects.toBeInstanceOf(Refused);
});

test("no answer in time is told, and a late answer goes to nobody", async () => {
  vi.useFakeTimers();
  const asked = transport.request<"shapes">({ ask: "shapes", image_id: 7 }, { timeoutMs: 500 });
  const told = expect(asked).rejects.toBeInstanceOf(Unanswered);
  vi.advanceTimersByTime(501);
  await told;
  line.say({ id: line.sent[0]!.id, ok: { image_id: 7, seq: 1, shapes: [] } });
});

test("what is no longer wanted is given up at once", async () => {
  const stop = new AbortController();
  const asked = transport.request<"shapes">({ ask: "shapes", image_id: 7 }, { signal: stop.signal });
  stop.abort();
  await expect(asked).rejects.toMatchObject({ name: "AbortError" });
});

test("when the kernel ends, everything under way fails and nothing more is sent", async () => {
  const asked = transport.request<"shapes">({ ask: "shapes", image_id: 7 });
  const lives: Life[] = [];
  transport.onLife((life) => lives.push(life));
  line.become("gone");
  await expect(asked).rejects.toBeInstanceOf(Gone);
  await expect(transport.request<"shapes">({ ask: "shapes", image_id: 8 })).rejects.toBeInstanceOf(Gone);
  expect(line.sent).toHaveLength(1);
  expect(lives).toEqual(["gone"]);
});

test("a comm that throws on sending counts as ended", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  line.broken = true;
  await expect(transport.request<"shapes">({ ask: "shapes", image_id: 8 })).rejects.toBeInstanceOf(Gone);
  expect(transport.life).toBe("gone");
});

test("pushes reach those who listen, and a closed transport leaves no listener behind", () => {
  const pushes: unknown[] = [];
  transport.onPush((push) => pushes.push(push));
  line.say({ push: "changed", image_id: 1, seq: 4 });
  transport.close();
  line.say({ push: "changed", image_id: 1, seq: 5 });
  expect(pushes).toEqual([{ push: "changed", image_id: 1, seq: 4 }]);
  expect(line.listeners).toBe(0);
});

test("a message that is not ours is left alone", () => {
  for (const message of [null, 7, "x", {}, { id: "a" }, { id: 3 }]) expect(() => line.say(message)).not.toThrow();
});

test("what is insisted on is asked once more, and the first answer counts", async () => {
  vi.useFakeTimers();
  const quick = transport.insist<"page">({ ask: "page", first: 0, count: 1 }, 1000);
  line.say({ id: line.sent[0]!.id, ok: { images: ["quick"] } });
  expect((await quick).reply.images).toEqual(["quick"]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(line.sent.length).toBe(1);

  const slow = transport.insist<"page">({ ask: "page", first: 1, count: 1 }, 1000);
  await vi.advanceTimersByTimeAsync(1000);
  const [first, second] = line.sent.slice(1).map(({ id }) => id);
  expect(second).not.toBe(first);
  line.say({ id: second, ok: { images: ["again"] } });
  line.say({ id: first, ok: { images: ["late"] } });
  expect((await slow).reply.images).toEqual(["again"]);

  const never = transport.insist<"page">({ ask: "page", first: 2, count: 1 }, 1000, { timeoutMs: 3000 });
  const told = expect(never).rejects.toThrow(Unanswered);
  await vi.advanceTimersByTimeAsync(5000);
  await told;
  expect(line.sent.length).toBe(5);
});
