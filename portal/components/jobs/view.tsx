"use client";
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useEffect, useRef } from "react";
import { Page } from "@/components/shell/page";
import { Button } from "@/components/ui/button";
import { Card, Panel } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { Refusal } from "@/components/ui/state";
import { When } from "@/components/ui/when";
import { browser, type JobItem } from "@/lib/api";
import { duration } from "@/lib/format";
import { routes } from "@/lib/routes";
import { Cancel } from "./cancel";
import { Epochs } from "./epochs";
import { ended, JobState, jobTitle, share } from "./state";

/** Between looks while it runs, ms. */
const lively = 1000;

export function JobView({ first, firstLog }: { first: JobItem; firstLog: string }) {
  const { data: job } = useQuery({
    queryKey: ["job", first.id],
    queryFn: () => browser().jobs.get(first.id),
    initialData: first,
    refetchInterval: ({ state }) => (state.data && ended(state.data) ? false : lively),
  });
  const { data: log } = useQuery({
    // Once more when it has ended: the last lines come with the end.
    queryKey: ["job", first.id, "log", ended(job)],
    queryFn: () => browser().jobs.log(first.id),
    initialData: { text: firstLog },
    refetchInterval: ended(job) ? false : 2 * lively,
  });
  return (
    <Page
      title={jobTitle(job)} crumbs={[{ name: "Jobs", href: routes.jobs(job.project_id) }]} note={<JobState job={job} />}
      actions={!ended(job) && <Cancel job={job} />}
    >
      <div className="grid gap-4">
        {job.failure && (
          <Refusal problem={{ title: job.failure.kind, status: 0, detail: job.failure.happened, remedy: job.failure.remedy }} />
        )}
        <Card className="p-4">
          <Progress value={share(job)} label="Progress" tone={job.state === "failed" ? "bad" : job.state === "succeeded" ? "good" : "accent"} />
          <dl className="mt-3 grid grid-cols-2 gap-x-6 gap-y-3 text-sm sm:grid-cols-4">
            <Fact name="Progress">{job.progress.total ? `${job.progress.done} of ${job.progress.total} ${job.progress.unit}` : job.progress.message || "–"}</Fact>
            <Fact name="Left">{!ended(job) && job.progress.eta_s !== null ? duration(job.progress.eta_s) : "–"}</Fact>
            <Fact name="Asked"><When at={job.created_at} /> by {job.author}</Fact>
            <Fact name="Took">{job.started_at && job.finished_at ? duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000) : "–"}</Fact>
          </dl>
          <Outcome job={job} />
        </Card>
        {job.kind === "train" && <Epochs job={job.id} live={!ended(job)} />}
        <Panel title="Log" note="the last lines"><Log text={log.text} /></Panel>
      </div>
    </Page>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return <div><dt className="text-xs text-faint">{name}</dt><dd>{children}</dd></div>;
}

/** Where what came out can be looked at. */
function Outcome({ job }: { job: JobItem }) {
  const id = (key: string): number | null => (typeof job.result?.[key] === "number" ? Number(job.result[key]) : null);
  const [run, evaluation, dataset] = [id("run_id"), id("evaluation_id"), id("dataset_id")];
  const to = evaluation !== null ? routes.evaluation(job.project_id, evaluation)
    : run !== null ? routes.run(job.project_id, run)
    : dataset !== null ? routes.dataset(job.project_id, dataset)
    : id("model_version_id") !== null ? routes.models(job.project_id) : null;
  if (to === null || job.state !== "succeeded") return null;
  return <Button asChild className="mt-4"><Link href={to}>Look at the result</Link></Button>;
}

/** Stays at its end while lines come, unless the reader has scrolled up. */
function Log({ text }: { text: string }) {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return (
    <pre
      ref={box} tabIndex={0} aria-label="Log" className="max-h-96 min-h-24 overflow-auto rounded-md bg-sunk p-3 font-mono text-xs leading-relaxed whitespace-pre-wrap"
      onScroll={({ currentTarget: one }) => (atEnd.current = one.scrollTop + one.clientHeight > one.scrollHeight - 24)}
    >
      {text || "Nothing yet."}
    </pre>
  );
}
