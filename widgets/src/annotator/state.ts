// What the panels show, as signals: one instance for each annotator.
import { type Signal, batch, computed, signal } from "@preact/signals";
import { Gone, Refused } from "../bridges/transport";
import type { Camera } from "../editor/camera";
import type { Editor } from "../editor/editor";
import type { Shape } from "../editor/records";
import type { ToolName } from "../editor/tools/tool";
import { type Overlay, countAbove } from "../render/overlay";
import type { Verdicts } from "../render/verdicts";
import type { HelloReply, ImageRef, LabelInfo, Person } from "../wire.gen";
import type { Conflict } from "./documents";

const noticesMax = 4;
/** What is good to know goes by itself after this long. */
const readMs = 8_000;

export type Phase =
  | { readonly kind: "connecting" }
  /** The kernel has not answered yet: it is running another cell, or the connection is slow. */
  | { readonly kind: "waiting" }
  | { readonly kind: "ready" }
  | { readonly kind: "empty" }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly happened: string; readonly remedy: string };

export type SaveState = "saved" | "saving" | "offline" | "conflict" | "gone";

export interface Notice {
  readonly id: number;
  readonly tone: "error" | "info";
  readonly text: string;
  readonly remedy: string;
  readonly conflict: Conflict | null;
}

export class State {
  readonly phase = signal<Phase>({ kind: "connecting" });
  readonly hello = signal<HelloReply | null>(null);
  readonly classes = computed<readonly LabelInfo[]>(() => this.hello.value?.classes ?? []);
  /** What lies over everything and has the keys. */
  readonly dialog = signal<"keys" | "palette" | "propagate" | "tags" | null>(null);
  /** How far copies to other images are made; null where none are under way, and setting it so stops them. */
  readonly copied = signal<{ readonly done: number; readonly of: number } | null>(null);
  /** Counts the requests to put the cursor into the class search. */
  readonly searchAsked = signal(0);

  readonly index = signal(0);
  readonly image = signal<ImageRef | null>(null);
  /** "loading" is shown only once it has lasted. */
  readonly imageState = signal<"none" | "loading" | "shown" | { readonly error: string } | { readonly making: number | null }>("none");

  /** A sequence plays: its images follow one another by themselves. */
  readonly playing = signal(false);
  /** The image that more may be asked about than is seen; none while a sequence plays. */
  readonly restingId = computed<number | null>(() => (this.playing.value ? null : (this.image.value?.id ?? null)));

  readonly tool = signal<ToolName>("select");
  /** The path in the tool's state tree, for instance "box.dragging". */
  readonly toolState = signal("select.idle");
  readonly hint = signal("");
  readonly camera = signal<Camera>({ x: 0, y: 0, zoom: 1 });
  readonly zoom = computed(() => this.camera.value.zoom);
  readonly classId = signal(0);
  readonly selectedIds = signal<readonly string[]>([]);
  /** The one chosen last. */
  readonly selectedId = computed<string | null>(() => this.selectedIds.value.at(-1) ?? null);
  readonly shapes = signal<readonly Shape[]>([]);
  /** What is said of the whole image. */
  readonly tags = signal<ReadonlySet<string>>(new Set());
  readonly hidden = signal<ReadonlySet<string>>(new Set());
  readonly locked = signal<ReadonlySet<string>>(new Set());
  readonly truthShown = signal(true);
  readonly canUndo = signal(false);
  readonly canRedo = signal(false);

  /** The runs that are shown; the first is the one that is judged. */
  readonly runIds = signal<readonly number[]>([]);
  readonly runId = computed<number | null>(() => this.runIds.value[0] ?? null);
  readonly predictionsShown = signal(true);
  readonly confidence = signal(0.25);
  /** By run, of the shown image. */
  readonly overlays = signal<ReadonlyMap<number, Overlay>>(new Map());
  readonly overlay = computed<Overlay | null>(() => (this.runId.value === null ? null : (this.overlays.value.get(this.runId.value) ?? null)));
  readonly overlayCount = computed(() => (this.overlay.value ? countAbove(this.overlay.value, this.confidence.value) : 0));

  /** At least so much must a prediction overlap a shape to have found it. */
  readonly iou = signal(0.5);
  /** By run, of the shown image or of the one before it. */
  readonly verdicts = signal<ReadonlyMap<number, Verdicts>>(new Map());
  /** The prediction that the person looks at. */
  readonly focus = signal<{ readonly runId: number; readonly place: number } | null>(null);
  /** The nearest image with a mistake is looked for. */
  readonly seeking = signal(false);

  readonly pending = signal(0);
  readonly offline = signal(false);
  /** Whoever else looks at the image. */
  readonly others = signal<readonly Person[]>([]);
  readonly notices = signal<readonly Notice[]>([]);
  readonly save = computed<SaveState>(() => {
    if (this.phase.value.kind === "gone") return "gone";
    if (this.notices.value.some((one) => one.conflict)) return "conflict";
    if (this.offline.value) return "offline";
    return this.pending.value ? "saving" : "saved";
  });

  readonly segmenting = signal(false);
  /** The share of the image's encoding that is done; null where none is under way. */
  readonly encoding = signal<number | null>(null);
  readonly maskTimes = signal<{ encodeMs: number; decodeMs: number } | null>(null);
  #noticeId = 0;

  /** Await what a person asked for; its failure is told, not lost. */
  attempt(failure: string, asked: Promise<unknown>): void {
    asked.catch((error: unknown) => this.fault(failure, error));
  }

  /** Tell of a failure that a person must know of; one that only the end of the page made is none. */
  fault(what: string, error: unknown): void {
    if (error instanceof Gone || (error instanceof DOMException && error.name === "AbortError")) return;
    if (error instanceof Refused) this.notify("error", `${what}: ${error.refusal.happened}`, error.refusal.remedy);
    else this.notify("error", what, error instanceof Error ? error.message : String(error));
  }

  /** Say something that a person should know and need not answer. */
  tell(text: string, remedy = ""): void {
    this.notify("info", text, remedy);
  }

  notify(tone: Notice["tone"], text: string, remedy: string, conflict: Conflict | null = null): void {
    const id = this.#noticeId++;
    this.notices.value = [...this.notices.value.slice(1 - noticesMax), { id, tone, text, remedy, conflict }];
    // What went wrong, and what is to be decided, stays.
    if (tone === "info" && !conflict) setTimeout(() => this.dismiss(id), remedy ? 2 * readMs : readMs);
  }

  dismiss(id: number): void {
    this.notices.value = this.notices.value.filter((notice) => notice.id !== id);
  }
}

function follow(copy: Signal<ReadonlySet<string>>, set: ReadonlySet<string> = new Set()): void {
  if (set.size !== copy.value.size || [...set].some((id) => !copy.value.has(id))) copy.value = new Set(set);
}

/** Follow the editor: many of its events, as a drag has them, make one update. Returns the way to stop. */
export function mirror(editor: Editor, state: State): () => void {
  let queued = false;
  let version: string | null = null;
  const copy = (): void => {
    queued = false;
    const { document } = editor;
    state.tool.value = editor.tool.name;
    state.toolState.value = editor.state;
    state.hint.value = editor.tool.hint();
    state.camera.value = editor.viewport.camera;
    state.classId.value = editor.classId;
    state.selectedIds.value = editor.selectedIds;
    state.truthShown.value = editor.truthShown;
    state.canUndo.value = document ? document.history.canUndo || !(document.history.begun || editor.readOnly) : false;
    state.canRedo.value = document ? document.history.canRedo || (document.history.fresh && !editor.readOnly) : false;
    const now = document && `${document.imageId}/${document.store.version}`;
    if (now !== version) {
      version = now;
      state.shapes.value = document ? [...document.store.all()] : [];
      state.tags.value = document?.store.tags ?? new Set();
    }
    follow(state.hidden, document?.hidden);
    follow(state.locked, document?.locked);
  };
  return editor.on(() => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => batch(copy));
  });
}
