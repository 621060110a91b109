// Messages as WebSocket frames; evalnb/wire/live.py says how they look.

const headerMax = 2 ** 28;

/** The message of a frame, and views of its buffers. Throws on anything else. */
export function decode(frame: string | ArrayBuffer): { message: object; buffers: DataView[] } {
  if (typeof frame === "string") return { message: asObject(JSON.parse(frame)), buffers: [] };
  const length = new DataView(frame).getUint32(0, true);
  if (length > headerMax || 4 + length > frame.byteLength) throw new Error(`a header of ${length} bytes in a frame of ${frame.byteLength}`);
  const text = new TextDecoder().decode(new Uint8Array(frame, 4, length));
  const { buffers: lengths, ...message } = asObject(JSON.parse(text)) as { buffers?: number[] };
  let start = 4 + length;
  const buffers = (lengths ?? []).map((bytes) => {
    const view = new DataView(frame, start, bytes);
    start += bytes;
    return view;
  });
  if (start !== frame.byteLength) throw new Error(`${frame.byteLength - start} bytes too many in a frame`);
  return { message, buffers };
}

/** A message as one frame: text, or binary where there are buffers. */
export function encode(message: object, buffers: readonly ArrayBuffer[]): string | ArrayBuffer {
  if (!buffers.length) return JSON.stringify(message);
  const header = new TextEncoder().encode(JSON.stringify({ ...message, buffers: buffers.map((one) => one.byteLength) }));
  const frame = new Uint8Array(buffers.reduce((sum, one) => sum + one.byteLength, 4 + header.length));
  new DataView(frame.buffer).setUint32(0, header.length, true);
  frame.set(header, 4);
  let start = 4 + header.length;
  for (const one of buffers) {
    frame.set(new Uint8Array(one), start);
    start += one.byteLength;
  }
  return frame.buffer;
}

function asObject(value: unknown): object {
  if (typeof value !== "object" || value === null) throw new Error(`a message that is ${typeof value}`);
  return value;
}
