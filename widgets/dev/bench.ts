// The engine alone in a page, for benchmarks/canvas.py: many outlines, and how long each thing takes.
import { deflating } from "../src/bridges/deflated";
import { Editor } from "../src/editor/editor";
import { EditorDocument } from "../src/editor/selecting";
import { polygon } from "../src/editor/geometry";
import { newShape, type Shape } from "../src/editor/records";
import { Palette } from "../src/render/palette";
import { Stage } from "../src/render/stage";

const size = { w: 4000, h: 3000 };
const classes = 8;

/** The same outlines for the same count; each of `corners` corners. */
function outlines(count: number, corners: number): Shape[] {
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, (_, n) => {
    const [x, y, r] = [20 + random() * (size.w - 40), 20 + random() * (size.h - 40), 4 + random() * 14];
    const part: number[] = [];
    for (let k = 0; k < corners; k++) {
      const [angle, reach] = [(2 * Math.PI * k) / corners, r * (0.8 + 0.2 * random())];
      part.push(Math.round((x + reach * Math.cos(angle)) * 100) / 100, Math.round((y + reach * Math.sin(angle)) * 100) / 100);
    }
    return newShape(`${n}`, n % classes, polygon([part]));
  });
}

const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Bench {
  readonly editor = new Editor({ newId: () => crypto.randomUUID() });
  readonly palette = new Palette();
  readonly stage: Stage;

  constructor() {
    this.palette.set(Array.from({ length: classes }, (_, id) => ({
      id, name: `class ${id}`, color: `#${((id * 2654435) % 0xffffff).toString(16).padStart(6, "0")}`, keypoints: [], skeleton: [], attributes: [],
    })));
    this.stage = new Stage(this.editor, this.palette);
    this.stage.element.style.cssText = "position:relative;width:1280px;height:800px";
    for (const canvas of this.stage.element.querySelectorAll("canvas")) canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%";
    document.body.append(this.stage.element);
  }

  /** From the shapes as they come off the wire to all of them painted, ms. */
  async load(count: number, corners: number): Promise<{ parsed: number; stored: number; painted: number; bytes: number }> {
    const text = JSON.stringify(outlines(count, corners));
    await later(50);
    const start = performance.now();
    const shapes = JSON.parse(text) as Shape[];
    const parsed = performance.now() - start;
    const shown = new EditorDocument(1, size);
    shown.store.change("remote", (draft) => shapes.forEach((shape) => draft.put(shape)));
    this.editor.open(shown);
    const stored = performance.now() - start;
    await this.#settled();
    return { parsed, stored, painted: performance.now() - start, bytes: text.length };
  }

  async #settled(): Promise<void> {
    do await frame();
    while (!this.stage.settled);
  }

  /** The times between frames while the view is dragged, ms. */
  async pan(frames: number): Promise<number[]> {
    return this.#frames(frames, (n) => this.editor.viewport.pan({ x: n % 60 < 30 ? 4 : -4, y: n % 40 < 20 ? 3 : -3 }));
  }

  /** The times between frames while one corner is dragged, ms. */
  async dragVertex(frames: number): Promise<number[]> {
    const { editor } = this;
    editor.viewport.fit();
    await this.#settled();
    const shape = [...editor.document!.store.all()].at(-1)!;
    editor.use("select");
    editor.pick(shape.id);
    await this.#settled();
    const { camera } = editor.viewport;
    const geometry = editor.selected!.geometry as Extract<Shape["geometry"], { kind: "polygon" }>;
    const [x, y] = geometry.parts[0]!;
    const at = { x: x! * camera.zoom + camera.x, y: y! * camera.zoom + camera.y };
    editor.pointerDown(at);
    if (editor.state !== "select.vertex") throw new Error(`not taken: ${editor.state}`);
    const took = await this.#frames(frames, (n) => editor.pointerMove({ x: at.x + (n % 40), y: at.y + (n % 25) }));
    editor.pointerUp({ x: at.x + 5, y: at.y + 5 });
    return took;
  }

  /** The time of each question what lies under a point, ms. */
  hits(count: number): number[] {
    let seed = 3;
    const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    this.editor.hit({ x: 1, y: 1 });
    return Array.from({ length: count }, () => {
      const p = { x: random() * size.w, y: random() * size.h };
      const start = performance.now();
      // The clock of a page counts in steps: ten questions make one that it can tell.
      for (let n = 0; n < 10; n++) this.editor.hit(p);
      return (performance.now() - start) / 10;
    });
  }

  /** The first question after one shape has changed, ms: what keeping the index costs. */
  hitsAfterChanges(count: number): number[] {
    const { store } = this.editor.document!;
    const shapes = [...store.all()].slice(0, count);
    return shapes.map((shape) => {
      store.change("local", (draft) => draft.put({ ...shape, class_id: (shape.class_id + 1) % classes }));
      const start = performance.now();
      this.editor.hit({ x: shape.geometry.box[0] + 2, y: shape.geometry.box[1] + 2 });
      return performance.now() - start;
    });
  }

  /** How long a new sheet takes, and each of its steps, ms. */
  async raster(times: number): Promise<{ whole: number[]; steps: number[] }> {
    const whole: number[] = [];
    this.editor.select(null);
    this.editor.viewport.fit();
    await this.#settled();
    this.stage.steps.length = 0;
    for (let n = 0; n < times; n++) {
      const start = performance.now();
      this.stage.repaint();
      await this.#settled();
      whole.push(performance.now() - start);
    }
    return { whole, steps: [...this.stage.steps] };
  }

  /** A brush over a 4K image: the time of each event with its frame's drawing, of each commit, the runs' length, and the
   * bytes that say so on the wire. */
  async brush(strokes: number): Promise<{ events: number[]; commits: number[]; bytes: number[]; wire: number[] }> {
    const { editor } = this;
    editor.open(new EditorDocument(2, { w: 3840, h: 2160 }));
    editor.viewport.fit();
    editor.use("brush");
    for (let n = 0; n < 6; n++) editor.resizeBrush(true);
    const [events, commits, bytes, wire]: number[][] = [[], [], [], []];
    for (let stroke = 0; stroke < strokes; stroke++) {
      const at = (k: number) => ({ x: 200 + k * 8, y: 200 + 120 * Math.sin(k / 9 + stroke) + 6 * stroke });
      editor.pointerDown(at(0));
      for (let k = 1; k < 90; k++) {
        const start = performance.now();
        editor.pointerMove(at(k));
        events!.push(performance.now() - start);
        await frame();
      }
      const start = performance.now();
      editor.pointerUp(at(89));
      commits!.push(performance.now() - start);
      const geometry = [...editor.document!.store.all()][0]!.geometry;
      bytes!.push(geometry.kind === "mask" ? geometry.counts.length : 0);
      wire!.push(onTheWire({ ask: "apply", ops: [{ action: "update", patch: { geometry } }] }));
      await frame();
    }
    return { events: events!, commits: commits!, bytes: bytes!, wire: wire! };
  }

  /** Bytes that so many strokes on one mask keep in the history, as they are and as it keeps them; how long undoing all of them takes, ms each. */
  async undo(strokes: number): Promise<{ plain: number; bytes: number; undone: number[] }> {
    const { editor } = this;
    const kept = new EditorDocument(3, { w: 3840, h: 2160 });
    editor.open(kept);
    editor.viewport.fit();
    editor.use("brush");
    const runs = new Set<string>();
    kept.store.listen((diff) => {
      for (const { before, after } of diff.values()) {
        for (const shape of [before, after]) if (shape?.geometry.kind === "mask") runs.add(shape.geometry.counts);
      }
    });
    for (let made = 0, tried = 0; made < strokes; tried++) {
      // Every other one is the eraser's: what is painted already would be no step.
      editor.use(tried % 2 ? "eraser" : "brush");
      const [x, y] = [100 + (tried * 37) % 1000, 100 + (tried * 53) % 500];
      const before = kept.store.version;
      editor.pointerDown({ x, y });
      editor.pointerMove({ x: x + 40, y: y + 25 });
      editor.pointerUp({ x: x + 40, y: y + 25 });
      if (kept.store.version !== before) made++;
      if (tried % 50 === 0) await frame();
    }
    const { bytes } = kept.history;
    const undone: number[] = [];
    for (let before = performance.now(); kept.history.undo(); before = performance.now()) undone.push(performance.now() - before);
    // One byte a character: run lengths are ASCII.
    return { plain: [...runs].reduce((sum, { length }) => sum + length, 0), bytes, undone };
  }

  async #frames(count: number, step: (n: number) => void): Promise<number[]> {
    const took: number[] = [];
    let last = await frame();
    for (let n = 0; n < count; n++) {
      step(n);
      const now = await frame();
      took.push(now - last);
      last = now;
    }
    return took;
  }
}

/** How many bytes a message is for its carrier. */
function onTheWire(message: object): number {
  let bytes = 0;
  const count = (rest: object, buffers: ArrayBuffer[] = []): void => void (bytes = buffers.reduce((sum, one) => sum + one.byteLength, JSON.stringify(rest).length));
  deflating({ send: count, listen: () => () => undefined, onLife: () => () => undefined }).send(message);
  return bytes;
}

/** The same outlines as an SVG page, each a path; the times between frames while the view is dragged, ms. */
async function svg(count: number, corners: number, frames: number): Promise<number[]> {
  const host = document.createElement("div");
  host.style.cssText = "width:1280px;height:800px;overflow:hidden";
  const paths = outlines(count, corners).map(({ geometry }) => {
    const [part] = (geometry as Extract<Shape["geometry"], { kind: "polygon" }>).parts;
    return `<path d="M${part!.reduce((all, v, n) => `${all}${n ? (n % 2 ? "," : "L") : ""}${v}`, "")}Z" fill="#e5484d22" stroke="#e5484d"/>`;
  });
  host.innerHTML = `<svg width="1280" height="800" viewBox="0 0 4000 2500"><g>${paths.join("")}</g></svg>`;
  document.body.append(host);
  const group = host.querySelector("g")!;
  await frame();
  const took: number[] = [];
  let last = await frame();
  for (let n = 0; n < frames; n++) {
    group.setAttribute("transform", `translate(${n % 60} ${n % 40})`);
    const now = await frame();
    took.push(now - last);
    last = now;
  }
  host.remove();
  return took;
}

interface Peer {
  readonly render: (context: { model: unknown; el: HTMLElement }) => (() => void) | undefined;
}

/** As many boxes in jupyter_bbox_widget (an element each); the times between frames while one more is drawn, ms. */
async function bboxWidget(count: number, frames: number): Promise<number[]> {
  const peer = (await import(new URL("bbox.mjs", location.href).href) as { default: Peer }).default;
  const picture = document.createElement("canvas");
  [picture.width, picture.height] = [size.w, size.h];
  const values = new Map<string, unknown>(Object.entries({
    image_url: picture.toDataURL("image/png"), classes: ["thing"], label: "thing", colors: ["#e5484d"], selected_index: -1, view_only: false, hide_buttons: true,
    bboxes: outlines(count, 4).map(({ geometry: { box: [x, y, width, height] } }) => ({ x, y, width, height, label: "thing" })),
  }));
  const heard = new Map<string, Set<() => void>>();
  const told = (event: string): Set<() => void> => heard.get(event) ?? heard.set(event, new Set()).get(event)!;
  const model = {
    get: (name: string) => values.get(name),
    set: (name: string, value: unknown) => {
      values.set(name, value);
      for (const hear of told(`change:${name}`)) hear();
    },
    on: (event: string, hear: () => void) => told(event).add(hear),
    off: (event: string, hear: () => void) => told(event).delete(hear),
    save_changes: () => undefined,
    send: () => undefined,
  };
  const el = document.createElement("div");
  el.style.cssText = "width:1280px;height:800px;overflow:hidden";
  document.body.append(el);
  const gone = peer.render({ model, el });
  const image = el.querySelector("img")!;
  await image.decode();
  await later(500);
  const board = [...el.querySelectorAll("svg")].find((one) => one.querySelector("line"))!;
  const { left, top } = board.getBoundingClientRect();
  const mouse = (name: string, x: number, y: number): boolean =>
    board.dispatchEvent(new MouseEvent(name, { clientX: left + x, clientY: top + y, button: 0, bubbles: true, cancelable: true }));
  mouse("mousedown", 200, 150);
  const took: number[] = [];
  let last = await frame();
  for (let n = 0; n < frames; n++) {
    mouse("mousemove", 210 + (n % 60), 160 + (n % 40));
    const now = await frame();
    took.push(now - last);
    last = now;
  }
  mouse("mouseup", 260, 190);
  if ((values.get("bboxes") as unknown[]).length !== count + 1) throw new Error("no box was drawn");
  gone?.();
  el.remove();
  return took;
}

const bench = new Bench();

/** A peer in the place of the canvas: what is not in view is not painted, and costs nothing. */
function alone<A extends readonly unknown[]>(peer: (...asked: A) => Promise<number[]>): (...asked: A) => Promise<number[]> {
  return async (...asked) => {
    bench.stage.element.style.display = "none";
    try {
      return await peer(...asked);
    } finally {
      bench.stage.element.style.display = "";
    }
  };
}

Object.assign(window, { bench, svg: alone(svg), bboxWidget: alone(bboxWidget) });
