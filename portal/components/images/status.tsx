// What a review says of an image: as an icon in a list, and as a badge on the image itself.
import { MessageSquare } from "lucide-react";
import { Badge } from "@/components/ui/badge";
import type { ReviewedImage } from "@/lib/api";
import { cn } from "@/lib/cn";
import { type Status, statuses } from "@/lib/reviews";

const inks = { plain: "text-faint", accent: "text-accent", good: "text-good", bad: "text-bad", warn: "text-warn" } as const;

export function StatusIcon({ status }: { status: Status }) {
  const { icon: Icon, tone } = statuses[status];
  return <Icon className={cn("size-3.5 shrink-0", inks[tone])} aria-hidden />;
}

/** In the image's corner: its status, whose it is, and how many comments are open. Nothing where nobody touched it. */
export function ReviewBadge({ image }: { image: ReviewedImage }) {
  const { name, tone, icon: Icon } = statuses[image.status];
  const touched = image.status !== "todo" || image.assignee !== "";
  return (
    <span className="pointer-events-none absolute inset-x-1.5 bottom-1.5 flex flex-wrap items-end gap-1">
      {touched && (
        <Badge tone={tone} className="max-w-full min-w-0 shadow-[0_1px_3px_var(--shadow)] [&_svg]:size-3">
          <Icon className="shrink-0" aria-hidden />
          <span className="truncate">{name}{image.assignee && ` · ${image.assignee}`}</span>
        </Badge>
      )}
      {image.open_comments > 0 && (
        <Badge tone="warn" className="shadow-[0_1px_3px_var(--shadow)] [&_svg]:size-3">
          <MessageSquare aria-hidden />{image.open_comments}<span className="sr-only"> open comments</span>
        </Badge>
      )}
    </span>
  );
}
