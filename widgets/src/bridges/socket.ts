// A WebSocket as a carrier of messages. It connects, shows its ticket, and comes back whenever the line breaks.
import type { Refusal } from "../wire.gen";
import { decode, encode } from "./frames";
import type { Carrier, Life } from "./transport";

export interface SocketOptions {
  /** ws:, wss:, http: or https:, or a path on the page's own origin. */
  readonly url: string;
  /** Every ask is about this dataset. */
  readonly datasetId: number;
  /** Fetches a one-time ticket. A `TicketRefused` ends the carrier; any other failure is tried again. */
  readonly ticket: () => Promise<string>;
  readonly socket?: (url: string) => WebSocket;
  readonly random?: () => number;
}

/** There will be no ticket: whoever asks is not signed in, or may not. */
export class TicketRefused extends Error {}

const firstWaitMs = 250;
const longestWaitMs = 15_000;
/** Connecting and being welcomed may take so long. */
const openingMs = 15_000;
/** Until the server says otherwise. */
const frameBytes = 2 ** 20;

export class SocketCarrier implements Carrier {
  readonly #options: SocketOptions;
  #socket: WebSocket | null = null;
  #life: Life = "offline";
  #receivers = new Set<(message: unknown, buffers: DataView[]) => void>();
  #lives = new Set<(life: Life) => void>();
  #failures = 0;
  #frameBytes = frameBytes;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #opening: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#hurry);
    void this.#connect();
  }

  get life(): Life {
    return this.#life;
  }

  send(message: object, buffers: readonly ArrayBuffer[] = []): void {
    if (this.#life !== "online" || !this.#socket) return; // The transport sends it again once the line is back.
    const frame = encode({ ...message, dataset: this.#options.datasetId }, buffers);
    const bytes = this.#sizeOf(frame);
    if (bytes > this.#frameBytes) this.#refuse(message, bytes);
    else this.#socket.send(frame);
  }

  #sizeOf(frame: string | ArrayBuffer): number {
    if (typeof frame !== "string") return frame.byteLength;
    // In UTF-8 a UTF-16 unit takes three bytes at most; nearly all of ours take one.
    return 3 * frame.length <= this.#frameBytes ? frame.length : new TextEncoder().encode(frame).length;
  }

  listen(receive: (message: unknown, buffers: DataView[]) => void): () => void {
    this.#receivers.add(receive);
    return () => this.#receivers.delete(receive);
  }

  onLife(tell: (life: Life) => void): () => void {
    this.#lives.add(tell);
    return () => this.#lives.delete(tell);
  }

  close(): void {
    this.#closed = true;
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#hurry);
    clearTimeout(this.#retry);
    this.#drop();
    this.#receivers.clear();
    this.#lives.clear();
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    let ticket: string;
    try {
      ticket = await this.#options.ticket();
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof TicketRefused) return this.#live("gone");
      return this.#later();
    }
    if (this.#closed) return;
    const url = absolute(this.#options.url);
    const socket = this.#options.socket?.(url) ?? new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ ticket }));
    socket.onmessage = ({ data }) => this.#receive(socket, data as string | ArrayBuffer);
    socket.onclose = () => this.#ended(socket);
    this.#opening = setTimeout(() => this.#ended(socket), openingMs);
  }

  #receive(socket: WebSocket, data: string | ArrayBuffer): void {
    if (socket !== this.#socket) return;
    let decoded;
    try {
      decoded = decode(data);
    } catch (error) {
      console.warn("evalnb: the server sent what is no message; connecting anew", error);
      return this.#ended(socket);
    }
    const { message, buffers } = decoded;
    if ("push" in message && message.push === "welcome") {
      clearTimeout(this.#opening);
      this.#failures = 0;
      this.#frameBytes = (message as { frame_bytes?: number }).frame_bytes ?? frameBytes;
      this.#live("online");
    }
    for (const receive of this.#receivers) receive(message, buffers);
  }

  #ended(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.#closed) return;
    this.#live("offline");
    this.#later();
  }

  #drop(): void {
    clearTimeout(this.#opening);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #later(): void {
    // Full jitter: after a server's restart its clients come back one by one.
    const most = Math.min(longestWaitMs, firstWaitMs * 2 ** this.#failures++);
    const wait = most * (0.25 + 0.75 * (this.#options.random ?? Math.random)());
    this.#retry = setTimeout(() => void this.#connect(), wait);
  }

  /** The network is back, or somebody looks at the page again: no more waiting. */
  readonly #hurry = (): void => {
    if (this.#retry === undefined || globalThis.document?.visibilityState === "hidden") return;
    this.#failures = 0;
    void this.#connect();
  };

  #live(life: Life): void {
    if (life === this.#life) return;
    this.#life = life;
    for (const tell of this.#lives) tell(life);
  }

  #refuse(message: object, bytes: number): void {
    const error: Refusal = {
      kind: "Invalid", status: 413,
      happened: `the message has ${(bytes / 2 ** 20).toFixed(1)} MiB, and the server takes ${this.#frameBytes / 2 ** 20}`,
      remedy: "draw a simpler outline",
    };
    const id = (message as { id?: number }).id;
    queueMicrotask(() => this.#receivers.forEach((receive) => receive({ id, error }, [])));
  }
}

/** The address for a WebSocket: a path is the page's own origin's. */
export function absolute(url: string): string {
  const resolved = new URL(url, globalThis.location?.href);
  resolved.protocol = resolved.protocol.replace("http", "ws");
  return resolved.href;
}
