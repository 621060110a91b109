"use client";
import { useEffect, useState } from "react";
import { ago } from "@/lib/format";

/** How long ago, kept current; the exact time in the reader's zone on hover. The server does not know that zone: it writes the date. */
export function When({ at }: { at: string | null }) {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  if (at === null) return <span className="text-faint">–</span>;
  return (
    <time dateTime={at} title={now === null ? at : new Date(at).toLocaleString()} className="whitespace-nowrap">
      {now === null ? at.slice(0, 10) : ago(Date.parse(at), now)}
    </time>
  );
}
