// How an image and its labels are shown: the person's own taste, which changes no data.

export const colorings = ["class", "instance", "group", "match"] as const;
export const channels = ["color", "red", "green", "blue", "gray"] as const;

export interface Look {
  /** -1 … 1; 0 is the image as it is. */
  readonly brightness: number;
  /** -1 … 1. */
  readonly contrast: number;
  /** Above 1 lifts the shadows. */
  readonly gamma: number;
  readonly channel: (typeof channels)[number];
  readonly inverted: boolean;
  /** 0 … 1: how strongly labels are drawn over the image. */
  readonly labels: number;
  /** 0 … 1: how far shapes are filled; 0.25 is the ordinary. */
  readonly fill: number;
  readonly colorBy: (typeof colorings)[number];
  readonly names: boolean;
  readonly crosshair: boolean;
  readonly rulers: boolean;
  readonly minimap: boolean;
}

export const plain: Look = {
  brightness: 0, contrast: 0, gamma: 1, channel: "color", inverted: false,
  labels: 1, fill: 0.25, colorBy: "class", names: true, crosshair: false, rulers: false, minimap: true,
};

/** What of `look` alters the picture itself. */
const picture = ["brightness", "contrast", "gamma", "channel", "inverted"] as const;

export function altersPicture(look: Look): boolean {
  return picture.some((name) => look[name] !== plain[name]);
}

/** `look` with the picture as it is. */
export function restored(look: Look): Look {
  return { ...look, ...Object.fromEntries(picture.map((name) => [name, plain[name]])) };
}

/** A kept look, where its values are of the right kinds; the rest is as usual. */
export function lookFrom(kept: unknown): Look {
  const given = (typeof kept === "object" && kept ? kept : {}) as Record<string, unknown>;
  const usable = Object.entries(plain).flatMap(([name, usual]) => {
    const value = given[name];
    const right = typeof value === typeof usual && (typeof value !== "number" || Number.isFinite(value));
    const among: readonly unknown[] | null = name === "channel" ? channels : name === "colorBy" ? colorings : null;
    return right && (among?.includes(value) ?? true) ? [[name, value]] : [];
  });
  return { ...plain, ...Object.fromEntries(usable) };
}

/** The brightness of 0 … 1 in even steps after contrast about the middle, brightness, gamma and inversion; each 0 … 1. */
export function curve({ brightness, contrast, gamma, inverted }: Look, steps = 64): number[] {
  // The slope goes to infinity as the contrast goes to 1, and to 0 as it goes to -1.
  const slope = Math.tan(((contrast + 1) * Math.PI) / 4);
  return Array.from({ length: steps + 1 }, (_, n) => {
    const bent = (n / steps) ** (1 / gamma);
    const value = Math.min(Math.max((bent - 0.5) * Math.min(slope, 1e4) + 0.5 + brightness, 0), 1);
    return Math.round((inverted ? 1 - value : value) * 1e4) / 1e4;
  });
}

/** Rows of an SVG colour matrix that shows one channel as grey. */
const weights: Readonly<Record<Exclude<Look["channel"], "color">, string>> = {
  red: "1 0 0 0 0", green: "0 1 0 0 0", blue: "0 0 1 0 0", gray: "0.2126 0.7152 0.0722 0 0",
};

/** The insides of an SVG filter that shows the picture so. */
export function filterOf(look: Look): string {
  const table = curve(look).join(" ");
  const functions = ["R", "G", "B"].map((one) => `<feFunc${one} type="table" tableValues="${table}"/>`).join("");
  const row = look.channel === "color" ? null : weights[look.channel];
  const matrix = row ? `<feColorMatrix type="matrix" values="${row} ${row} ${row} 0 0 0 1 0"/>` : "";
  return `${matrix}<feComponentTransfer>${functions}</feComponentTransfer>`;
}
