// What a dataset is made of, as bars; a bar narrows the grid to what it stands for, and again to everything.
import Link from "next/link";
import type { DatasetDetail, ReviewCounts } from "@/lib/api";
import { cn } from "@/lib/cn";
import { short } from "@/lib/format";
import { StatusIcon } from "@/components/images/status";
import { statuses } from "@/lib/reviews";
import { type ImageFilter, routes } from "@/lib/routes";

export function Facets({ dataset, reviews, filter }: { dataset: DatasetDetail; reviews: ReviewCounts; filter: ImageFilter }) {
  const to = (change: ImageFilter): string => routes.dataset(dataset.project_id, dataset.id, { ...filter, ...change });
  const classes = [...dataset.classes].sort((a, b) => b.annotations - a.annotations);
  const assigned = reviews.assignees.reduce((sum, one) => sum + one.images, 0);
  const tags = [...dataset.tags].sort((a, b) => b.images - a.images);
  return (
    <aside aria-label="Filter" className="w-56 shrink-0 space-y-5 overflow-y-auto border-r border-line p-3 max-lg:hidden">
      <Bars title="Classes" note="annotations">
        {classes.map((one) => (
          <Bar
            key={one.id} name={one.name} value={one.annotations} most={classes[0]?.annotations ?? 1} color={one.color}
            on={filter.class === one.name} href={to({ class: filter.class === one.name ? undefined : one.name })}
          />
        ))}
      </Bars>
      {tags.length > 0 && (
        <Bars title="Tags" note="images">
          {tags.map((one) => (
            <Bar
              key={one.name} name={one.name} value={one.images} most={dataset.images}
              on={filter.tag === one.name} href={to({ tag: filter.tag === one.name ? undefined : one.name })}
            />
          ))}
        </Bars>
      )}
      <Bars title="Review" note="images">
        {reviews.statuses.map((one) => (
          <Bar
            key={one.status} name={statuses[one.status].name} value={one.images} most={dataset.images} icon={<StatusIcon status={one.status} />}
            on={filter.status === one.status} href={to({ status: filter.status === one.status ? undefined : one.status })}
          />
        ))}
      </Bars>
      {reviews.assignees.length > 0 && (
        <Bars title="Assigned to" note="images">
          {reviews.assignees.map((one) => (
            <Bar
              key={one.name} name={one.name} value={one.images} most={dataset.images}
              on={filter.assignee === one.name} href={to({ assignee: filter.assignee === one.name ? undefined : one.name, unassigned: undefined })}
            />
          ))}
          <Bar
            name="Nobody" value={dataset.images - assigned} most={dataset.images}
            on={Boolean(filter.unassigned)} href={to({ unassigned: filter.unassigned ? undefined : "1", assignee: undefined })}
          />
        </Bars>
      )}
    </aside>
  );
}

function Bars({ title, note, children }: { title: string; note: string; children: React.ReactNode }) {
  return (
    <section>
      <h2 className="mb-1 flex justify-between px-1.5 text-xs font-medium text-soft">{title}<span className="font-normal text-faint">{note}</span></h2>
      <ul>{children}</ul>
    </section>
  );
}

function Bar({ name, value, most, color, icon, on, href }: {
  name: string; value: number; most: number; color?: string; icon?: React.ReactNode; on: boolean; href: string;
}) {
  return (
    <li>
      <Link
        href={href} scroll={false} replace aria-current={on} title={on ? `All again` : `Only ${name}`}
        className={cn("block rounded-md px-1.5 py-1 hover:bg-sunk", on && "bg-tint hover:bg-tint")}
      >
        <span className="flex items-center gap-1.5 text-sm">
          {icon}
          {color && <i className="size-2 shrink-0 rounded-full" style={{ background: color }} aria-hidden />}
          <span className={cn("min-w-0 truncate", on && "font-medium text-accent")}>{name}</span>
          <span className="ml-auto text-xs text-soft">{short(value)}</span>
        </span>
        <span className="mt-1 block h-1 overflow-hidden rounded-full bg-line" aria-hidden>
          <span className="block h-full rounded-full bg-accent" style={{ width: `${(100 * value) / Math.max(1, most)}%`, ...(color && { background: color }) }} />
        </span>
      </Link>
    </li>
  );
}
