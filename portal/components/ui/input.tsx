import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";

const dress = "h-8 rounded-md border border-line-strong bg-surface px-2.5 text-sm text-ink placeholder:text-faint disabled:opacity-60 aria-invalid:border-bad";

/** As wide as its place, unless `className` says a width. */
export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(dress, width(className), className)} {...rest} />;
}

/** The browser's own select: it works with every keyboard and every screen reader. */
export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(dress, width(className), "pr-7", className)} {...rest} />;
}

/** A labelled field; `hint` says what is expected, `fault` what is wrong. */
export function Field({ label, hint, fault, children }: { label: string; hint?: string; fault?: string | undefined; children: ReactNode }) {
  return (
    <label className="grid gap-1">
      <span className="text-xs font-medium text-soft">{label}</span>
      {children}
      {fault ? <span role="alert" className="text-xs text-bad">{fault}</span> : hint && <span className="text-xs text-faint">{hint}</span>}
    </label>
  );
}

function width(className: string | undefined): string | false {
  return !/(^| )w-/.test(className ?? "") && "w-full";
}
