import { strFromU8, unzlibSync } from "fflate";
import { expect, test } from "vitest";
import { deflating } from "./deflated";
import { decode, encode } from "./frames";
import type { Carrier } from "./transport";

/** What a carrier was given. */
function through(message: object): { message: Record<string, unknown>; buffers: ArrayBuffer[] } {
  let sent: [object, ArrayBuffer[]] | undefined;
  const carrier: Carrier = { send: (rest, buffers) => void (sent = [rest, buffers ?? []]), listen: () => () => undefined, onLife: () => () => undefined };
  deflating(carrier).send(message);
  return { message: sent![0] as Record<string, unknown>, buffers: sent![1] };
}

const read = (buffer: ArrayBuffer): unknown => JSON.parse(strFromU8(unzlibSync(new Uint8Array(buffer))));

test("a small message goes as it is", () => {
  const message = { id: 1, ask: "apply", ops: [{ note: "ü" }], none: null };
  expect(through(message)).toEqual({ message, buffers: [] });
});

test("a large part goes compressed beside the rest, whatever is written in it", () => {
  const ops = [{ counts: "abc1".repeat(5000), note: "ä 日本 \u{1f600}" }];
  const { message, buffers } = through({ id: 1, ask: "apply", image_id: 7, ops });
  expect(message).toEqual({ id: 1, ask: "apply", image_id: 7, deflated: ["ops"] });
  expect(buffers.map(read)).toEqual([ops]);
  expect(buffers[0]!.byteLength).toBeLessThan(500);
});

test("several parts keep their order", () => {
  const [a, b] = [Array(3000).fill("a"), Array(3000).fill("b")];
  const { message, buffers } = through({ id: 1, a, n: 5, b });
  expect(message).toEqual({ id: 1, n: 5, deflated: ["a", "b"] });
  expect(buffers.map(read)).toEqual([a, b]);
});

test("what the other side would not unpack goes as it is", () => {
  const message = { id: 1, ops: ["x".repeat(6 * 2 ** 20)] };
  expect(through(message)).toEqual({ message, buffers: [] });
});

test("a frame holds the message and its buffers", () => {
  const buffers = [new Uint8Array([1, 2, 3]).buffer, new ArrayBuffer(0), new Uint8Array([9]).buffer];
  const { message, buffers: back } = decode(encode({ id: 3, name: "ü" }, buffers));
  expect(message).toEqual({ id: 3, name: "ü" });
  expect(back.map((view) => [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)])).toEqual([[1, 2, 3], [], [9]]);
  expect(encode({ id: 3 }, [])).toBe('{"id":3}');
});
