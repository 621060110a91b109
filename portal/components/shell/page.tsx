import { ChevronRight } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

export interface Crumb {
  readonly name: string;
  readonly href: string;
}

/** A page's head (where one is, what it is, what one can do) and its body. */
export function Page({ title, crumbs = [], note, actions, children, wide = false }: {
  title: ReactNode; crumbs?: readonly Crumb[]; note?: ReactNode; actions?: ReactNode; children: ReactNode;
  /** The body takes the whole width and height, without margins. */
  wide?: boolean;
}) {
  return (
    <div className={cn("flex min-h-dvh flex-col", wide && "h-dvh")}>
      <header className="sticky top-0 z-20 flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-ground/90 px-4 py-2 backdrop-blur-sm sm:px-6">
        <div className="flex min-w-0 items-center gap-1.5">
          {crumbs.length > 0 && (
            <nav aria-label="Where this is" className="flex shrink-0 items-center gap-1.5 text-sm text-faint">
              {crumbs.map((one) => (
                <span key={one.href} className="flex items-center gap-1.5">
                  <Link href={one.href} className="rounded-sm hover:text-ink">{one.name}</Link>
                  <ChevronRight className="size-3.5" aria-hidden />
                </span>
              ))}
            </nav>
          )}
          <h1 className="truncate text-base font-semibold">{title}</h1>
        </div>
        {note && <div className="flex items-center gap-2 text-sm text-soft">{note}</div>}
        {actions && <div className="ml-auto flex items-center gap-2">{actions}</div>}
      </header>
      {wide ? <div className="min-h-0 flex-1">{children}</div> : <div className="mx-auto w-full max-w-7xl flex-1 px-4 py-5 sm:px-6">{children}</div>}
    </div>
  );
}
