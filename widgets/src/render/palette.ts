// Class names and colours, and colours derived from them.
import { groupOf } from "../editor/arranging";
import type { Shape } from "../editor/records";
import type { LabelInfo } from "../wire.gen";
import { type Standing, matchColors } from "./verdicts";

export interface Rgb {
  readonly r: number;
  readonly g: number;
  readonly b: number;
}

const unknown = "#8a94a6";

/** Neighbours differ in lightness as well as in hue (after Okabe and Ito, and Tol's "vibrant"). */
const instances = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#33bbee", "#ee3377", "#bbbbbb"];

const standingColors: Readonly<Record<Standing, string>> = { found: matchColors.hit, missed: matchColors.miss, spare: matchColors.none };

export class Palette {
  #classes = new Map<number, LabelInfo>();
  #rgb = new Map<string, Rgb>();
  /** What a shape's colour says: its class, only that it is another than its neighbours, its group, or whether it was found. */
  by: "class" | "instance" | "group" | "match" = "class";
  /** What the judged run made of each shape; empty while nothing is judged. */
  standings: ReadonlyMap<string, Standing> = new Map();

  set(classes: readonly LabelInfo[]): void {
    this.#classes = new Map(classes.map((one) => [one.id, one]));
  }

  color(id: number): string {
    return this.#classes.get(id)?.color ?? unknown;
  }

  colorOf({ id, class_id, track, attributes }: Pick<Shape, "id" | "class_id" | "track" | "attributes">): string {
    if (this.by === "class") return this.color(class_id);
    if (this.by === "match") return standingColors[this.standings.get(id) ?? "spare"];
    if (this.by === "group") {
      const group = groupOf({ attributes });
      return group === null ? unknown : instances[(group - 1) % instances.length]!;
    }
    // A track has one colour on every image.
    const one = track.id ?? id;
    let hash = 0;
    for (let n = 0; n < one.length; n++) hash = (hash * 31 + one.charCodeAt(n)) | 0;
    return instances[(hash >>> 0) % instances.length]!;
  }

  /** A colour that says only which one of many it is. */
  instance(number: number): string {
    return instances[number % instances.length]!;
  }

  /** What a shape's label says. */
  title({ id, class_id }: { readonly id: string; readonly class_id: number }): string {
    const missed = this.by === "match" && this.standings.get(id) === "missed";
    return missed ? `${this.name(class_id)} · missed` : this.name(class_id);
  }

  name(id: number): string {
    return this.#classes.get(id)?.name ?? `class ${id}`;
  }

  /** Pairs of 0-based places: which keypoints of the class are joined. */
  skeleton(id: number): readonly (readonly [number, number])[] {
    return this.#classes.get(id)?.skeleton.map(([a, b]) => [a - 1, b - 1] as const) ?? [];
  }

  rgb(color: string): Rgb {
    let rgb = this.#rgb.get(color);
    if (!rgb) this.#rgb.set(color, (rgb = parseHex(color)));
    return rgb;
  }

  rgba(color: string, alpha: number): string {
    const { r, g, b } = this.rgb(color);
    return `rgba(${r},${g},${b},${alpha})`;
  }

  /** Black or white, whichever reads better on the colour (WCAG relative luminance). */
  ink(color: string): string {
    const { r, g, b } = this.rgb(color);
    const linear = (v: number): number => (v <= 10 ? v / 3295 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179 ? "#000" : "#fff";
  }
}

/** #rgb or #rrggbb; anything else is the unknown class's grey. */
function parseHex(color: string): Rgb {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color);
  const hex = short ? `${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}` : color.slice(1);
  const value = /^[0-9a-f]{6}$/i.test(hex) ? parseInt(hex, 16) : 0x8a94a6;
  return { r: value >> 16, g: (value >> 8) & 255, b: value & 255 };
}
