// The files on their way, outside of React: leaving the page does not stop them, and coming back shows them again.
import { DetailedError, Upload } from "tus-js-client";
import { browser, csrf, type UploadItem } from "@/lib/api";
import { uploads as endpoint } from "@/lib/addresses";
import { Checksums } from "@/lib/checksums";
import { type Problem, problemOf } from "@/lib/problem";

export interface Destination {
  readonly project: number;
  readonly purpose: UploadItem["purpose"];
  /** The dataset's name. */
  readonly dataset?: string | undefined;
}

export interface Sending {
  readonly key: number;
  readonly file: File;
  readonly to: Destination;
  readonly state: "waiting" | "sending" | "paused" | "taking" | "done" | "refused";
  readonly sent: number;
  /** Bytes of it that were there from an earlier attempt. */
  readonly resumedAt: number;
  readonly startedAt: number;
  readonly problem: Problem | null;
  readonly became: UploadItem | null;
}

/** At once: more only share the same line. */
const together = 2;
const chunkBytes = 8 << 20;
/** Between looks at what the server makes of it, ms. */
const look = 1000;

let all: readonly Sending[] = [];
let keys = 0;
const wires = new Map<number, Upload>();
const listeners = new Set<() => void>();

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function sendings(): readonly Sending[] {
  return all;
}

export function add(files: readonly File[], to: (file: File) => Destination): void {
  all = [
    ...all,
    ...files.map((file): Sending => ({ key: ++keys, file, to: to(file), state: "waiting", sent: 0, resumedAt: 0, startedAt: 0, problem: null, became: null })),
  ];
  proceed();
}

export function pause(key: number): void {
  void wires.get(key)?.abort();
  change(key, { state: "paused" });
  proceed();
}

export function resume(key: number): void {
  change(key, { state: "waiting", problem: null });
  proceed();
}

/** Take it off the list; what the server has of it is removed there, too. */
export function drop(key: number): void {
  const sending = all.find((one) => one.key === key);
  // A refusal to remove it changes nothing for the reader: unfinished uploads expire on the server.
  if (sending && sending.state !== "done") wires.get(key)?.abort(true).catch(() => undefined);
  wires.delete(key);
  all = all.filter((one) => one.key !== key);
  proceed();
}

function change(key: number, by: Partial<Sending>): void {
  all = all.map((one) => (one.key === key ? { ...one, ...by } : one));
  listeners.forEach((listener) => listener());
}

function proceed(): void {
  listeners.forEach((listener) => listener());
  let free = together - all.filter((one) => one.state === "sending").length;
  for (const one of all) {
    if (free <= 0) return;
    if (one.state !== "waiting") continue;
    free -= 1;
    change(one.key, { state: "sending", startedAt: performance.now() });
    void send(one).catch((thrown: unknown) => fail(one.key, problemOf(thrown)));
  }
}

async function send({ key, file, to }: Sending): Promise<void> {
  const known = wires.get(key);
  if (known) return known.start();
  const checksums = new Checksums();
  const token = await csrf();
  const wire = new Upload(file, {
    endpoint,
    chunkSize: chunkBytes,
    retryDelays: [0, 500, 1500, 4000, 8000, 15_000],
    removeFingerprintOnSuccess: true,
    metadata: { project: String(to.project), filename: file.name, purpose: to.purpose, ...(to.dataset && { dataset: to.dataset }) },
    headers: token ? { "X-Evalnb-Csrf": token } : {},
    fileReader: checksums,
    // Each destination is an upload of its own, even of the same file.
    fingerprint: async (input) => ["evalnb", to.project, to.purpose, to.dataset ?? "", input.name, input.size, input.lastModified].join("-"),
    onBeforeRequest: (request) => checksums.sign(request),
    onProgress: (sent) => change(key, { sent }),
    onError: (error) => fail(key, refusal(error)),
    onSuccess: () => void follow(key, wire).catch((thrown: unknown) => fail(key, problemOf(thrown))),
  });
  wires.set(key, wire);
  const [before] = await wire.findPreviousUploads();
  if (before) wire.resumeFromPreviousUpload(before);
  wire.start();
}

/** All bytes are there: what does the server make of them? */
async function follow(key: number, wire: Upload): Promise<void> {
  change(key, { state: "taking" });
  proceed();
  const id = wire.url?.split("/").at(-1) ?? "";
  for (;;) {
    const became = await browser().uploads.get(id);
    if (became.state === "done") return change(key, { state: "done", became });
    if (became.refusal) return change(key, { state: "refused", became, problem: { title: became.refusal.kind, status: 0, detail: became.refusal.happened, remedy: became.refusal.remedy } });
    change(key, { became });
    await new Promise((resolve) => setTimeout(resolve, look));
  }
}

function fail(key: number, problem: Problem): void {
  change(key, { state: "refused", problem });
  proceed();
}

/** The API's own words, where it answered. */
function refusal(error: Error | DetailedError): Problem {
  const body = "originalResponse" in error ? error.originalResponse?.getBody() : undefined;
  if (body) {
    try {
      return JSON.parse(body) as Problem;
    } catch {
      return { title: "Refused", status: 0, detail: body.slice(0, 300), remedy: "try again" };
    }
  }
  return { title: "Unreachable", status: 0, detail: "the connection was lost", remedy: "resume when it is back: what has arrived is kept" };
}
