// One object that is being segmented: its prompts step by step, and what the model made of each.
import type { Box, Point, Size } from "./geometry";
import { type Bits, bitAt, encode } from "./masks";
import { type Target, made } from "./ops/convert";
import { maskToPolygon } from "./ops/trace";
import type { Geometry } from "./records";

export interface Prompts {
  readonly points: readonly Point[];
  /** 1 in, 0 out; one for each point. */
  readonly labels: readonly (0 | 1)[];
  readonly box: Box | null;
  /** The object as it is drawn already. */
  readonly outline?: Geometry | undefined;
}

export interface Candidate {
  readonly mask: Bits;
  /** The IoU that the model predicts. */
  readonly score: number;
}

export interface Answer {
  /** The kernel's number for it, by which the next prompt names what it corrects. */
  readonly id: number;
  /** The likeliest first. */
  readonly candidates: readonly Candidate[];
}

/** What is asked of the model. */
export interface Question {
  /** Which answer is this one's: of two, the later has the higher number. */
  readonly turn: number;
  readonly prompts: Prompts;
  readonly refines: { readonly answer: number; readonly candidate: number } | null;
}

interface Step extends Question {
  readonly answer: Answer | null;
  readonly failed: boolean;
  /** Which of the candidates is meant. */
  readonly chosen: number;
}

export interface Prompted {
  /** Tells objects apart. */
  readonly number: number;
  readonly classId: number;
  /** The shape that gets the mask as its outline, and in what form: its own, or another; a new shape where left out. */
  readonly refines?: { readonly id: string; readonly form: Form | Target } | undefined;
  /** At least one; the last is the present one. */
  readonly steps: readonly Step[];
}

/** Where the pointer is, and the object that a click there would go on with; null: a new one. */
export interface Peek {
  readonly at: Point;
  readonly object: Pick<Question, "prompts" | "refines"> | null;
}

/** What a click would mean: cells over a part of the image. */
export interface Glimpse {
  /** Its window is in cells, from 0, 0. */
  readonly cells: Bits;
  /** What they cover, in image pixels. */
  readonly box: Box;
  readonly score: number;
}

export const noPrompts: Prompts = { points: [], labels: [], box: null };

export function latest({ steps }: Prompted): Step {
  return steps[steps.length - 1]!;
}

export function isWaiting(prompted: Prompted): boolean {
  const { answer, failed } = latest(prompted);
  return !answer && !failed;
}

/** The mask that is shown: the chosen one of the latest answer, which may be of one prompt less than the latest. */
export function shownOf({ steps }: Prompted): (Candidate & { readonly place: number; readonly of: number }) | null {
  for (const { answer, chosen } of [...steps].reverse()) {
    const candidate = answer?.candidates[chosen];
    if (answer && candidate) return { ...candidate, place: chosen, of: answer.candidates.length };
  }
  return null;
}

/** The mask that the next prompt corrects, by its answer's number; null where there is none. */
export function refinedBy(prompted: Prompted): Question["refines"] {
  const { answer, chosen } = latest(prompted);
  return answer && { answer: answer.id, candidate: chosen };
}

/** One step more. A corrected mask is a prompt itself, but not for another box, which may mean another object. */
export function further(before: Prompted | null, prompts: Prompts, { turn, number, classId }: { turn: number; number: number; classId: number }): Prompted {
  const last = before && latest(before);
  const refines = before && prompts.box === last?.prompts.box ? refinedBy(before) : null;
  const step: Step = { turn, prompts, refines, answer: null, failed: false, chosen: 0 };
  return before ? { ...before, steps: [...before.steps, step] } : { number, classId, steps: [step] };
}

/** The object with the answer to one of its questions; the same where the question is none of its own. */
export function answered(prompted: Prompted, turn: number, answer: Answer | null): Prompted {
  const place = prompted.steps.findIndex((step) => step.turn === turn);
  const step = prompted.steps[place];
  return step ? withStep(prompted, place, { ...step, answer, failed: !answer }) : prompted;
}

/** The object with another of its candidates; null where there is none, or a newer answer is under way. */
export function cycled(prompted: Prompted, by: 1 | -1): Prompted | null {
  const step = latest(prompted);
  const of = step.answer?.candidates.length ?? 0;
  return of < 2 ? null : withStep(prompted, prompted.steps.length - 1, { ...step, chosen: (step.chosen + by + of) % of });
}

/** The object with its latest question asked anew. */
export function askedAgain(prompted: Prompted, turn: number): Prompted {
  return withStep(prompted, prompted.steps.length - 1, { ...latest(prompted), turn, answer: null, failed: false });
}

function withStep(prompted: Prompted, place: number, step: Step): Prompted {
  return { ...prompted, steps: prompted.steps.map((one, i) => (i === place ? step : one)) };
}

export const forms = ["mask", "polygon", "box"] as const;
export type Form = (typeof forms)[number];

/** What a polygon may depart from its mask by, in image pixels. */
export const tolerances = [0.5, 1, 2, 4, 8] as const;

/** How a mask becomes a shape. */
export interface Making {
  readonly form: Form;
  /** A polygon's outline is nowhere farther from the mask's, in image pixels. */
  readonly tolerancePx: number;
}

/** The shape that a mask becomes; null where no pixel is set. */
export function shapeOf(mask: Bits, { form, tolerancePx }: Making, size: Size): Geometry | null {
  const geometry = encode(mask, size);
  if (!geometry) return null;
  switch (form) {
    case "mask":
      return geometry;
    case "polygon":
      return maskToPolygon(geometry, tolerancePx).geometry;
    case "box":
      return { kind: "box", box: geometry.box };
  }
}

/** The outline that a mask gives to a shape that is refined; null where no pixel is set. */
export function outlineFor(mask: Bits, form: Form | Target, { tolerancePx }: Making, size: Size): Geometry | null {
  if (form !== "rotated" && form !== "ellipse") return shapeOf(mask, { form, tolerancePx }, size);
  const geometry = encode(mask, size);
  return geometry && made(geometry, form, size, tolerancePx);
}

/** Whether a point lies on what a glimpse shows, or a cell beside it. */
export function isOn({ cells, box: [x, y, w, h] }: Glimpse, p: Point): boolean {
  const [, , columns, rows] = cells.window;
  const [column, row] = [((p.x - x) / w) * columns, ((p.y - y) / h) * rows];
  return [-1, 0, 1].some((down) => [-1, 0, 1].some((across) => bitAt(cells, column + across, row + down)));
}
