import { Ban, CircleCheck, CircleX, Clock, LoaderCircle } from "lucide-react";
import { Badge, type Tone } from "@/components/ui/badge";
import type { JobItem } from "@/lib/api";

const looks: Record<JobItem["state"], { tone: Tone; icon: typeof Ban }> = {
  queued: { tone: "plain", icon: Clock },
  running: { tone: "accent", icon: LoaderCircle },
  succeeded: { tone: "good", icon: CircleCheck },
  failed: { tone: "bad", icon: CircleX },
  cancelled: { tone: "warn", icon: Ban },
};

export function JobState({ job }: { job: JobItem }) {
  const { tone, icon: Icon } = looks[job.state];
  return (
    <Badge tone={tone}>
      <Icon className={job.state === "running" ? "size-3 animate-spin" : "size-3"} aria-hidden />
      <span data-state={job.state}>{job.cancelling ? "cancelling" : job.state}</span>
    </Badge>
  );
}

export function ended(job: JobItem): boolean {
  return job.state === "succeeded" || job.state === "failed" || job.state === "cancelled";
}

/** 0 … 1, or null where nobody knows. */
export function share(job: JobItem): number | null {
  if (job.state === "succeeded") return 1;
  if (job.state === "queued") return 0;
  const { done, total } = job.progress;
  return total ? done / total : ended(job) ? 0 : null;
}

/** What the job is about, in words. */
export function jobTitle(job: JobItem): string {
  const text = (key: string): string | null => (typeof job.arguments[key] === "string" ? String(job.arguments[key]) : null);
  const name = { train: "Training", predict: "Prediction", evaluate: "Evaluation", masks: "Boxes to masks", encode: "Encoding", follow: "Following", import: "Import", pyramid: "Pyramids" }[job.kind] ?? job.kind;
  const of = text("name") ?? text("architecture") ?? text("filename");
  return of ? `${name} · ${of}` : name;
}
