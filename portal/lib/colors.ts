// Colours of lines that have none of their own; readable on the light ground and on the dark one.
const tones = ["#3b82f6", "#e07b39", "#2fa36b", "#b45ad0", "#c9a227", "#d8527c", "#3aa6b9", "#7c8796"] as const;

export function seriesColor(n: number): string {
  return tones[n % tones.length] ?? tones[0];
}
