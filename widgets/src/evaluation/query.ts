// What is looked at, and how it is put into words.
import type { AreaName, ClassInfo, EvaluationHelloReply, EvaluationQuery, Mark } from "../wire.gen";

export interface Query {
  readonly confidence: number;
  readonly iou: number;
  readonly area: AreaName;
  /** Ids; null: all. */
  readonly classes: readonly number[] | null;
  readonly tags: readonly string[];
}

export const ious = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95] as const;

export function start(hello: EvaluationHelloReply): Query {
  return { confidence: hello.least_confidence, iou: 0.5, area: hello.areas[0] ?? "all", classes: null, tags: [] };
}

export function wire(query: Query): EvaluationQuery {
  const { confidence, iou, area, tags } = query;
  return { confidence, iou, area, tags: [...tags], ...(query.classes ? { classes: [...query.classes] } : {}) };
}

/** Whether the numbers are those of a part: their difference to the whole is then shown. The IoU narrows nothing. */
export function narrowed(query: Query, hello: EvaluationHelloReply): boolean {
  const all = start(hello);
  return query.confidence > all.confidence || query.area !== all.area || query.classes !== null || query.tags.length > 0;
}

export function same(a: Query, b: Query): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The classes with one more or one fewer; all of them is the same as no condition, and so is none. */
export function toggled(classes: readonly number[] | null, id: number, all: readonly ClassInfo[]): number[] | null {
  const chosen = new Set(classes ?? []);
  if (!chosen.delete(id)) chosen.add(id);
  return chosen.size === 0 || chosen.size === all.length ? null : all.map((one) => one.id).filter((one) => chosen.has(one));
}

/** Two decimals suffice for a confidence; floating point would show 0.30000000000000004. */
export function rounded(confidence: number): number {
  return Math.round(Math.min(1, Math.max(0, confidence)) * 100) / 100;
}

export function caption(mark: Mark, name: (id: number) => string): string {
  switch (mark.mark) {
    case "worst":
      return "Worst images";
    case "class":
      return `${name(mark.class_id)}: wrong or missed`;
    case "cell": {
      if (mark.truth === undefined) return `${name(mark.detected ?? -1)} detected where nothing is`;
      if (mark.detected === undefined) return `${name(mark.truth)} missed`;
      return mark.truth === mark.detected ? `${name(mark.truth)} found` : `${name(mark.truth)} taken for ${name(mark.detected)}`;
    }
    case "scores": {
      const what = mark.outcome === "hit" ? "Hits" : mark.outcome === "ghost" ? "Ghosts" : "Detections";
      return `${what} with a score of ${mark.low.toFixed(2)} to ${mark.high.toFixed(2)}`;
    }
    case "sizes": {
      const what = mark.outcome === "missed" ? "Missed objects" : mark.outcome === "found" ? "Found objects" : "Objects";
      return `${what} of ${Math.round(mark.low)} to ${Math.round(mark.high)} px`;
    }
  }
}

export function number(value: number): string {
  return value <= -1 || Number.isNaN(value) ? "–" : value.toFixed(3);
}

/** A difference, null where either side has nothing to measure or where it would read as zero. */
export function difference(value: number, other: number): number | null {
  if (value <= -1 || other <= -1 || Math.abs(value - other) < 5e-4) return null;
  return value - other;
}

export function signed(value: number): string {
  return `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(3)}`;
}

export function plural(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}
