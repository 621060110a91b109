import Link from "next/link";
import { Suspense } from "react";
import { Thumb } from "@/components/images/thumb";
import { Badge } from "@/components/ui/badge";
import { Skeleton } from "@/components/ui/skeleton";
import { When } from "@/components/ui/when";
import type { DatasetItem } from "@/lib/api";
import { plural } from "@/lib/format";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export function DatasetCard({ project, dataset }: { project: number; dataset: DatasetItem }) {
  return (
    <Link
      data-row href={routes.dataset(project, dataset.id)}
      className="group block overflow-hidden rounded-lg border border-line bg-surface transition-colors hover:border-line-strong"
    >
      <span className="flex h-32 gap-px overflow-hidden bg-sunk">
        <Suspense fallback={<Skeleton className="flex-1 rounded-none" />}><Cover dataset={dataset.id} /></Suspense>
      </span>
      <span className="block border-t border-line p-3.5">
        <span className="flex items-center gap-2">
          <span className="truncate font-semibold">{dataset.name}</span>
          {!dataset.complete && <Badge tone="warn">importing</Badge>}
          <span className="ml-auto text-xs text-faint"><When at={dataset.created_at} /></span>
        </span>
        <span className="mt-1.5 flex gap-3 text-xs text-soft">
          <span>{plural(dataset.images, "image")}</span>
          <span>{plural(dataset.annotations, "annotation")}</span>
          <span>{plural(dataset.classes, "class", "classes")}</span>
        </span>
      </span>
    </Link>
  );
}

/** The first pictures; a dataset without any shows the quiet ground. */
async function Cover({ dataset }: { dataset: number }) {
  const { items } = await (await api()).images.list(dataset, { limit: 4 });
  if (items.length === 0) return <span className="grid flex-1 place-items-center text-xs text-faint">no images</span>;
  return items.map((one) => <Thumb key={one.id} image={one} size={256} alt="" className="h-full min-w-0 flex-1 object-cover" />);
}
