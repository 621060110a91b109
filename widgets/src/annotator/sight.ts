// An evaluation in sight: verdicts that follow every edit, the way from mistake to mistake, and predictions taken over.
import { type ReadonlySignal, computed, effect } from "@preact/signals";
import { Refused, type Transport } from "../bridges/transport";
import type { Point } from "../editor/geometry";
import { type Shape, newShape } from "../editor/records";
import type { Focused } from "../render/active";
import { type Overlay, boxAt, dashes } from "../render/overlay";
import { type Mistake, type Tally, type Verdicts, colorOfOutcome, isSure, mistakesOf, outcomes, sameMistake, standings, tallyOf, verdictsOf } from "../render/verdicts";
import type { Session } from "./session";

/** The way to the nearest mistake may lead through many images. */
const seekMs = 300_000;
/** Of what a click over nothing may mean: a prediction no farther off than this, in CSS pixels. */
const reachPx = 4;
const none: ReadonlySet<never> = new Set();

export class Sight {
  readonly #session: Session;
  readonly #transport: Transport;
  readonly stops: readonly (() => void)[];
  /** Whether predictions and shapes are coloured by what became of them. */
  readonly judging: ReadonlySignal<boolean>;
  /** Of the judged run on the shown image; null while it is not known. */
  readonly verdicts: ReadonlySignal<Verdicts | null>;
  readonly mistakes: ReadonlySignal<readonly Mistake[]>;
  readonly tally: ReadonlySignal<Tally | null>;
  /** What the canvas and the hint say of the prediction in focus. */
  readonly focused: ReadonlySignal<Focused | null>;
  #wanted: { imageId: number; runs: readonly number[]; iou: number } | null = null;
  #busy = false;
  /** Where in its image's list the mistake stood that was shown last: once mended, it is no longer there. */
  #last: { imageId: number; place: number } | null = null;

  constructor(session: Session, transport: Transport) {
    this.#session = session;
    this.#transport = transport;
    const { preferences, runId, image, overlay, confidence } = session;
    this.judging = computed(() => preferences.look.value.colorBy === "match" && runId.value !== null);
    this.verdicts = computed(() => {
      const found = runId.value === null ? undefined : session.verdicts.value.get(runId.value);
      return found && found.imageId === image.value?.id ? found : null;
    });
    const judged = computed(() => (this.verdicts.value && overlay.value ? { verdicts: this.verdicts.value, overlay: overlay.value } : null));
    this.mistakes = computed(() => (judged.value ? mistakesOf(judged.value.verdicts, judged.value.overlay, confidence.value) : []));
    this.tally = computed(() => (judged.value ? tallyOf(judged.value.verdicts, judged.value.overlay, confidence.value) : null));
    this.focused = computed(() => this.#focused());
    this.stops = [
      effect(() => this.#follow()),
      effect(() => {
        session.stage.standings = this.judging.value && judged.value ? standings(judged.value.verdicts, judged.value.overlay, confidence.value) : new Map();
      }),
      effect(() => this.#draw()),
      effect(() => void (session.stage.focus = this.focused.value)),
      // What is in focus and what is selected are one thing to the person.
      effect(() => void (session.selectedIds.value.length && (session.focus.value = null))),
      effect(() => {
        void image.value?.id;
        session.focus.value = null;
      }),
    ];
  }

  #draw(): void {
    const { runIds, overlays, verdicts, predictionsShown, confidence, image, stage } = this.#session;
    const several = runIds.value.length > 1;
    const layers = runIds.value.flatMap((runId, place) => {
      const overlay = overlays.value.get(runId);
      const found = verdicts.value.get(runId);
      if (!overlay || !predictionsShown.value) return [];
      return [{
        overlay, verdicts: this.judging.value && found?.imageId === image.value?.id ? (found ?? null) : null,
        mark: several ? markOf(place) : "", dash: dashes[place % dashes.length]!,
      }];
    });
    stage.overlay = { layers, confidence: confidence.value };
  }

  // Verdicts ----------------------------------------------------------------------------------------------------

  /** Ask anew whenever the image, the runs, the IoU or a saved shape is another. */
  #follow(): void {
    const { image, runIds, iou, shapes, pending, verdicts } = this.#session;
    const imageId = image.value?.id;
    const runs = runIds.value;
    void shapes.value;
    if (!this.judging.value || imageId === undefined) {
      this.#wanted = null;
      if (verdicts.peek().size) verdicts.value = new Map();
    } else if (pending.value === 0) {
      this.#wanted = { imageId, runs, iou: iou.value };
      if (!this.#busy) void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#wanted) {
      const { imageId, runs, iou } = this.#wanted;
      this.#wanted = null;
      try {
        await this.#judge(imageId, runs, iou);
      } catch (error) {
        if (!this.#wanted) this.#session.attempt("The predictions were not judged", Promise.reject(error));
      }
    }
    this.#busy = false;
  }

  async #judge(imageId: number, runs: readonly number[], iou: number): Promise<void> {
    const found = await Promise.all(runs.map(async (runId): Promise<[number, Verdicts]> => {
      const { reply, buffers } = await this.#transport.request<"verdicts">({ ask: "verdicts", image_id: imageId, run_id: runId, iou });
      return [runId, verdictsOf(reply, buffers)];
    }));
    if (imageId === this.#session.image.value?.id) this.#session.verdicts.value = new Map(found);
  }

  /** Until what was edited is saved, and judged. */
  async #fresh(): Promise<void> {
    const { image, runIds, iou, pending, offline } = this.#session;
    if (pending.value && !offline.value) await new Promise<void>((resolve) => {
      const stop = effect(() => {
        if (pending.value && !offline.value) return;
        // Not while the effect runs: it has no way to stop yet.
        queueMicrotask(() => stop());
        resolve();
      });
    });
    const imageId = image.value?.id;
    if (imageId !== undefined) await this.#judge(imageId, runIds.value, iou.value);
  }

  // From mistake to mistake -------------------------------------------------------------------------------------

  /** Go to the next mistake, on this image or on the nearest one that has any. */
  next(step: 1 | -1): void {
    const session = this.#session;
    if (session.runId.value === null) {
      const [first] = session.hello.value?.runs ?? [];
      if (!first) return session.tell("There are no predictions to judge", "run project.predict(model, dataset)");
      session.showRuns([first.id]);
    }
    if (session.seeking.value) return;
    session.seeking.value = true;
    session.predictionsShown.value = true;
    session.preferences.show({ colorBy: "match" });
    session.attempt("The next mistake was not found", this.#seek(step).finally(() => (session.seeking.value = false)));
  }

  async #seek(step: 1 | -1): Promise<void> {
    const session = this.#session;
    await this.#fresh();
    const here = this.mistakes.value;
    const to = this.#from(here, step) + step;
    if (here[to]) return this.show(here[to]);
    const runId = session.runId.value;
    if (runId === null) return;
    try {
      const { reply } = await this.#transport.request<"mistake">(
        { ask: "mistake", index: session.index.value, run_id: runId, iou: session.iou.value, confidence: session.confidence.value, forward: step > 0 },
        { timeoutMs: seekMs },
      );
      if (!reply.image) {
        const looked = reply.looked ? `${reply.looked.toLocaleString("en")} images were looked at` : `this is the ${step > 0 ? "last" : "first"} image`;
        return session.tell(`No mistake ${step > 0 ? "after" : "before"} this one`, `${looked}, at confidence ≥ ${session.confidence.value.toFixed(2)} and IoU ≥ ${session.iou.value.toFixed(2)}`);
      }
      await session.viewer.open(reply.image);
    } catch (error) {
      if (error instanceof Refused && error.refusal.kind === "Superseded") return;
      throw error;
    }
    await this.#fresh();
    const there = this.mistakes.value.at(step > 0 ? 0 : -1);
    if (there) this.show(there);
  }

  #from(list: readonly Mistake[], step: 1 | -1): number {
    const now = this.current;
    const place = now ? list.findIndex((one) => sameMistake(one, now)) : -1;
    if (place >= 0) return place;
    // What stood there is mended: its place is the next one's now.
    if (this.#last?.imageId === this.#session.image.value?.id && this.#last) return step > 0 ? this.#last.place - 1 : this.#last.place;
    return step > 0 ? -1 : list.length;
  }

  get current(): Mistake | null {
    const { focus, runId, selectedId } = this.#session;
    if (focus.value?.runId === runId.value && focus.value) return { kind: "ghost", place: focus.value.place };
    return selectedId.value === null ? null : { kind: "miss", shapeId: selectedId.value };
  }

  show(mistake: Mistake): void {
    const { editor, runId, overlay, image } = this.#session;
    const place = this.mistakes.value.findIndex((one) => sameMistake(one, mistake));
    if (image.value) this.#last = { imageId: image.value.id, place };
    if (mistake.kind === "miss") return editor.pick(mistake.shapeId);
    if (runId.value === null || !overlay.value) return;
    this.focus(runId.value, mistake.place);
    editor.viewport.reveal(boxAt(overlay.value, mistake.place));
  }

  // A prediction in focus ---------------------------------------------------------------------------------------

  focus(runId: number, place: number): void {
    const { editor, focus } = this.#session;
    editor.use("select");
    editor.select(null);
    focus.value = { runId, place };
  }

  /** A click over no shape: it means the smallest prediction there, or none. */
  pick(at: Point): void {
    const { runIds, overlays, predictionsShown, confidence, focus, zoom } = this.#session;
    const reach = reachPx / zoom.value;
    let best: { runId: number; place: number; area: number } | null = null;
    for (const runId of predictionsShown.value ? runIds.value : none) {
      const overlay = overlays.value.get(runId);
      for (let place = 0; overlay && place < overlay.count; place++) {
        const [x, y, w, h] = boxAt(overlay, place);
        const inside = at.x >= x - reach && at.y >= y - reach && at.x <= x + w + reach && at.y <= y + h + reach;
        if (inside && isSure(overlay, place, confidence.value) && (!best || w * h < best.area)) best = { runId, place, area: w * h };
      }
    }
    if (best) this.focus(best.runId, best.place);
    else focus.value = null;
  }

  /** Drop the focus; false where there is none. */
  leave(): boolean {
    const { focus } = this.#session;
    const had = focus.value !== null;
    focus.value = null;
    return had;
  }

  #focused(): Focused | null {
    const { focus, overlays, verdicts, palette, image, predictionsShown } = this.#session;
    const overlay = focus.value && overlays.value.get(focus.value.runId);
    if (!focus.value || !overlay || !predictionsShown.value) return null;
    const { runId, place } = focus.value;
    const found = verdicts.value.get(runId);
    const judged = this.judging.value && found?.imageId === image.value?.id ? found : undefined;
    const named = `${palette.name(overlay.classIds[place]!)} ${Math.round(overlay.scores[place]! * 100)}%`;
    return {
      box: boxAt(overlay, place), mask: overlay.masks?.[place] ?? null,
      color: judged ? colorOfOutcome(judged, place) : palette.color(overlay.classIds[place]!),
      text: judged ? `${named} · ${this.explain(judged, place)}` : named,
    };
  }

  /** What became of a prediction, in words. */
  explain(verdicts: Verdicts, place: number): string {
    const shape = verdicts.shapes[verdicts.shape[place] ?? -1];
    const other = shape === undefined ? undefined : this.#session.editor.document?.store.get(shape);
    const on = other ? `, IoU ${verdicts.overlap[place]!.toFixed(2)} with ${this.#session.palette.name(other.class_id)}` : "";
    switch (verdicts.outcome[place]) {
      case outcomes.hit:
        return `true positive${on}`;
      case outcomes.ghost:
        return `${verdicts.errors[verdicts.error[place]!] ?? "false positive"}${on}`;
      case outcomes.ignored:
        return `counts for nothing${on}`;
      default:
        return "beyond the limit of predictions that count";
    }
  }

  // Predictions taken over --------------------------------------------------------------------------------------

  /** Keep the prediction in focus as a shape; false where there is none. */
  accept(): boolean {
    const { focus, overlays, editor } = this.#session;
    const overlay = focus.value && overlays.value.get(focus.value.runId);
    if (!focus.value || !overlay || editor.readOnly) return false;
    const { place } = focus.value;
    focus.value = null;
    editor.add([this.#shapeOf(overlay, place)]);
    return true;
  }

  /** Keep every prediction of the judged run that is shown and lies on no shape. */
  acceptFree(): void {
    const session = this.#session;
    if (session.editor.readOnly) return;
    if (session.runId.value === null) return session.tell("No run is shown whose predictions could be kept", "choose one under Show");
    session.attempt("The predictions were not kept", this.#fresh().then(() => {
      const found = session.verdicts.value.get(session.runId.value ?? -1);
      const overlay = session.overlay.value;
      if (!found || !overlay) return;
      const free = [...found.outcome.keys()].filter((place) =>
        found.outcome[place] === outcomes.ghost && found.errors[found.error[place]!] === "background" && isSure(overlay, place, session.confidence.value));
      if (!free.length) return session.tell("Every prediction that is shown lies on a shape already");
      session.editor.add(free.map((place) => this.#shapeOf(overlay, place)));
      session.tell(`${free.length.toLocaleString("en")} ${free.length === 1 ? "prediction is a shape" : "predictions are shapes"} now`, "Undo takes all of them back");
    }));
  }

  #shapeOf(overlay: Overlay, place: number): Shape {
    const mask = overlay.masks?.[place];
    const classId = overlay.classIds[place]!;
    const { editor } = this.#session;
    return { ...newShape("", classId, mask ?? { kind: "box", box: inside(boxAt(overlay, place), editor.size) }), attributes: editor.defaultsOf(classId) };
  }
}

/** "A", "B", …, "Z", "AA", … */
export function markOf(place: number): string {
  return (place >= 26 ? markOf(Math.floor(place / 26) - 1) : "") + String.fromCharCode(65 + (place % 26));
}

/** A model's box may reach a little beyond the image; a shape does not. */
function inside([x, y, w, h]: readonly [number, number, number, number], size: { readonly w: number; readonly h: number }): [number, number, number, number] {
  const [left, top] = [Math.min(Math.max(x, 0), size.w), Math.min(Math.max(y, 0), size.h)];
  return [left, top, Math.min(x + w, size.w) - left, Math.min(y + h, size.h) - top];
}
