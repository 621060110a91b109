import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

const tones = {
  plain: "bg-sunk text-soft border-line",
  accent: "bg-tint text-accent border-transparent",
  good: "bg-good-tint text-good border-transparent",
  bad: "bg-bad-tint text-bad border-transparent",
  warn: "bg-warn-tint text-warn border-transparent",
} as const;
export type Tone = keyof typeof tones;

export function Badge({ tone = "plain", className, children }: { tone?: Tone; className?: string; children: ReactNode }) {
  return (
    <span className={cn("inline-flex h-5 items-center gap-1 rounded-full border px-2 text-xs font-medium whitespace-nowrap", tones[tone], className)}>
      {children}
    </span>
  );
}
