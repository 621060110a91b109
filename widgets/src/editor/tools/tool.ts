// What a tool is, what it may touch, and what it shows.
import type { Dab } from "../brushing";
import type { EditorEvent } from "../events";
import type { Box, Point, Size } from "../geometry";
import type { Bits } from "../masks";
import type { Glimpse, Peek, Prompts, Question } from "../prompted";
import type { Geometry, Shape } from "../records";
import type { Proposal } from "./everything";

export type ToolName =
  | "select" | "box" | "rotated" | "ellipse" | "polygon" | "polyline" | "points" | "keypoints" | "brush" | "eraser" | "slice" | "hole" | "sam"
  | "everything";

/** A shape to be. */
export interface Made {
  readonly geometry: Geometry;
  /** Null: a shape that is there keeps its own. */
  readonly classId: number | null;
  /** The shape that gets the outline, and keeps all else; left out: a new one. */
  readonly id?: string | undefined;
}

/** What is drawn above everything else; derived from the tool's state, never stored beside it. */
export type Preview =
  /** Stands in for the stored shape with this id; a new shape has the id "". */
  | { readonly kind: "shape"; readonly shape: Shape; readonly grip: string | null }
  /** Several stored shapes where they would come to lie. */
  | { readonly kind: "shapes"; readonly shapes: readonly Shape[]; readonly ids: ReadonlySet<string> }
  /** What a drag over nothing spans: the shapes inside will be selected. */
  | { readonly kind: "band"; readonly box: Box }
  | { readonly kind: "path"; readonly points: readonly Point[]; readonly to: Point | null; readonly closing: boolean }
  /** Where a shape is to be cut. */
  | { readonly kind: "cut"; readonly line: readonly Point[] }
  | {
    readonly kind: "prompts"; readonly prompts: Prompts; readonly mask: Bits | null; readonly waiting: boolean;
    /** Objects that are done and no shapes yet. */
    readonly kept: readonly { readonly mask: Bits; readonly classId: number }[];
    readonly glimpse: Glimpse | null;
  }
  /** What was found in the image and is no shape yet. */
  | { readonly kind: "proposals"; readonly proposals: readonly Proposal[]; readonly chosen: ReadonlySet<number>; readonly band: Box | null }
  | { readonly kind: "stroke"; readonly dabs: readonly Dab[]; readonly wipes: boolean }
  | { readonly kind: "cross"; readonly at: Point };

/** The editor as a tool sees it. */
export interface Workbench {
  readonly size: Size;
  readonly zoom: number;
  readonly classId: number;
  readonly readOnly: boolean;
  /** The shape chosen last. */
  readonly selected: Shape | null;
  readonly selectedIds: readonly string[];
  /** What may be changed of all that is selected. */
  readonly editable: readonly Shape[];
  /** Those that shapes of the present class have. */
  readonly keypointNames: readonly string[];
  /** The shape that a click at this point means. */
  hit(at: Point): Shape | null;
  /** The shapes that lie wholly inside. */
  inside(area: Box): readonly Shape[];
  select(id: string | null): void;
  selectAll(ids: readonly string[]): void;
  toggle(id: string): void;
  /** The ids of all that a click on the shape means: its group. */
  fellows(shape: Shape): readonly string[];
  toggleAll(ids: readonly string[]): void;
  hover(id: string | null): void;
  /** Store a changed shape: one step of undo. */
  put(shape: Shape): void;
  putAll(shapes: readonly Shape[]): void;
  remove(id: string): void;
  /** Cut what is selected, or what lies under the middle of the line, along the line. */
  slice(line: readonly Point[]): void;
  /** Cut what the ring encloses out of what is selected, or of what lies under its first corner. */
  punch(ring: readonly Point[]): void;
  /** Store a new shape, select it, and go back to the select tool; or stay with this tool, and `select` it all the same. */
  create(geometry: Geometry, stay?: boolean, select?: boolean): void;
  /** A click meant no shape: perhaps something else that is drawn there. */
  clickedNothing(at: Point): void;
  /** Store new shapes, and outlines of stored ones: one step of undo. The tool stays in hand. */
  createAll(made: readonly Made[]): void;
  /** Ask for an object's masks; null takes its question back, and without a number every one. */
  prompt(object: number | null, question: Question | null): void;
  /** What was found, or looked for, in the whole image is not wanted any more. */
  sweepEnded(): void;
  /** Ask what a click there would mean; null: nothing any more. */
  peek(at: Peek | null): void;
}

export interface Tool {
  readonly name: ToolName;
  /** The leaf of the state tree: "idle", "dragging", … */
  readonly state: { readonly kind: string };
  /** Whether the event meant something; Esc that means nothing gives the focus back. */
  handle(event: EditorEvent): boolean;
  preview(): Preview | null;
  /** The shapes that a point is not drawn to just now; null, or no such method: to none at all. */
  snapsBesides?(): ReadonlySet<string> | null;
  /** What the tool expects now, in one line. */
  hint(): string;
  /** A CSS cursor. */
  cursor(): string;
}
