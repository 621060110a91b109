// Segment with prompts: left click in, right click out, drag a box; Enter makes the mask an annotation.
import { type EditorEvent, dragStart } from "../events";
import { type Box, type Point, boxFromCorners, clampPoint, distance } from "../geometry";
import { type Bits, encode } from "../masks";
import type { Preview, Prompts, Tool, Workbench } from "./tool";

const none: Prompts = { points: [], labels: [], box: null };

interface Answered {
  readonly prompts: Prompts;
  /** The latest answer. It may be of one prompt less while the next is under way. */
  readonly mask: Bits | null;
  readonly waiting: boolean;
  /** Enter was pressed before the answer came: accept it when it does. */
  readonly accepting: boolean;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "pointing"; readonly from: Point; readonly screen: Point; readonly before: Answered }
  | { readonly kind: "boxing"; readonly from: Point; readonly to: Point; readonly before: Answered }
  | ({ readonly kind: "prompting" } & Answered);

const nothing: Answered = { prompts: none, mask: null, waiting: false, accepting: false };

export class SamTool implements Tool {
  readonly name = "sam";
  state: State = { kind: "idle" };
  #bench: Workbench;
  /** The prompts from the oldest on, so that Backspace can go back. */
  #past: Prompts[] = [];

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down": {
        const at = clampPoint(event.at, this.#bench.size);
        const before = this.#answered();
        if (event.button === "right") return this.#ask({ ...before.prompts, ...added(before.prompts, at, 0) });
        if (event.button !== "left") return false;
        this.state = { kind: "pointing", from: at, screen: event.screen, before };
        return true;
      }
      case "move": {
        const to = clampPoint(event.at, this.#bench.size);
        if (state.kind === "boxing") this.state = { ...state, to };
        else if (state.kind === "pointing" && distance(event.screen, state.screen) >= dragStart) {
          this.state = { kind: "boxing", from: state.from, to, before: state.before };
        }
        return true;
      }
      case "up":
        if (state.kind === "pointing") return this.#ask({ ...state.before.prompts, ...added(state.before.prompts, state.from, 1) });
        if (state.kind === "boxing") return this.#ask({ ...state.before.prompts, box: boxOf(state) });
        return true;
      case "accept":
        if (state.kind !== "prompting") return false;
        if (state.waiting) this.state = { ...state, accepting: true };
        else this.#accept(state);
        return true;
      case "back": {
        if (state.kind !== "prompting") return false;
        this.#past.pop();
        const last = this.#past.pop();
        return last ? this.#ask(last) : this.#reset();
      }
      case "cancel":
        return state.kind === "idle" ? false : this.#reset();
      case "leave":
        return false;
      case "double":
        return true;
    }
  }

  /** The kernel's answer to the latest prompts; null where it failed. */
  answer(mask: Bits | null): void {
    if (this.state.kind === "prompting") {
      const { accepting } = this.state;
      this.state = { ...this.state, mask: mask ?? this.state.mask, waiting: false, accepting: false };
      if (accepting && mask) this.#accept(this.state);
    } else if (this.state.kind === "pointing" || this.state.kind === "boxing") {
      const before = { ...this.state.before, mask: mask ?? this.state.before.mask, waiting: false };
      this.state = { ...this.state, before };
    }
  }

  #answered(): Answered {
    return this.state.kind === "prompting" ? this.state : nothing;
  }

  #ask(prompts: Prompts): boolean {
    const mask = this.state.kind === "pointing" || this.state.kind === "boxing" ? this.state.before.mask : this.#answered().mask;
    this.#past.push(prompts);
    this.state = { kind: "prompting", prompts, mask, waiting: true, accepting: false };
    this.#bench.prompt(prompts);
    return true;
  }

  #accept(state: Answered): void {
    const geometry = state.mask && encode(state.mask, this.#bench.size);
    if (!geometry) return;
    this.#reset();
    this.#bench.create(geometry, true);
  }

  #reset(): boolean {
    this.state = { kind: "idle" };
    this.#past = [];
    this.#bench.prompt(null);
    return true;
  }

  preview(): Preview | null {
    const state = this.state;
    switch (state.kind) {
      case "idle":
        return null;
      case "pointing":
        return { kind: "prompts", ...state.before, prompts: { ...state.before.prompts, ...added(state.before.prompts, state.from, 1) } };
      case "boxing":
        return { kind: "prompts", ...state.before, prompts: { ...state.before.prompts, box: boxOf(state) } };
      case "prompting":
        return { kind: "prompts", prompts: state.prompts, mask: state.mask, waiting: state.waiting };
    }
  }

  hint(): string {
    const state = this.state;
    if (state.kind === "idle") return "Click the object, or drag a box around it";
    if (state.kind === "boxing") return "Release to segment what is in the box · Esc to drop";
    if (state.kind === "prompting" && state.accepting) return "Accepting as soon as the mask is there…";
    if (state.kind === "prompting" && state.waiting && !state.mask) return "Segmenting…";
    if (state.kind === "prompting" && !state.waiting && state.mask?.bytes.length === 0) {
      return "Nothing found there · click inside the object, or Esc to drop";
    }
    return "Enter accepts · left click adds · right click takes away · Backspace goes back · Esc drops";
  }

  cursor(): string {
    return "crosshair";
  }
}

function added(prompts: Prompts, at: Point, label: 0 | 1): Pick<Prompts, "points" | "labels"> {
  return { points: [...prompts.points, at], labels: [...prompts.labels, label] };
}

function boxOf(state: { from: Point; to: Point }): Box {
  return boxFromCorners(state.from, state.to);
}
