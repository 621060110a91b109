// The carrier against a server in memory: tickets, frames, broken lines, and asks that survive them.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decode } from "./frames";
import { SocketCarrier, TicketRefused } from "./socket";
import { type Life, Refused, Transport } from "./transport";

/** The browser's WebSocket, with the far end in the test's hands. */
class FakeSocket {
  static made: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.made.at(-1)!;
  }
  sent: Record<string, unknown>[] = [];
  closed = false;
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  say(data: object | ArrayBuffer | string): void {
    this.onmessage?.({ data: data instanceof ArrayBuffer || typeof data === "string" ? data : JSON.stringify(data) });
  }
  welcome(frame_bytes = 2 ** 20): void {
    this.onopen?.();
    this.say({ push: "welcome", name: "ada", version: "1", frame_bytes });
  }
  breaks(): void {
    this.onclose?.();
  }
}

function framed(message: object, ...buffers: number[][]): ArrayBuffer {
  const header = new TextEncoder().encode(JSON.stringify({ ...message, buffers: buffers.map((one) => one.length) }));
  const bytes = new Uint8Array(4 + header.length + buffers.flat().length);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  bytes.set(buffers.flat(), 4 + header.length);
  return bytes.buffer;
}

let tickets: number;
let ticket: () => Promise<string>;
let carrier: SocketCarrier;
let lives: Life[];

/** Let the ticket come. */
const settle = async (): Promise<void> => void (await vi.advanceTimersByTimeAsync(0));

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
  tickets = 0;
  ticket = () => Promise.resolve(`t${++tickets}`);
  lives = [];
  carrier = new SocketCarrier({
    url: "ws://here/api/live", datasetId: 3, ticket: () => ticket(), random: () => 1,
    socket: (url) => new FakeSocket(url) as unknown as WebSocket,
  });
  carrier.onLife((life) => lives.push(life));
});
afterEach(() => {
  carrier.close();
  vi.useRealTimers();
});

test("it shows its ticket first, and is online once it is welcomed", async () => {
  await settle();
  expect(FakeSocket.last.url).toBe("ws://here/api/live");
  FakeSocket.last.onopen?.();
  expect(FakeSocket.last.sent).toEqual([{ ticket: "t1" }]);
  expect([carrier.life, lives]).toEqual(["offline", []]);
  FakeSocket.last.welcome();
  expect([carrier.life, lives]).toEqual(["online", ["online"]]);
});

test("asks carry the dataset, answers may bring buffers", async () => {
  const transport = new Transport(carrier);
  await settle();
  FakeSocket.last.welcome();
  const asked = transport.request<"image">({ ask: "image", image_id: 7 });
  const { id, ...ask } = FakeSocket.last.sent.at(-1)!;
  expect(ask).toEqual({ ask: "image", image_id: 7, dataset: 3 });
  FakeSocket.last.say(framed({ id, ok: { image_id: 7, mime: "image/png" } }, [1, 2, 3], [4]));
  const { reply, buffers } = await asked;
  expect(reply).toEqual({ image_id: 7, mime: "image/png" });
  expect(buffers.map((one) => [...new Uint8Array(one.buffer, one.byteOffset, one.byteLength)])).toEqual([[1, 2, 3], [4]]);
});

test("asks made before the line stands, or while it is broken, wait and are sent once it does", async () => {
  const transport = new Transport(carrier);
  const early = transport.request<"page">({ ask: "page", first: 0, count: 1 });
  await settle();
  expect(FakeSocket.last.sent).toEqual([]);
  FakeSocket.last.welcome();
  const first = FakeSocket.last.sent.at(-1)!;
  expect(first).toMatchObject({ ask: "page", first: 0 });
  FakeSocket.last.breaks();
  const late = transport.request<"page">({ ask: "page", first: 1, count: 1 });
  await vi.advanceTimersByTimeAsync(250);
  expect(FakeSocket.made).toHaveLength(2);
  FakeSocket.last.welcome();
  // What was under way goes again, under the same number and in the same order, with a fresh ticket.
  expect(FakeSocket.last.sent.map((one) => one["ticket"] ?? one["first"])).toEqual(["t2", 0, 1]);
  expect(FakeSocket.last.sent[1]).toEqual(first);
  for (const { id } of FakeSocket.last.sent.slice(1)) FakeSocket.last.say({ id, ok: { images: [] } });
  expect([(await early).reply.images, (await late).reply.images]).toEqual([[], []]);
  expect(lives).toEqual(["online", "offline", "online"]);
});

test("it waits longer after each failure, up to a bound, and starts over once it was welcomed", async () => {
  const waits: number[] = [];
  for (let n = 0; n < 9; n++) {
    await settle();
    FakeSocket.last.breaks();
    const count = FakeSocket.made.length;
    const began = Date.now();
    while (FakeSocket.made.length === count) await vi.advanceTimersByTimeAsync(50);
    waits.push(Date.now() - began);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  FakeSocket.last.welcome();
  FakeSocket.last.breaks();
  const count = FakeSocket.made.length;
  await vi.advanceTimersByTimeAsync(250);
  expect(FakeSocket.made).toHaveLength(count + 1);
});

test("a server that takes the connection and says nothing is left", async () => {
  await settle();
  FakeSocket.last.onopen?.();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(FakeSocket.made[0]!.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(250);
  expect(FakeSocket.made).toHaveLength(2);
  // The old one's last words are nobody's.
  FakeSocket.made[0]!.welcome();
  expect(carrier.life).toBe("offline");
});

test("without a ticket it tries again; refused for good, it is gone", async () => {
  await settle();
  ticket = () => Promise.reject(new Error("HTTP 503"));
  FakeSocket.last.breaks();
  await vi.advanceTimersByTimeAsync(250);
  expect([FakeSocket.made.length, carrier.life]).toEqual([1, "offline"]);
  ticket = () => Promise.reject(new TicketRefused("HTTP 401"));
  await vi.advanceTimersByTimeAsync(500);
  expect(carrier.life).toBe("gone");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSocket.made).toHaveLength(1);
});

test("a message that the server would not take is refused here, and the line stays", async () => {
  const transport = new Transport(carrier);
  await settle();
  FakeSocket.last.welcome(100);
  const asked = transport.request<"hello">({ ask: "hello", view: "v".repeat(200) });
  await expect(asked).rejects.toBeInstanceOf(Refused);
  await expect(asked).rejects.toMatchObject({ refusal: { status: 413 } });
  const wide = transport.request<"hello">({ ask: "hello", view: "字".repeat(30) });
  await expect(wide).rejects.toBeInstanceOf(Refused);
  expect(carrier.life).toBe("online");
});

test("nonsense from the server ends the line, not the page", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  for (const nonsense of ["{", "7", new ArrayBuffer(0), new ArrayBuffer(3), framed({}, [1]).slice(0, -1), new Uint8Array([255, 255, 255, 255, 0]).buffer]) {
    await settle();
    FakeSocket.last.welcome();
    FakeSocket.last.say(nonsense);
    expect(carrier.life).toBe("offline");
    await vi.advanceTimersByTimeAsync(250);
  }
});

test("closed, it is silent: no line, no listener, no timer", async () => {
  await settle();
  FakeSocket.last.welcome();
  const heard: unknown[] = [];
  carrier.listen((message) => heard.push(message));
  const socket = FakeSocket.last;
  carrier.close();
  socket.say({ push: "changed" });
  socket.breaks();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([socket.closed, heard, FakeSocket.made.length, vi.getTimerCount()]).toEqual([true, [], 1, 0]);
});

test("a frame is text, or a header and its buffers to the last byte", () => {
  expect(decode('{"id":1}')).toEqual({ message: { id: 1 }, buffers: [] });
  expect(decode(framed({ id: 2 })).message).toEqual({ id: 2 });
  expect(() => decode(framed({ buffers: [9] }, [1, 2]).slice(0, -1))).toThrow();
});
