"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ListChecks } from "lucide-react";
import Link from "next/link";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { Empty, Refusal } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import { browser, type JobItem, type JobPage } from "@/lib/api";
import { duration } from "@/lib/format";
import { problemOf } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { Cancel } from "./cancel";
import { ended, JobState, jobTitle, share } from "./state";

/** Between looks, ms: often while something happens. */
const [lively, quiet] = [1500, 10_000];

export function JobList({ project, first }: { project: number; first: JobPage }) {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["jobs", project],
    queryFn: ({ pageParam }) => browser().jobs.list(project, pageParam),
    initialPageParam: undefined as string | undefined,
    initialData: { pages: [first], pageParams: [undefined] },
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: ({ state }) => (state.data?.pages.some((page) => page.items.some((job) => !ended(job))) ? lively : quiet),
  });
  const jobs = data.pages.flatMap((page) => page.items);
  return (
    <div className="grid gap-4">
      {error && <Refusal problem={problemOf(error)} />}
      {jobs.length === 0 ? (
        <Empty icon={<ListChecks />} title="No job yet">
          Training, predicting and importing run here, on a worker; <code className="font-mono">project.submit.train(…)</code> in a notebook starts one.
        </Empty>
      ) : (
        <Card>
          <Table aria-label="Jobs">
            <thead><tr><Th>Job</Th><Th>State</Th><Th className="w-2/5">Progress</Th><Th>By</Th><Th>Asked</Th><Th><span className="sr-only">Actions</span></Th></tr></thead>
            <tbody>{jobs.map((job) => <Row key={job.id} project={project} job={job} />)}</tbody>
          </Table>
        </Card>
      )}
      {hasNextPage && <Button className="justify-self-center" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>Older jobs</Button>}
    </div>
  );
}

function Row({ project, job }: { project: number; job: JobItem }) {
  return (
    <Tr data-job={job.id}>
      <Td><Link data-row href={routes.job(project, job.id)} className="rounded-sm font-medium hover:text-accent">{jobTitle(job)}</Link></Td>
      <Td><JobState job={job} /></Td>
      <Td className="max-w-0"><Standing job={job} /></Td>
      <Td className="text-soft">{job.author}</Td>
      <Td className="text-soft"><When at={job.created_at} /></Td>
      <Td className="text-right">{!ended(job) && <Cancel job={job} />}</Td>
    </Tr>
  );
}

/** How far it is, or how it ended. */
export function Standing({ job }: { job: JobItem }) {
  if (job.failure) return <span className="block truncate text-soft" title={job.failure.happened}>{job.failure.happened}</span>;
  if (ended(job) && job.state !== "cancelled") return <span className="text-faint">{took(job)}</span>;
  const { done, total, unit, message, eta_s } = job.progress;
  const said = [message, total ? `${done} of ${total} ${unit}` : null, eta_s !== null && !ended(job) ? `${duration(eta_s)} left` : null].filter(Boolean).join(" · ");
  return (
    <span className="grid gap-1">
      {!ended(job) && <Progress value={share(job)} label={`Progress of ${jobTitle(job)}`} />}
      <span className="truncate text-xs text-faint">{said || (job.state === "queued" ? "waits for a free worker" : "")}</span>
    </span>
  );
}

function took(job: JobItem): string {
  return job.started_at && job.finished_at ? `took ${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}` : "";
}
