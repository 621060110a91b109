// Everything that a segmenter found in an image, to be looked through: keep, drop, and give classes to many at once.
import { type EditorEvent, type Pointer, dragStart } from "../events";
import { type Box, type Point, boxFromCorners, clampPoint, distance } from "../geometry";
import { type Bits, bitAt, countSet } from "../masks";
import { tolerancePx } from "../ops/convert";
import { type Candidate, type Making, shapeOf } from "../prompted";
import type { Preview, Tool, Workbench } from "./tool";

export interface Proposal extends Candidate {
  readonly number: number;
  readonly areaPx: number;
  /** What it was said to be; null: what is in hand when it is kept. */
  readonly classId: number | null;
  /** The box that it is to stand for. */
  readonly id?: string | undefined;
}

interface Press {
  readonly from: Point;
  readonly screen: Point;
  /** Where a drag is; null while it is none. */
  readonly to: Point | null;
  readonly more: boolean;
}

interface State {
  readonly kind: "idle" | "waiting" | "reviewing" | "pointing" | "banding";
  /** Asked for, and not there yet. */
  readonly waiting: boolean;
  readonly proposals: readonly Proposal[];
  readonly chosen: ReadonlySet<number>;
  readonly press: Press | null;
  /** Those under the limits are not shown, and not kept. */
  readonly scoreMin: number;
  readonly areaMin: number;
  /** What was there before each step, the latest last. */
  readonly past: readonly (readonly Proposal[])[];
}

const none: ReadonlySet<number> = new Set();
const idle: State = { kind: "idle", waiting: false, proposals: [], chosen: none, press: null, scoreMin: 0, areaMin: 0, past: [] };

export class EverythingTool implements Tool {
  readonly name = "everything";
  state: State = idle;
  /** What a kept one becomes. */
  making: Making = { form: "mask", tolerancePx };
  #bench: Workbench;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  #set(change: Partial<State>): true {
    const state = { ...this.state, ...change };
    const kind = state.press ? (state.press.to ? "banding" : "pointing") : state.waiting ? "waiting" : state.proposals.length ? "reviewing" : "idle";
    this.state = { ...state, kind };
    return true;
  }

  /** Those that are shown: no less sure and no smaller than wanted, the largest first, so that a small one lies on top. */
  get shown(): readonly Proposal[] {
    const { proposals, scoreMin, areaMin } = this.state;
    return proposals.filter(({ score, areaPx }) => score >= scoreMin && areaPx >= areaMin);
  }

  /** Those chosen among them. */
  get chosen(): readonly Proposal[] {
    return this.shown.filter(({ number }) => this.state.chosen.has(number));
  }

  wait(): void {
    this.#set({ waiting: true });
  }

  /** What was found; null: nothing came. */
  found(candidates: readonly (Candidate & Pick<Partial<Proposal>, "id">)[] | null): void {
    const proposals = (candidates ?? []).map((one, number): Proposal => ({ ...one, number, areaPx: countSet(one.mask), classId: null }));
    proposals.sort((a, b) => b.areaPx - a.areaPx);
    this.#set({ ...idle, proposals: proposals.filter(({ areaPx }) => areaPx > 0) });
  }

  /** Another image, or the tool is laid down for good. */
  end(): void {
    this.state = idle;
  }

  limit(change: { readonly scoreMin?: number; readonly areaMin?: number }): void {
    this.#set(change);
  }

  // The hand ------------------------------------------------------------------------------------------------------

  handle(event: EditorEvent): boolean {
    switch (event.type) {
      case "down":
        return this.#press(event);
      case "move":
        return this.#move(event);
      case "up":
        return this.#release();
      case "accept":
        return this.keep();
      case "back":
        return this.#back();
      case "cancel":
        return this.#cancel();
      case "leave":
        return false;
      case "double":
        return this.state.proposals.length > 0;
    }
  }

  #press({ at, screen, button, shift, ctrl }: Pointer): boolean {
    if (button !== "left") return false;
    return this.#set({ press: { from: clampPoint(at, this.#bench.size), screen, to: null, more: shift || ctrl } });
  }

  #move({ at, screen }: Pointer): boolean {
    const { press } = this.state;
    if (press && (press.to || distance(screen, press.screen) >= dragStart)) this.#set({ press: { ...press, to: clampPoint(at, this.#bench.size) } });
    return true;
  }

  #release(): boolean {
    const { press, chosen } = this.state;
    if (!press) return true;
    const box = press.to && boxFromCorners(press.from, press.to);
    const meant = box ? this.shown.filter(({ mask }) => isWithin(mask.window, box)) : [this.#under(press.from)].filter((one) => one !== null);
    const numbers = meant.map(({ number }) => number);
    const next = new Set(press.more ? chosen : none);
    // A click takes one in or out; a drag takes in.
    for (const number of numbers) if (!box && press.more && chosen.has(number)) next.delete(number); else next.add(number);
    return this.#set({ press: null, chosen: next });
  }

  /** The smallest one there. */
  #under(at: Point): Proposal | null {
    return [...this.shown].reverse().find(({ mask }) => bitAt(mask, Math.floor(at.x), Math.floor(at.y))) ?? null;
  }

  // Many at once --------------------------------------------------------------------------------------------------

  chooseAll(): void {
    this.#set({ chosen: new Set(this.shown.map(({ number }) => number)) });
  }

  /** Say what the chosen ones are; false where none is chosen. */
  classify(classId: number): boolean {
    const { proposals, past } = this.state;
    const meant = new Set(this.chosen.map(({ number }) => number));
    if (!meant.size) return false;
    return this.#set({ past: [...past, proposals], proposals: proposals.map((one) => (meant.has(one.number) ? { ...one, classId } : one)) });
  }

  /** Take the chosen ones away; false where none is chosen. */
  drop(): boolean {
    return this.#without(this.chosen);
  }

  /** Make shapes of the chosen ones, or of all that are shown; one step of undo. */
  keep(): boolean {
    const meant = this.chosen.length ? this.chosen : this.shown;
    if (!meant.length) return false;
    this.#without(meant);
    // What became a shape is taken back as one.
    this.#set({ past: [] });
    this.#bench.createAll(meant.flatMap(({ mask, classId, id }) => {
      // A box is to become something else.
      const making: Making = id !== undefined && this.making.form === "box" ? { ...this.making, form: "mask" } : this.making;
      const geometry = shapeOf(mask, making, this.#bench.size);
      return geometry ? [{ geometry, classId: classId ?? (id === undefined ? this.#bench.classId : null), id }] : [];
    }));
    return true;
  }

  #without(some: readonly Proposal[]): boolean {
    if (!some.length) return false;
    const { proposals, past } = this.state;
    const gone = new Set(some.map(({ number }) => number));
    return this.#set({ past: [...past, proposals], chosen: none, proposals: proposals.filter(({ number }) => !gone.has(number)) });
  }

  #back(): boolean {
    const before = this.state.past.at(-1);
    return before ? this.#set({ proposals: before, past: this.state.past.slice(0, -1), press: null }) : false;
  }

  #cancel(): boolean {
    const { press, chosen, proposals, waiting } = this.state;
    if (press) return this.#set({ press: null });
    if (chosen.size) return this.#set({ chosen: none });
    if (!waiting && !proposals.length) return false;
    this.end();
    this.#bench.sweepEnded();
    return true;
  }

  // What is seen --------------------------------------------------------------------------------------------------

  preview(): Preview | null {
    const { press, proposals, chosen } = this.state;
    if (!press && !proposals.length) return null;
    return { kind: "proposals", proposals: this.shown, chosen, band: press?.to ? boxFromCorners(press.from, press.to) : null };
  }

  hint(): string {
    const { waiting, proposals } = this.state;
    if (waiting) return "Segmenting… · Esc stops";
    if (!proposals.length) return "Nothing is left to look through · press Enter to search again, Esc for the select tool";
    if (this.chosen.length) return `${this.chosen.length} chosen · 1 – 9 gives them a class, Enter keeps them, Del drops them`;
    if (proposals[0]?.id !== undefined) return "Enter gives each box its mask · click and Del leaves one a box · Esc leaves all";
    return "Click or drag over what you mean (Shift: more) · Enter keeps all · Esc drops the rest";
  }

  cursor(): string {
    return this.state.waiting ? "progress" : "default";
  }
}

function isWithin([x, y, w, h]: Bits["window"], [bx, by, bw, bh]: Box): boolean {
  return x >= bx && y >= by && x + w <= bx + bw && y + h <= by + bh;
}
