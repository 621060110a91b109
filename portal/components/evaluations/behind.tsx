"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import Link from "next/link";
import { Thumb } from "@/components/images/thumb";
import { Button } from "@/components/ui/button";
import { Panel } from "@/components/ui/card";
import { Refusal } from "@/components/ui/state";
import { Skeleton } from "@/components/ui/skeleton";
import { browser, type MarkedImages } from "@/lib/api";
import { plural } from "@/lib/format";
import { caption, type Mark } from "@/lib/marks";
import { problemOf } from "@/lib/problem";
import { routes } from "@/lib/routes";

/** The images behind the chosen mark; each opens on the canvas, where its labels can be mended. */
export function Behind({ project, evaluation, tag, mark, first, onReset }: {
  project: number; evaluation: number; tag: string | undefined; mark: Mark; first: MarkedImages; onReset: () => void;
}) {
  const { data, error, hasNextPage, fetchNextPage, isFetching } = useInfiniteQuery({
    queryKey: ["behind", evaluation, tag, mark],
    queryFn: ({ pageParam }) => browser().evaluations.images(evaluation, { tag, mark, after: pageParam }),
    initialPageParam: 0,
    getNextPageParam: (last) => last.next ?? undefined,
    ...(mark.kind === "worst" && { initialData: { pages: [first], pageParams: [0] } }),
    staleTime: 60_000,
  });
  const images = data?.pages.flatMap((page) => page.items);
  return (
    <Panel
      title={caption(mark)} note={data?.pages[0] && plural(data.pages[0].total, "image")}
      actions={mark.kind !== "worst" && <Button size="sm" look="ghost" onClick={onReset}>All mistakes</Button>}
    >
      <div data-behind={mark.kind} aria-busy={isFetching}>
        {error && <Refusal problem={problemOf(error)} />}
        {images?.length === 0 && <p className="py-6 text-center text-sm text-soft">No image: there is nothing to mend here.</p>}
        <ul className="grid grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] gap-3">
          {!images && !error && Array.from({ length: 8 }, (_, n) => <li key={n}><Skeleton className="h-28" /></li>)}
          {images?.map((one) => (
            <li key={one.id} className="min-w-0">
              <Link data-row data-image={one.id} href={routes.image(project, one.id)} prefetch={false} title={one.file_name} className="group block rounded-md">
                <Thumb image={{ id: one.id, width: 4, height: 3 }} size={256} alt={one.file_name} className="aspect-4/3 w-full rounded-md border border-line object-cover group-hover:border-line-strong" />
                <span className="mt-1 flex gap-2 text-xs">
                  <span className="text-good" title="found">{one.TP} ✓</span><span className="text-bad" title="false">{one.FP} ✗</span><span className="text-warn" title="missed">{one.FN} missed</span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
        {hasNextPage && <Button className="mt-4" disabled={isFetching} onClick={() => void fetchNextPage()}>More images</Button>}
      </div>
    </Panel>
  );
}
