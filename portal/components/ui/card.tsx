import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";

export function Card({ className, ...rest }: ComponentProps<"section">) {
  return <section className={cn("rounded-lg border border-line bg-surface", className)} {...rest} />;
}

/** A card with a heading. `note` is said beside it, quietly; `actions` stand at its right. */
export function Panel({ title, note, actions, children, className }: {
  title: ReactNode; note?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string;
}) {
  return (
    <Card className={cn("min-w-0", className)}>
      <header className="flex min-h-10 flex-wrap items-center gap-x-2 gap-y-1 px-4 pt-2.5 pb-1">
        <h2 className="text-sm font-semibold">{title}</h2>
        {note && <span className="text-xs text-faint">{note}</span>}
        {actions && <div className="ml-auto flex items-center gap-1.5">{actions}</div>}
      </header>
      <div className="px-4 pb-4">{children}</div>
    </Card>
  );
}
