"use client";
// Only the rows near the screen exist; the next page is fetched (by key, so the last one costs as much as the first)
// before its rows come into sight.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ImageOff } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import { Empty, Refusal } from "@/components/ui/state";
import { Skeleton } from "@/components/ui/skeleton";
import { useWidth } from "@/components/charts/use-width";
import { browser, type ReviewedImage, type ReviewPage } from "@/lib/api";
import { cn } from "@/lib/cn";
import { problemOf } from "@/lib/problem";
import { type ImageFilter, routes } from "@/lib/routes";
import { Picked } from "./picked";
import { ReviewBadge } from "./status";
import { Thumb } from "./thumb";

/** px */
const [least, gap, caption, margin] = [168, 12, 22, 16];

export function ImageGrid({ project, dataset, filter, first, edits }: {
  project: number; dataset: number; filter: ImageFilter; first: ReviewPage; edits: boolean;
}) {
  const [picked, setPicked] = useState<ReadonlySet<number>>(new Set());
  const lastPicked = useRef<number | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const [host, width] = useWidth<HTMLDivElement>(960);
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["images", dataset, filter],
    queryFn: ({ pageParam }) => browser().images.list(dataset, { ...filter, after: pageParam, limit: 200 }),
    initialPageParam: 0,
    initialData: { pages: [first], pageParams: [0] },
    getNextPageParam: (last) => last.next ?? undefined,
    staleTime: 60_000,
    // Statuses change while the grid is out of sight: what was shown then is not shown again.
    gcTime: 0,
    refetchOnMount: "always",
  });
  const images = data.pages.flatMap((page) => page.items);
  const columns = Math.max(2, Math.floor((width + gap) / (least + gap)));
  const side = (width - gap * (columns - 1)) / columns;
  const rows = Math.ceil(images.length / columns);
  const rowHeight = side * 0.75 + caption + gap;
  const virtual = useVirtualizer({
    count: rows + (hasNextPage ? 1 : 0),
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 4,
    paddingStart: margin,
    paddingEnd: margin,
  });
  useEffect(() => virtual.measure(), [virtual, rowHeight]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows - 3 && hasNextPage && !isFetchingNextPage && !error) void fetchNextPage();
  }, [last, rows, hasNextPage, isFetchingNextPage, error, fetchNextPage]);

  /** Ticks an image or takes its tick away; with Shift all those between it and the one before. */
  const pick = (index: number, event: MouseEvent): void => {
    const from = event.shiftKey && lastPicked.current !== null ? lastPicked.current : index;
    const now = new Set(picked);
    const on = !picked.has(images[index]!.id);
    for (const one of images.slice(Math.min(from, index), Math.max(from, index) + 1)) on ? now.add(one.id) : now.delete(one.id);
    lastPicked.current = index;
    setPicked(now);
  };
  // Going back shows the page as it was: where a review has changed since, its filters and their numbers are asked anew.
  const router = useRouter();
  const stale = said(data.pages[0]!, first.items.length) !== said(first, first.items.length);
  useEffect(() => {
    if (stale) router.refresh();
  }, [stale, router]);
  const arrows = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -images.length, End: images.length }[event.key];
    const at = Number((document.activeElement as HTMLElement | null)?.dataset.index ?? NaN);
    if (by === undefined || Number.isNaN(at)) return;
    event.preventDefault();
    const to = Math.min(images.length - 1, Math.max(0, at + by));
    virtual.scrollToIndex(Math.floor(to / columns), { align: "auto" });
    // At once where it is there: the next key may come before the next frame.
    const focus = (): boolean => {
      const item = scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"]`);
      item?.focus({ preventScroll: true });
      return item != null;
    };
    if (!focus()) requestAnimationFrame(focus);
  };

  if (images.length === 0)
    return <div className="flex-1 p-6"><Empty icon={<ImageOff />} title="No such images">Nothing here matches all of the filters.</Empty></div>;
  return (
    <div className="flex min-w-0 flex-1 flex-col">
      <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-4" onKeyDown={arrows} aria-busy={isFetchingNextPage}>
        <div ref={host} className="relative" style={{ height: virtual.getTotalSize() }}>
          {shown.map((row) => (
            <div key={row.key} className="absolute inset-x-0 top-0 grid" style={{ transform: `translateY(${row.start}px)`, gap, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
              {row.index < rows
                ? images.slice(row.index * columns, (row.index + 1) * columns).map((one, n) => (
                    <Item
                      key={one.id} image={one} index={row.index * columns + n} height={side * 0.75} href={routes.image(project, one.id, filter)}
                      {...(edits && { picked: picked.has(one.id), onPick: (event: MouseEvent) => pick(row.index * columns + n, event) })}
                    />
                  ))
                : Array.from({ length: columns }, (_, n) => <Skeleton key={n} className="h-32" />)}
            </div>
          ))}
        </div>
        {error && <div className="pb-4"><Refusal problem={problemOf(error)} /></div>}
      </div>
      {picked.size > 0 && <Picked dataset={dataset} images={[...picked]} onDone={() => setPicked(new Set())} />}
    </div>
  );
}

/** What a page says of its images' reviews. */
function said(page: ReviewPage, many: number): string {
  return `${page.total} ${page.items.slice(0, many).map((one) => `${one.id} ${one.status} ${one.assignee}`).join(",")}`;
}

function Item({ image, index, height, href, picked = false, onPick }: {
  image: ReviewedImage; index: number; height: number; href: string; picked?: boolean; onPick?: (event: MouseEvent) => void;
}) {
  return (
    <div className="group relative min-w-0">
      <Link data-row data-index={index} href={href} prefetch={false} className="block min-w-0 rounded-md" title={`${image.file_name} · ${image.width} × ${image.height}`}>
        <span className={cn("relative block overflow-hidden rounded-md border border-line bg-sunk group-hover:border-line-strong", picked && "border-accent outline-2 outline-accent")} style={{ height }}>
          <Thumb image={image} size={256} alt={image.file_name} className="size-full object-cover" />
          <ReviewBadge image={image} />
        </span>
        <span className="mt-1 flex items-center gap-2 px-0.5 text-xs">
          <span className="min-w-0 truncate text-soft group-hover:text-ink">{image.file_name.split("/").at(-1)}</span>
          {image.tags.length > 0 && <span className="ml-auto max-w-1/2 shrink-0 truncate text-faint">{image.tags.join(" · ")}</span>}
        </span>
      </Link>
      {onPick && (
        <input
          type="checkbox" aria-label={`Select ${image.file_name}`} checked={picked} readOnly onClick={onPick}
          className={cn("absolute top-2 left-2 size-5 cursor-pointer accent-(--accent) opacity-0 group-hover:opacity-100 focus-visible:opacity-100 pointer-coarse:opacity-100", picked && "opacity-100")}
        />
      )}
    </div>
  );
}
