// What a page shows when there is nothing, or when something was refused.
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { Problem } from "@/lib/problem";

export function Empty({ icon, title, children, action }: { icon: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="grid place-items-center rounded-lg border border-dashed border-line-strong px-6 py-14 text-center">
      <div className="mb-3 grid size-10 place-items-center rounded-lg bg-sunk text-faint [&_svg]:size-5">{icon}</div>
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="mt-1 max-w-md text-sm text-soft">{children}</div>}
      {action && <div className="mt-4 flex gap-2">{action}</div>}
    </div>
  );
}

/** What happened and what to do, in the API's own words. */
export function Refusal({ problem, action }: { problem: Problem; action?: ReactNode }) {
  return (
    <div role="alert" className="flex gap-3 rounded-lg border border-line bg-bad-tint p-4">
      <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
      <div className="min-w-0">
        <p className="font-medium break-words">{capital(problem.detail)}</p>
        {problem.remedy && <p className="mt-0.5 text-sm break-words text-soft">{capital(problem.remedy)}</p>}
        {action && <div className="mt-3 flex gap-2">{action}</div>}
      </div>
    </div>
  );
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
