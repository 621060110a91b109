// What a person likes, kept in this browser: their keys, how images are shown, and how the wand works.
import { effect, signal } from "@preact/signals";
import { KeyMap } from "../editor/keys";
import { forms, tolerances } from "../editor/prompted";
import { type SamOptions, samDefaults } from "../editor/tools/sam";
import { type Look, lookFrom } from "../render/look";
import type { Shelf } from "./keepsake";

const place = "evalnb.preferences";

export class Preferences {
  readonly keys = signal(new KeyMap());
  readonly look = signal<Look>(lookFrom(null));
  readonly wand = signal<SamOptions>(samDefaults);
  /** Whether what is drawn is drawn to corners, edges and borders near it. */
  readonly snap = signal(false);
  readonly stop: () => void;

  constructor(shelf: Shelf) {
    const kept = read(shelf);
    this.keys.value = KeyMap.from(kept["keys"]);
    this.look.value = lookFrom(kept["look"]);
    this.snap.value = kept["snap"] === true;
    this.wand.value = wandFrom(kept["wand"]);
    const now = (): string => JSON.stringify({ keys: this.keys.value.custom, look: this.look.value, snap: this.snap.value, wand: this.wand.value });
    let last = now();
    this.stop = effect(() => {
      const text = now();
      if (text === last) return;
      last = text;
      try {
        shelf.setItem(place, text);
      } catch (error) {
        console.warn("evalnb: this browser has no room for your settings; they last as long as this page", error);
      }
    });
  }

  show(change: Partial<Look>): void {
    this.look.value = { ...this.look.value, ...change };
  }
}

/** What of the kept options still means something. */
function wandFrom(kept: unknown): SamOptions {
  const { hover, sticky, form, tolerancePx } = (typeof kept === "object" && kept ? kept : {}) as Partial<Record<keyof SamOptions, unknown>>;
  return {
    hover: typeof hover === "boolean" ? hover : samDefaults.hover,
    sticky: typeof sticky === "boolean" ? sticky : samDefaults.sticky,
    form: forms.find((one) => one === form) ?? samDefaults.form,
    tolerancePx: tolerances.find((one) => one === tolerancePx) ?? samDefaults.tolerancePx,
  };
}

function read(shelf: Shelf): Record<string, unknown> {
  const text = shelf.getItem(place);
  if (!text) return {};
  try {
    const kept: unknown = JSON.parse(text);
    return typeof kept === "object" && kept ? (kept as Record<string, unknown>) : {};
  } catch (error) {
    console.warn("evalnb: the settings kept in this browser are not readable; the usual ones hold", error);
    return {};
  }
}
