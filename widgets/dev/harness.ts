// The annotator before a kernel that lives in the page: scenes for looking at, and nothing that a test relies on.
import type { AnyModel } from "@anywidget/types";
import { annotate } from "../src/annotator/index";
import { runsBox } from "../src/editor/masks";
import type { AnnotatorAsk, Box, Frame, Geometry, HelloReply, ImageRef, LabelInfo, Op, OpResult, Person, Shape } from "../src/wire.gen";

const query = new URLSearchParams(location.search);
const scene = query.get("scene") ?? "photo";
document.body.dataset["jpThemeLight"] = String(query.get("theme") !== "dark");

const names = ["person", "bus", "bicycle", "car", "tie", "dog", "traffic light", "backpack", "handbag", "stop sign", "bench", "umbrella"];
const colors = ["#e5484d", "#3e8ef7", "#f5a524", "#12a594", "#8e4ec6", "#e93d82", "#46a758", "#f76b15", "#0090ff", "#ad7f58", "#978365", "#6e56cf"];
const classes: LabelInfo[] = names.slice(0, query.has("few") ? 5 : 12).map((name, id) => ({ id, name, color: colors[id]!, keypoints: [], skeleton: [], attributes: [] }));
const photos = [
  { name: "bus.jpg", width: 810, height: 1080 },
  { name: "zidane.jpg", width: 1280, height: 720 },
];
const count = scene === "empty" ? 0 : 1280;
const refAt = (index: number): ImageRef => {
  const photo = photos[(index + Number(query.get("start") ?? 0)) % photos.length]!;
  const video = scene === "video" ? { name: "street.mp4", sha256: "f".repeat(64), frame: index, time_s: index / 25, fps: 25 } : null;
  return { id: index + 1, index, ...photo, tags: index % 2 ? ["night"] : [], video };
};

/** Keyed here and there, filled in at first, out of sight twice. */
const trackFrames = (): Frame[] => [...Array.from({ length: 300 }, (_, n) => n + 100), 520, 700, 960, 1100].map((index) => ({
  image: refAt(index), shape_id: "", keyframe: index % 100 === 0 || index > 500, outside: index === 399 || index === 1100,
}));

let made = 0;
const shape = (class_id: number, geometry: Geometry): Shape => ({
  id: `00000000-0000-4000-8000-${String(made++).padStart(12, "0")}`, class_id, geometry, crowd: false, attributes: {}, tags: [], z: 0, track: { id: scene === "video" ? "11111111-1111-4111-8111-111111111111" : null, keyframe: true, outside: false }, rev: 1, deleted: false,
});
const box = (x: number, y: number, w: number, h: number): Geometry => ({ kind: "box", box: [x, y, w, h] });
const poly = (...part: number[]): Geometry => {
  const xs = part.filter((_, i) => i % 2 === 0);
  const ys = part.filter((_, i) => i % 2);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { kind: "polygon", box: [x, y, Math.max(...xs) - x, Math.max(...ys) - y], parts: [part], holes: [] };
};
function disc(cx: number, cy: number, rx: number, ry: number, w: number, h: number): Geometry {
  const counts: number[] = [];
  let at = 0;
  for (let x = Math.max(0, cx - rx); x < Math.min(w, cx + rx); x++) {
    const half = Math.floor(ry * Math.sqrt(Math.max(0, 1 - ((x - cx) / rx) ** 2)));
    if (!half) continue;
    const from = x * h + Math.max(0, cy - half);
    counts.push(from - at, Math.min(h, cy + half) - Math.max(0, cy - half));
    at = from + counts.at(-1)!;
  }
  counts.push(w * h - at);
  return { kind: "mask", box: runsBox(counts, h), size: [h, w], counts: squeeze(counts) };
}
function squeeze(counts: number[]): string {
  let text = "";
  counts.forEach((run, place) => {
    let value = place > 2 ? run - counts[place - 2]! : run;
    for (let more = true; more; ) {
      let char = value & 31;
      value >>= 5;
      more = char & 16 ? value !== -1 : value !== 0;
      if (more) char |= 32;
      text += String.fromCharCode(char + 48);
    }
  });
  return text;
}

const kept = new Map<number, Map<string, Shape>>();
function shapesOf(id: number): Map<string, Shape> {
  let shapes = kept.get(id);
  if (shapes) return shapes;
  const ref = refAt(id - 1);
  const list: Shape[] = [];
  if (scene === "many") {
    let seed = 7;
    const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    for (let i = 0; i < Number(query.get("n") ?? 10000); i++) {
      const [x, y, r] = [random() * ref.width, random() * ref.height, 4 + random() * 14];
      const part = Array.from({ length: 20 }, (_, k) => [x + r * Math.cos(k / 3.18), y + r * Math.sin(k / 3.18)]).flat();
      list.push(shape(i % 8, i % 2 ? box(x, y, r, r) : poly(...part)));
    }
  } else if (ref.name === "bus.jpg") {
    list.push(
      shape(1, box(10, 228, 790, 520)), shape(0, poly(50, 400, 110, 392, 150, 405, 180, 470, 232, 540, 220, 640, 240, 760, 205, 890, 150, 905, 80, 900, 58, 700, 48, 560)),
      shape(0, box(221, 405, 124, 455)), shape(0, disc(740, 640, 68, 240, 810, 1080)), shape(0, box(0, 550, 68, 325)),
    );
  } else {
    list.push(shape(0, box(743, 42, 400, 672)), shape(0, poly(150, 715, 140, 560, 300, 330, 480, 240, 600, 200, 700, 260, 900, 420, 1090, 560, 1120, 715)), shape(4, box(437, 437, 90, 280)));
  }
  kept.set(id, (shapes = new Map(list.map((one) => [one.id, one]))));
  return shapes;
}

const tagged = new Map<number, string[]>();
function tagsOf(id: number): string[] {
  return tagged.get(id) ?? refAt(id - 1).tags;
}

function apply(imageId: number, op: Op): OpResult {
  if (op.action === "tag" || op.action === "untag") {
    const [name] = op.patch!.tags!;
    tagged.set(imageId, [...tagsOf(imageId).filter((one) => one !== name), ...(op.action === "tag" ? [name!] : [])]);
    return { client_op_id: op.client_op_id, status: "applied", shape: null, reason: "", conflicts: [], theirs: null };
  }
  const shapes = shapesOf(imageId);
  const was = shapes.get(op.shape_id);
  const base = was ?? shape(0, box(0, 0, 1, 1));
  const now: Shape = { ...base, ...op.patch, id: op.shape_id, rev: (was?.rev ?? 0) + 1, deleted: op.action === "delete" } as Shape;
  shapes.set(op.shape_id, now);
  const conflict = scene === "conflict" && op.action === "update" && now.geometry.kind === "box";
  const [x, y, w, h] = now.geometry.box;
  return {
    client_op_id: op.client_op_id, status: conflict ? "conflict" : "applied", shape: now, reason: "",
    conflicts: conflict ? ["geometry"] : [], theirs: conflict ? { geometry: box(x + 30, y + 40, w - 40, h + 30) } : null,
  };
}

const peopleOf = (names: string): Person[] => names.split(",").filter(Boolean).map((name) => ({ key: name, name }));
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let seq = 1;
let stopped = false;

async function answer(ask: AnnotatorAsk, push: (message: object) => void): Promise<[object, ArrayBuffer[]]> {
  switch (ask.ask) {
    case "hello": {
      if (scene === "waiting") await wait(1e9);
      const reply: HelloReply = {
        dataset: "street scenes", image_count: count, start: count ? refAt(0) : null, classes, tags: ["day", "night", "rain"],
        runs: query.has("noruns") ? [] : [{ id: 1, name: "yolo11n · 21 Nov" }, { id: 2, name: "rtdetr-l · 22 Nov" }],
        segmenter: query.has("nosam") ? null : "sam2.1-tiny", segmenter_help: "SAM 2 needs its weights: run evalnb fetch sam2.1-tiny, then run this cell again",
        read_only: false, scope: "harness", link: query.get("link") ?? "",
      };
      return [reply, []];
    }
    case "verdicts":
      return [{ image_id: ask.image_id, run_id: ask.run_id, iou: ask.iou, kind: "bbox", covered: false, seq, shapes: [], errors: [] }, []];
    case "review":
    case "review_set":
    case "comment":
    case "resolve":
      return [{ image_id: ask.image_id, status: "todo", assignee: "", author: "", at: null, comments: [] }, []];
    case "past":
      return [{ image_id: ask.image_id, shape_id: ask.shape_id ?? null, edits: [], deleted: [] }, []];
    case "steps":
      return [{ image_id: ask.image_id, undo: [], redo: [] }, []];
    case "box_masks":
      return [{ image_id: ask.image_id, found: ask.boxes.map(() => ({ window: [0, 0, 0, 0], score: 0 })) }, ask.boxes.map(() => new ArrayBuffer(0))];
    case "step":
      return [{ image_ids: [], shapes: 0, kept: 0 }, []];
    case "track":
      return [{ track_id: ask.track_id, frames: scene === "video" ? trackFrames() : [], complete: true }, []];
    case "sequence":
      return [{ image_id: ask.image_id, first: refAt(0), last: refAt(count - 1) }, []];
    case "restore":
      return [{ image_id: ask.image_id, seq, results: [] }, []];
    case "mistake":
      return [{ image: null, looked: 0 }, []];
    case "page":
      return [{ images: Array.from({ length: Math.min(ask.count, count - ask.first) }, (_, i) => refAt(ask.first + i)) }, []];
    case "locate":
      return [{ image: refAt(ask.image_id - 1) }, []];
    case "watch":
      setTimeout(() => push({ push: "presence", image_id: ask.image_id, people: peopleOf(query.get("people") ?? "") }), 50);
      return [{ image_id: ask.image_id, seq, reload: false, shapes: [], tags: null }, []];
    case "image": {
      if (scene === "loading") await wait(1e9);
      if (scene === "broken") throw { kind: "NotFound", happened: "the file /data/imgs/bus.jpg is gone", remedy: "put it back or import the dataset again", status: 404 };
      const bytes = await (await fetch(refAt(ask.image_id - 1).name)).arrayBuffer();
      return [{ image_id: ask.image_id, mime: "image/jpeg", tiles: null }, [bytes]];
    }
    case "tiles":
      throw { kind: "NotFound", happened: "these photographs have no tiles", remedy: "look at them whole", status: 404 };
    case "shapes":
      return [{ image_id: ask.image_id, seq, shapes: [...shapesOf(ask.image_id).values()].filter((one) => !one.deleted), tags: tagsOf(ask.image_id) }, []];
    case "predictions": {
      const some = [...shapesOf(ask.image_id).values()].slice(0, 200);
      const boxes = new Float32Array(some.flatMap(({ geometry: { box: [x, y, w, h] } }, i) => [x + 6 + i, y - 8, w - 4, h + 12]));
      const scores = new Float32Array(some.map((_, i) => Math.max(0.02, 0.94 - i * 0.19)));
      return [{ image_id: ask.image_id, run_id: ask.run_id, count: some.length, rles: null }, [boxes.buffer, scores.buffer, new Int32Array(some.map((one) => one.class_id)).buffer]];
    }
    case "apply":
      await wait(scene === "saving" ? 1e9 : 20);
      if (scene === "offline") throw { kind: "Unavailable", happened: "the database does not answer", remedy: "wait, or run evalnb status", status: 503 };
      return [{ image_id: ask.image_id, seq: ++seq, results: ask.ops.map((op) => apply(ask.image_id, op)) }, []];
    case "segment": {
      for (let f = 0; f < 1; f += 0.2) {
        push({ push: "encoding", image_id: ask.image_id, fraction: scene === "encoding" ? 0.4 : f });
        await wait(scene === "encoding" ? 400 : 10);
        if (scene === "encoding") f -= 0.2;
      }
      const [px, py] = ask.points?.at(-1) ?? [ask.box![0] + ask.box![2] / 2, ask.box![1] + ask.box![3] / 2];
      const [rx, ry] = ask.box ? [ask.box[2] / 2, ask.box[3] / 2] : [70, 120];
      const [w, h] = [Math.floor(rx * 2), Math.floor(ry * 2)];
      const stride = (w + 7) >> 3;
      const bits = new Uint8Array(stride * h);
      for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) {
        const wobble = 1 - 0.06 * Math.cos(7 * Math.atan2(y - ry, x - rx));
        if (((x - rx) / rx) ** 2 + ((y - ry) / ry) ** 2 < wobble * wobble * 0.9) bits[y * stride + (x >> 3)]! |= 0x80 >> (x & 7);
      }
      const packed = await new Response(new Blob([bits]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
      const window: Box = [Math.floor(px - rx), Math.floor(py - ry), w, h];
      const others = [0.71, 0.4].map((score, i) => ({ window: [window[0] + 12 * (i + 1), window[1] + 9, w, h], score }));
      return [{ image_id: ask.image_id, window, score: 0.93, encode_ms: 3120, decode_ms: 184, answer: ++seq, others }, [packed, packed, packed]];
    }
    case "hover": {
      await wait(15);
      const stride = 5;
      const bits = new Uint8Array(stride * 40);
      for (let y = 0; y < 40; y++) for (let x = 0; x < 40; x++) {
        if ((x - 20) ** 2 + (y - 20) ** 2 < 360) bits[y * stride + (x >> 3)]! |= 0x80 >> (x & 7);
      }
      const packed = await new Response(new Blob([bits]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
      const box: Box = [ask.x - 60, ask.y - 60, 120, 120];
      return [{ image_id: ask.image_id, seq: ask.seq, ready: true, window: box, columns: 40, rows: 40, score: 0.9, decode_ms: 12 }, [packed]];
    }
    case "everything": {
      stopped = false;
      for (let f = 0; f < 1; f += 0.05) {
        if (stopped) throw { kind: "Cancelled", happened: "segmenting everything was stopped", remedy: "press the key again", status: 409 };
        push({ push: "sweep", image_id: ask.image_id, fraction: f });
        await wait(scene === "encoding" ? 2000 : 40);
      }
      const found: { window: [number, number, number, number]; score: number }[] = [];
      const buffers: ArrayBuffer[] = [];
      for (let n = 0; n < 24; n++) {
        const r = 18 + ((n * 37) % 50);
        const stride = (2 * r + 7) >> 3;
        const bits = new Uint8Array(stride * 2 * r);
        for (let y = 0; y < 2 * r; y++) for (let x = 0; x < 2 * r; x++) if ((x - r) ** 2 + (y - r) ** 2 < r * r) bits[y * stride + (x >> 3)]! |= 0x80 >> (x & 7);
        buffers.push(await new Response(new Blob([bits]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer());
        found.push({ window: [60 + (n % 6) * 150, 50 + Math.floor(n / 6) * 150, 2 * r, 2 * r], score: 0.97 - 0.02 * n });
      }
      return [{ image_id: ask.image_id, found, labelled: 2 }, buffers];
    }
    case "follow":
      throw { kind: "Unavailable", happened: "nothing is followed among these photographs", remedy: "open a sequence in a notebook", status: 503 };
    case "stop":
      stopped = true;
      return [{}, []];
    case "prepare":
    case "bye":
      return [{}, []];
  }
}

const slots = new Set<(message: unknown, buffers: DataView[]) => void>();
const closers = new Set<() => void>();
const say = (message: object, buffers: ArrayBuffer[] = []): void => slots.forEach((slot) => slot(message, buffers.map((one) => new DataView(one))));
const model = {
  get: (key: string) => (key === "height" ? Number(query.get("height") ?? 640) : undefined),
  send: ({ id, ...ask }: { id: number } & AnnotatorAsk) =>
    void answer(ask as AnnotatorAsk, say).then(([ok, buffers]) => say({ id, ok }, buffers), (error: object) => say({ id, error })),
  on: (name: string, slot: never) => void (name === "msg:custom" ? slots.add(slot) : name === "comm:close" && closers.add(slot)),
  off: () => undefined,
  set: () => undefined,
  save_changes: () => undefined,
} as unknown as AnyModel;

const host = document.createElement("div");
document.body.append(host);
annotate(model, host);
if (query.has("twice")) annotate(model, document.body.appendChild(document.createElement("div")));
if (scene === "gone") setTimeout(() => closers.forEach((close) => close()), 600);
