// Place a class's keypoints one after another, in the order of its template.
import type { EditorEvent, Pointer } from "../events";
import { type Point, clampPoint, rounded } from "../geometry";
import { keypoints } from "../kinds/points";
import { newShape } from "../records";
import type { Preview, Tool, Workbench } from "./tool";

type Place = [x: number, y: number, visibility: number];

type State =
  | { readonly kind: "idle"; readonly at: Point | null }
  | { readonly kind: "placing"; readonly places: readonly Place[]; readonly at: Point | null };

export class KeypointsTool implements Tool {
  readonly name = "keypoints";
  state: State = { kind: "idle", at: null };
  #bench: Workbench;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  get #names(): readonly string[] {
    return this.#bench.keypointNames;
  }

  handle(event: EditorEvent): boolean {
    const state = this.state;
    switch (event.type) {
      case "down":
        return this.#down(event);
      case "move":
        this.state = { ...state, at: clampPoint(event.at, this.#bench.size) };
        return true;
      case "up":
      case "double":
        return true;
      case "accept":
        return state.kind === "placing" && this.#finish(state.places);
      case "back": {
        if (state.kind === "idle") return false;
        const left = state.places.slice(0, -1);
        this.state = left.length ? { kind: "placing", places: left, at: state.at } : { kind: "idle", at: state.at };
        return true;
      }
      case "cancel":
        if (state.kind === "idle") return false;
        this.state = { kind: "idle", at: state.at };
        return true;
      case "leave":
        this.state = { ...state, at: null };
        return false;
    }
  }

  #down(event: Pointer): boolean {
    if (event.button === "middle" || !this.#names.length) return false;
    const { x, y } = clampPoint(event.at, this.#bench.size);
    // Right: it is not in the image. Shift: it is there and cannot be seen.
    const place: Place = event.button === "right" ? [0, 0, 0] : [rounded(x), rounded(y), event.shift ? 1 : 2];
    const places = [...(this.state.kind === "placing" ? this.state.places : []), place];
    if (places.length === this.#names.length) return this.#finish(places);
    this.state = { kind: "placing", places, at: { x, y } };
    return true;
  }

  /** The rest is not labelled. Without any that has a place there is nothing to keep. */
  #finish(places: readonly Place[]): boolean {
    this.state = { kind: "idle", at: null };
    const rest = this.#names.slice(places.length).map((): Place => [0, 0, 0]);
    const all = [...places, ...rest];
    if (all.some(([, , v]) => v > 0)) this.#bench.create(keypoints(all));
    return true;
  }

  preview(): Preview | null {
    const state = this.state;
    if (state.kind === "idle") return state.at && { kind: "cross", at: state.at };
    const next: Place[] = state.at ? [[state.at.x, state.at.y, 2]] : [];
    return { kind: "shape", shape: newShape("", this.#bench.classId, keypoints([...state.places, ...next])), grip: null };
  }

  hint(): string {
    const names = this.#names;
    if (!names.length) return "This class has no keypoints: choose one that has, or give it some (dataset.label)";
    const done = this.state.kind === "placing" ? this.state.places.length : 0;
    return `Click ${names[done]} (${done + 1} of ${names.length}) · Shift: hidden · right click: not in the image · Enter ends`;
  }

  cursor(): string {
    return "crosshair";
  }
}
