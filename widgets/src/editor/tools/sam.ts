// Segment with prompts: left click in, right click out, drag a box; Enter makes the masks shapes. What a click would
// mean is shown under the pointer. Ctrl begins another object and keeps this one.
import { type EditorEvent, type Pointer, dragStart } from "../events";
import { type Point, boxFromCorners, clampPoint, distance } from "../geometry";
import {
  type Answer, type Form, type Glimpse, type Making, type Peek, type Prompted, type Prompts, answered, askedAgain, cycled, further, isOn, isWaiting, latest,
  noPrompts, outlineFor, refinedBy, shapeOf, shownOf,
} from "../prompted";
import { type Target, tolerancePx } from "../ops/convert";
import type { Shape } from "../records";
import type { Made, Preview, Tool, Workbench } from "./tool";

export interface SamOptions extends Making {
  /** Show what a click would mean. */
  readonly hover: boolean;
  /** Every click is an object of its own; Shift adds to the one before. */
  readonly sticky: boolean;
}

export const samDefaults: SamOptions = { hover: true, sticky: false, form: "mask", tolerancePx };

interface Press {
  readonly from: Point;
  readonly screen: Point;
  /** Where a drag is; null while it is none. */
  readonly to: Point | null;
  readonly ctrl: boolean;
  readonly shift: boolean;
}

interface State {
  readonly kind: "idle" | "pointing" | "boxing" | "prompting";
  readonly press: Press | null;
  readonly now: Prompted | null;
  /** Waiting for Enter. */
  readonly gathered: readonly Prompted[];
  /** Accepted: each becomes a shape when its answer comes. */
  readonly settling: readonly Prompted[];
  readonly glimpse: Glimpse | null;
  /** Enter was pressed before all answers were there: accept them when they are. */
  readonly accepting: boolean;
}

const idle: State = { kind: "idle", press: null, now: null, gathered: [], settling: [], glimpse: null, accepting: false };

export class SamTool implements Tool {
  readonly name = "sam";
  state: State = idle;
  options: SamOptions = samDefaults;
  /** The shape that was selected as the tool was taken up: `refine` may mean it. */
  offered: string | null = null;
  #bench: Workbench;
  #turn = 0;
  #objects = 0;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  handle(event: EditorEvent): boolean {
    switch (event.type) {
      case "down":
        return this.#press(event);
      case "move":
        return this.#move(event);
      case "up":
        return this.#release();
      case "accept":
        return this.#accept();
      case "back":
        return this.#back();
      case "cancel":
        return this.#cancel();
      case "leave":
        this.#look(null);
        return false;
      case "double":
        return true;
    }
  }

  #set(change: Partial<State>): true {
    const state = { ...this.state, ...change };
    const kind = state.press ? (state.press.to ? "boxing" : "pointing") : state.now ? "prompting" : "idle";
    this.state = { ...state, kind };
    return true;
  }

  // The hand ------------------------------------------------------------------------------------------------------

  #press({ at, screen, button, ctrl, shift }: Pointer): boolean {
    const from = clampPoint(at, this.#bench.size);
    if (button === "middle") return false;
    this.#bench.peek(null);
    if (button === "left") return this.#set({ press: { from, screen, to: null, ctrl, shift } });
    return this.#ask(this.state.now, { ...this.#prompts(), ...added(this.#prompts(), from, 0) });
  }

  #move({ at, screen }: Pointer): boolean {
    const { press, glimpse } = this.state;
    const to = clampPoint(at, this.#bench.size);
    if (press) {
      if (press.to || distance(screen, press.screen) >= dragStart) this.#set({ press: { ...press, to } });
    } else {
      const inside = to.x === at.x && to.y === at.y;
      this.#bench.peek(this.options.hover && inside ? this.peekAt(at) : null);
      // What is lit is under the pointer, or is lit no more.
      if (glimpse && !(inside && isOn(glimpse, at))) this.#set({ glimpse: null });
    }
    return true;
  }

  #release(): boolean {
    const { press, now } = this.state;
    if (!press) return true;
    this.#set({ press: null });
    const another = now && (press.ctrl || (this.options.sticky && !press.shift));
    if (another) this.#set(press.ctrl ? { now: null, gathered: [...this.state.gathered, now] } : { now: null });
    if (another && !press.ctrl) this.#settle([now]);
    const before = this.#prompts();
    const box = press.to && boxFromCorners(press.from, press.to);
    return this.#ask(this.state.now, box ? { ...before, box, outline: undefined } : { ...before, ...added(before, press.from, 1) });
  }

  #prompts(): Prompts {
    return this.state.now ? latest(this.state.now).prompts : noPrompts;
  }

  #ask(before: Prompted | null, prompts: Prompts): true {
    const now = further(before, prompts, { turn: ++this.#turn, number: before ? before.number : ++this.#objects, classId: this.#bench.classId });
    this.#set({ now, accepting: false });
    this.#bench.prompt(now.number, latest(now));
    return true;
  }

  /** Segment what a shape outlines; what is made of it is the shape's new outline. What is in hand is kept beside it. */
  refine({ id, class_id, geometry }: Shape): void {
    const { now, gathered } = this.state;
    this.offered = null;
    this.#bench.peek(null);
    this.#set({ now: null, gathered: now ? [...gathered, now] : gathered, press: null, glimpse: null });
    const outline = geometry.kind === "box" ? undefined : geometry;
    const prompts: Prompts = { points: [], labels: [], box: geometry.box, outline };
    const begun = further(null, prompts, { turn: ++this.#turn, number: ++this.#objects, classId: class_id });
    // A shape that encloses something: its kind is one that a mask can become.
    this.#set({ now: { ...begun, refines: { id, form: geometry.kind as Target } }, accepting: false });
    this.#bench.prompt(begun.number, latest(begun));
  }

  /** The form in which the shape in hand is refined; null where a new one is made. */
  get refining(): Form | Target | null {
    return this.state.now?.refines?.form ?? null;
  }

  /** Refine the shape in hand in another form; false where a new one is made. */
  reform(form: Form): boolean {
    const { now } = this.state;
    return now?.refines ? this.#set({ now: { ...now, refines: { ...now.refines, form } } }) : false;
  }

  // The model -----------------------------------------------------------------------------------------------------

  /** The answer to one of the questions; null where it failed. One that nobody waits for any more changes nothing. */
  answer(turn: number, answer: Answer | null): void {
    const take = (one: Prompted): Prompted => answered(one, turn, answer);
    const { now, gathered, settling, accepting } = this.state;
    this.#set({ now: now && take(now), gathered: gathered.map(take), settling: settling.map(take), glimpse: null });
    if (settling.length) this.#settle([]);
    if (accepting) this.#accept();
  }

  /** What is to be known of a click there: of a new object, or of the one in hand with all that was said of it. */
  peekAt(at: Point): Peek | null {
    const { now } = this.state;
    if (!now || this.options.sticky) return { at, object: null };
    // What is asked just now will say more than a glance.
    return isWaiting(now) ? null : { at, object: { prompts: latest(now).prompts, refines: refinedBy(now) } };
  }

  /** What a click at the pointer would mean. */
  glimpse(glimpse: Glimpse | null, at: Point): void {
    if (!this.state.press && !(this.state.now && isWaiting(this.state.now))) this.#set({ glimpse: glimpse && isOn(glimpse, at) ? glimpse : null });
  }

  #look(glimpse: Glimpse | null): void {
    this.#bench.peek(null);
    if (this.state.glimpse) this.#set({ glimpse });
  }

  /** Another of the masks that the prompts may mean; false where there is none. */
  cycle(by: 1 | -1): boolean {
    const now = this.state.now && cycled(this.state.now, by);
    return now ? this.#set({ now }) : false;
  }

  // Shapes --------------------------------------------------------------------------------------------------------

  #accept(): boolean {
    const { now, gathered } = this.state;
    const all = now ? [...gathered, now] : gathered;
    if (!all.length) return false;
    if (all.some(isWaiting)) return this.#set({ accepting: true });
    this.#set({ accepting: false });
    const made = this.#made(all);
    if (!made.length) return true;
    this.#set({ now: null, gathered: [], glimpse: null });
    this.#bench.createAll(made);
    return true;
  }

  /** Make shapes of these as soon as their answers are there; and of those whose have come. */
  #settle(more: readonly Prompted[]): void {
    const all = [...this.state.settling, ...more];
    this.#set({ settling: all.filter(isWaiting) });
    const made = this.#made(all.filter((one) => !isWaiting(one)));
    if (made.length) this.#bench.createAll(made);
  }

  #made(all: readonly Prompted[]): Made[] {
    return all.flatMap((one) => {
      const shown = shownOf(one);
      const size = this.#bench.size;
      const geometry = shown && (one.refines ? outlineFor(shown.mask, one.refines.form, this.options, size) : shapeOf(shown.mask, this.options, size));
      return geometry ? [{ geometry, classId: one.refines ? null : one.classId, id: one.refines?.id }] : [];
    });
  }

  /** Another tool, or `elsewhere` another image: what was gathered becomes shapes, what is being prompted falls away. */
  end(elsewhere = false): void {
    const { gathered, settling } = this.state;
    this.state = idle;
    if (elsewhere) this.offered = null;
    this.#bench.peek(null);
    this.#bench.prompt(null, null);
    const made = this.#made([...settling, ...gathered]);
    if (made.length) this.#bench.createAll(made);
  }

  // Going back ----------------------------------------------------------------------------------------------------

  #back(): boolean {
    const { now, gathered } = this.state;
    const [again] = gathered.slice(-1);
    if (!now) return again ? this.#set({ now: again, gathered: gathered.slice(0, -1), glimpse: null }) : false;
    this.#bench.prompt(now.number, null);
    const steps = now.steps.slice(0, -1);
    if (!steps.length) return this.#set({ now: null, accepting: false, glimpse: null });
    const before = { ...now, steps };
    this.#set({ now: before, accepting: false });
    // Its own answer was overtaken before it came.
    if (!latest(before).answer) {
      const asked = askedAgain(before, ++this.#turn);
      this.#set({ now: asked });
      this.#bench.prompt(asked.number, latest(asked));
    }
    return true;
  }

  #cancel(): boolean {
    const { now, press, gathered } = this.state;
    if (!now && !press && !gathered.length) return false;
    for (const one of now || press ? [now] : gathered) if (one) this.#bench.prompt(one.number, null);
    return this.#set({ press: null, now: null, accepting: false, glimpse: null, ...(now || press ? {} : { gathered: [] }) });
  }

  // What is seen --------------------------------------------------------------------------------------------------

  preview(): Preview | null {
    const { press, now, gathered, settling, glimpse } = this.state;
    if (!press && !now && !gathered.length && !settling.length && !glimpse) return null;
    const another = press && now && (press.ctrl || (this.options.sticky && !press.shift));
    const before = another ? noPrompts : this.#prompts();
    const prompts = !press ? before : press.to ? { ...before, box: boxFromCorners(press.from, press.to) } : { ...before, ...added(before, press.from, 1) };
    const shown = now && shownOf(now);
    const kept = [...settling, ...gathered].flatMap((one) => {
      const { mask } = shownOf(one) ?? {};
      return mask ? [{ mask, classId: one.classId }] : [];
    });
    return { kind: "prompts", prompts, mask: shown?.mask ?? null, waiting: now !== null && isWaiting(now), kept, glimpse };
  }

  hint(): string {
    const { kind, now, gathered, accepting } = this.state;
    if (accepting) return "Accepting as soon as the mask is there…";
    if (kind === "boxing") return "Release to segment what is in the box · Esc to drop";
    if (!now) {
      if (gathered.length) return `${gathered.length} collected · click the next, Enter accepts all, Esc drops them`;
      return "Click the object, or drag a box around it";
    }
    const shown = shownOf(now);
    if (!shown) return isWaiting(now) ? "Segmenting…" : "No mask came · click again, or Esc to drop";
    if (!isWaiting(now) && !shown.mask.bytes.length) return "Nothing found there · click inside the object, or Esc to drop";
    const more = this.options.sticky ? "a click begins the next · Shift-click adds" : "left click adds · Ctrl-click begins another";
    const accepts = this.refining ? "Enter gives the shape this outline" : "Enter accepts";
    return `${accepts} · ${more} · right click takes away · Backspace goes back · Esc drops`;
  }

  cursor(): string {
    return "crosshair";
  }
}

function added(prompts: Prompts, at: Point, label: 0 | 1): Pick<Prompts, "points" | "labels"> {
  return { points: [...prompts.points, at], labels: [...prompts.labels, label] };
}
