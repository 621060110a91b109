// The card of one job. Class names avoid JupyterLab's and ipywidgets' own global ones (progress, bar, Font Awesome's far, …).
import type { ReadonlySignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { JobView } from "../wire.gen";
import { Chart } from "./Chart";
import { about, count, duration, plural } from "./format";
import { lines, metricLines } from "./series";

const words: Record<JobView["state"], string> = {
  queued: "Queued",
  running: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
};

interface Properties {
  readonly view: ReadonlySignal<JobView>;
  /** False once the kernel has ended: the card shows what it knew. */
  readonly alive: ReadonlySignal<boolean>;
  readonly cancel: () => void;
}

export function App({ view, alive, cancel }: Properties) {
  const job = view.value;
  const open = job.state === "queued" || job.state === "running";
  return (
    <div class="card" data-state={job.cancelling ? "stopping" : job.state}>
      <header>
        <span class="chip">{job.cancelling ? "Stopping" : words[job.state]}</span>
        <span class="title" title={`job ${job.id}, asked by ${job.author}`}>{job.title}</span>
        <Clock job={job} />
        {open && alive.value && <Cancel job={job} cancel={cancel} />}
      </header>
      {open && <Bar job={job} />}
      {job.result && <p class="result">{job.result}<code>job.result</code></p>}
      {open && job.note && <p class="note"><Coded text={job.note} /></p>}
      {open && !alive.value && <p class="note">The kernel has ended; the job has not. Run the cell again to follow it.</p>}
      {job.failure && (
        <div class="failure">
          <p>{job.failure.happened}</p>
          <p class="remedy"><Coded text={job.failure.remedy} /></p>
        </div>
      )}
      <Charts job={job} />
      <Log job={job} />
    </div>
  );
}

function Clock({ job }: { job: JobView }) {
  const [, tick] = useState(0);
  const ticking = job.state === "running";
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  if (job.started_at === null) return null;
  const until = job.finished_at ?? Date.now() / 1000;
  return <time>{duration(until - job.started_at)}</time>;
}

function Cancel({ job, cancel }: { job: JobView; cancel: () => void }) {
  const [asked, setAsked] = useState(false);
  const [unheard, setUnheard] = useState(false);
  useEffect(() => {
    if (!asked || job.cancelling) return;
    const timer = setTimeout(() => setUnheard(true), 4000);
    return () => clearTimeout(timer);
  }, [asked, job.cancelling]);
  if (job.cancelling) return null;
  if (unheard) return <span class="busy">The kernel is busy: interrupt it, or it cancels when it is free.</span>;
  return (
    <button
      disabled={asked}
      title={job.state === "queued" ? "Take it out of the queue" : "Stop after writing a checkpoint"}
      onClick={() => {
        setAsked(true);
        cancel();
      }}
    >
      {asked ? "Stopping…" : "Cancel"}
    </button>
  );
}

function Bar({ job }: { job: JobView }) {
  const { done, total, unit, message, eta_s } = job.progress;
  const share = total ? Math.min(1, done / total) : null;
  const waiting = job.state === "queued" || job.cancelling;
  return (
    <div class="going">
      <div class={share === null && !waiting ? "track unknown" : "track"} role="progressbar" aria-valuenow={done} aria-valuemax={total ?? undefined}>
        <div style={{ width: `${(share ?? 0) * 100}%` }} />
      </div>
      <div class="stage">
        <span>{job.state === "queued" ? "Waiting for a worker" : message || "Starting"}</span>
        {total !== null && total > 0 && (
          <span>{count(done)} of {count(total)} {plural(total, unit)}</span>
        )}
        {eta_s !== null && job.state === "running" && !job.cancelling && <span class="eta">{about(eta_s)} left</span>}
      </div>
    </div>
  );
}

function Charts({ job }: { job: JobView }) {
  const epochs = Math.max(...job.epochs.map((one) => one.epochs), 1);
  const losses = lines(job.epochs, "losses").filter((line) => line.points.length > 0);
  const metrics = metricLines(job.epochs).filter((line) => line.points.length > 0);
  if (losses.length + metrics.length === 0) return null;
  return (
    <div class="charts">
      {losses.length > 0 && <Chart title="Loss" lines={losses} epochs={epochs} fromZero={false} />}
      {metrics.length > 0 && <Chart title="Validation" lines={metrics} epochs={epochs} fromZero={true} />}
    </div>
  );
}

function Log({ job }: { job: JobView }) {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    // Follow the log, unless the reader has scrolled up to read.
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [job.log]);
  const text = job.failure && job.detail && !job.log.includes(job.detail.trim()) ? `${job.log}\n${job.detail}` : job.log;
  if (!text.trim()) return null;
  return (
    <details
      open={job.state === "failed"}
      onToggle={() => box.current && (box.current.scrollTop = box.current.scrollHeight)}
    >
      <summary>Log</summary>
      <pre
        ref={box}
        onScroll={({ currentTarget: it }) => {
          atEnd.current = it.scrollHeight - it.scrollTop - it.clientHeight < 8;
        }}
      >
        {text}
      </pre>
    </details>
  );
}

/** Text with `code` in it. */
function Coded({ text }: { text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 ? <code>{part}</code> : part))}</>;
}
