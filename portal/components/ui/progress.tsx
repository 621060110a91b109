import { cn } from "@/lib/cn";

/** `value` of 0 … 1, or null where nobody knows how much there is. */
export function Progress({ value, label, tone = "accent", className }: { value: number | null; label: string; tone?: "accent" | "good" | "bad"; className?: string }) {
  const colour = { accent: "bg-accent", good: "bg-good", bad: "bg-bad" }[tone];
  return (
    <div
      role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100}
      {...(value === null ? {} : { "aria-valuenow": Math.round(value * 100) })}
      className={cn("h-1.5 overflow-hidden rounded-full bg-line", className)}
    >
      <div
        className={cn("h-full rounded-full transition-[width] duration-300", colour, value === null && "w-1/3 animate-pulse")}
        {...(value === null ? {} : { style: { width: `${Math.min(100, Math.max(0, value * 100))}%` } })}
      />
    </div>
  );
}
