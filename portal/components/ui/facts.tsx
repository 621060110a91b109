import type { ReactNode } from "react";

/** Named facts in columns. */
export function Facts({ facts }: { facts: Record<string, ReactNode> }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 text-sm sm:grid-cols-3 lg:grid-cols-4">
      {Object.entries(facts).map(([name, value]) => (
        <div key={name} className="min-w-0"><dt className="text-xs text-faint">{name}</dt><dd className="truncate">{value}</dd></div>
      ))}
    </dl>
  );
}
