// How the portal writes numbers and times. The reader's time zone is the browser's, so times are written there (see When).

const counts = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12,345 */
export function count(value: number): string {
  return counts.format(value);
}

/** 12.3K */
export function short(value: number): string {
  return value < 10_000 ? counts.format(value) : compact.format(value);
}

/** "1 image", "2,000 images"; plurals that do not end in s are given. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${counts.format(value)} ${value === 1 ? one : many}`;
}

/** A metric to three places; -1 (COCO's "there is nothing to measure") and null as a dash. */
export function metric(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) || value < 0 ? "–" : value.toFixed(3);
}

/** +0.012 or −0.012, with a real minus sign. */
export function signed(value: number, places = 3): string {
  const text = Math.abs(value).toFixed(places);
  if (Number(text) === 0) return `±${text}`;
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** p as statisticians write it. */
export function probability(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
}

/** 1.2 MB (powers of ten, as disks and browsers count). */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? "B"}`;
}

/** 4 s, 2 min 05 s, 1 h 20 min */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes < 60) return `${minutes} min ${String(rest).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** "3 min. ago"; `now` and `then` in milliseconds since 1970. */
export function ago(then: number, now: number): string {
  const seconds = (then - now) / 1000;
  for (const [unit, size] of steps) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return "just now";
}
