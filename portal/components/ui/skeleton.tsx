import { cn } from "@/lib/cn";

/** Where something will be. It says nothing to a screen reader: the region that waits has aria-busy. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("animate-pulse rounded-md bg-line/70", className)} />;
}

export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  return (
    <div className="grid gap-2" role="status" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, n) => <Skeleton key={n} className="h-9" />)}
    </div>
  );
}
