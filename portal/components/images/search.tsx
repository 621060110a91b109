"use client";
import { Search } from "lucide-react";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { Input } from "@/components/ui/input";
import { type ImageFilter, routes } from "@/lib/routes";

/** After the last key, ms. */
const pause = 250;

/** Narrows the grid to file names that contain what is typed; kept in the address. */
export function ImageSearch({ project, dataset, filter }: { project: number; dataset: number; filter: ImageFilter }) {
  const router = useRouter();
  const [text, setText] = useState(filter.text ?? "");
  useEffect(() => {
    if (text === (filter.text ?? "")) return;
    const timer = setTimeout(() => router.replace(routes.dataset(project, dataset, { ...filter, text }), { scroll: false }), pause);
    return () => clearTimeout(timer);
  }, [text, filter, project, dataset, router]);
  return (
    <div className="relative w-44 sm:w-56">
      <Search className="pointer-events-none absolute top-2 left-2.5 size-4 text-faint" aria-hidden />
      <Input data-search type="search" aria-label="Search file names" placeholder="Search file names  /" className="pl-8" value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()} />
    </div>
  );
}
