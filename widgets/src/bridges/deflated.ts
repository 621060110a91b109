// Large parts of a message go compressed, as buffers beside it. The counterpart is evalnb/wire/deflated.py.
import { strToU8, zlibSync } from "fflate";
import type { Carrier } from "./transport";

/** Below this a part is not worth the work, in characters. */
const smallest = 4096;
/** Beyond this, all parts together, the other side might not unpack it: its 16 MiB are bytes, and a character takes up to three. */
const largest = 5 * 2 ** 20;

interface Slim {
  readonly message: object;
  readonly buffers: ArrayBuffer[];
}

/**
 * The message without its large lists and objects: they are the buffers, zlib over JSON, and `deflated` has their names in
 * the buffers' order. A message that has none is itself.
 */
function slim(message: object): Slim {
  const large: [string, string][] = [];
  for (const [name, value] of Object.entries(message)) {
    if (typeof value !== "object" || value === null) continue;
    const text = JSON.stringify(value);
    if (text.length >= smallest) large.push([name, text]);
  }
  if (!large.length || large.reduce((sum, [, text]) => sum + text.length, 0) > largest) return { message, buffers: [] };
  const names = large.map(([name]) => name);
  const rest = Object.fromEntries(Object.entries(message).filter(([name]) => !names.includes(name)));
  return {
    message: { ...rest, deflated: names },
    buffers: large.map(([, text]) => {
      const packed = zlibSync(strToU8(text));
      return packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength) as ArrayBuffer;
    }),
  };
}

/** The carrier, whose large messages go compressed. */
export function deflating(carrier: Carrier): Carrier {
  return {
    send: (message) => {
      const { message: rest, buffers } = slim(message);
      carrier.send(rest, buffers);
    },
    listen: (receive) => carrier.listen(receive),
    get life() {
      return carrier.life ?? "online";
    },
    onLife: (tell) => carrier.onLife(tell),
    close: () => carrier.close?.(),
  };
}
