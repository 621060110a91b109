// What became of one run's predictions on one image, and of its shapes, at one IoU.
import type { VerdictsReply } from "../wire.gen";
import type { Overlay } from "./overlay";

/** What a prediction is, as the wire numbers it. */
export const outcomes = { uncounted: 0, hit: 1, ghost: 2, ignored: 3 } as const;

/** Found, missed, or nothing that need be found; told apart by those who see fewer colours too (Okabe and Ito). */
export type Standing = "found" | "missed" | "spare";

export const matchColors = { hit: "#009e73", ghost: "#d55e00", miss: "#56b4e9", none: "#9aa4b2" } as const;

export interface Verdicts {
  readonly imageId: number;
  readonly iou: number;
  /** Whether the run answers for the image at all. */
  readonly covered: boolean;
  /** (n,) of the predictions: one of `outcomes`; a place in `errors` or 255; a place in `shapes` or -1; how well it lies there. */
  readonly outcome: Uint8Array;
  readonly error: Uint8Array;
  readonly shape: Int32Array;
  readonly overlap: Float32Array;
  readonly errors: readonly string[];
  readonly shapes: readonly string[];
  /** (t,) of the shapes: the prediction that found it or -1; whether it is there to be found. */
  readonly finder: Int32Array;
  readonly counts: Uint8Array;
}

/** A prediction of nothing, or a shape that nothing found. */
export type Mistake = { readonly kind: "ghost"; readonly place: number } | { readonly kind: "miss"; readonly shapeId: string };

export interface Tally {
  readonly hits: number;
  readonly ghosts: number;
  readonly misses: number;
}

export function verdictsOf(reply: VerdictsReply, buffers: readonly DataView[]): Verdicts {
  const bytes = (place: number): ArrayBuffer => {
    const view = buffers[place];
    return view ? (view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer) : new ArrayBuffer(0);
  };
  return {
    imageId: reply.image_id, iou: reply.iou, covered: reply.covered, errors: reply.errors, shapes: reply.shapes,
    outcome: new Uint8Array(bytes(0)), error: new Uint8Array(bytes(1)), shape: new Int32Array(bytes(2)),
    overlap: new Float32Array(bytes(3)), finder: new Int32Array(bytes(4)), counts: new Uint8Array(bytes(5)),
  };
}

/** Scores came as float32: a confidence is compared as one, so that 0.9 is not below 0.9. */
export function isSure(overlay: Overlay, place: number, confidence: number): boolean {
  return overlay.scores[place]! >= Math.fround(confidence);
}

export function colorOfOutcome(verdicts: Verdicts, place: number): string {
  const outcome = verdicts.outcome[place];
  return outcome === outcomes.hit ? matchColors.hit : outcome === outcomes.ghost ? matchColors.ghost : matchColors.none;
}

/** What each shape is at this confidence: one whose finder is not so sure is missed. */
export function standings(verdicts: Verdicts, overlay: Overlay, confidence: number): ReadonlyMap<string, Standing> {
  return new Map(verdicts.shapes.map((id, place): [string, Standing] => {
    if (!verdicts.counts[place]) return [id, "spare"];
    const finder = verdicts.finder[place]!;
    return [id, finder >= 0 && isSure(overlay, finder, confidence) ? "found" : "missed"];
  }));
}

/** Ghosts, the surest first, then misses in the order of the shapes. */
export function mistakesOf(verdicts: Verdicts, overlay: Overlay, confidence: number): Mistake[] {
  if (!verdicts.covered) return [];
  const ghosts: number[] = [];
  verdicts.outcome.forEach((outcome, place) => {
    if (outcome === outcomes.ghost && isSure(overlay, place, confidence)) ghosts.push(place);
  });
  ghosts.sort((a, b) => overlay.scores[b]! - overlay.scores[a]! || a - b);
  const misses = [...standings(verdicts, overlay, confidence)].filter(([, standing]) => standing === "missed");
  return [...ghosts.map((place): Mistake => ({ kind: "ghost", place })), ...misses.map(([shapeId]): Mistake => ({ kind: "miss", shapeId }))];
}

export function tallyOf(verdicts: Verdicts, overlay: Overlay, confidence: number): Tally {
  const mistakes = mistakesOf(verdicts, overlay, confidence);
  const ghosts = mistakes.filter(({ kind }) => kind === "ghost").length;
  const hits = verdicts.outcome.reduce((sum, outcome, place) => sum + Number(outcome === outcomes.hit && isSure(overlay, place, confidence)), 0);
  return { hits, ghosts, misses: mistakes.length - ghosts };
}

export function sameMistake(a: Mistake, b: Mistake): boolean {
  return a.kind === "ghost" ? b.kind === "ghost" && a.place === b.place : b.kind === "miss" && a.shapeId === b.shapeId;
}
