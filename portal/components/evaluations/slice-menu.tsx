"use client";
import { useRouter } from "next/navigation";
import { Select } from "@/components/ui/input";
import { plural } from "@/lib/format";
import { routes } from "@/lib/routes";

/** Look at a part of the images. Nothing is matched again: it takes the API milliseconds. */
export function SliceMenu({ project, evaluation, tags, tag }: { project: number; evaluation: number; tags: readonly { name: string; images: number }[]; tag: string | undefined }) {
  const router = useRouter();
  return (
    <Select aria-label="Images" className="w-44" value={tag ?? ""} onChange={(event) => router.replace(routes.evaluation(project, evaluation, event.target.value), { scroll: false })}>
      <option value="">All images</option>
      {tags.map((one) => <option key={one.name} value={one.name}>{one.name} · {plural(one.images, "image")}</option>)}
    </Select>
  );
}
