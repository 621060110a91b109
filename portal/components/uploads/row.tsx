"use client";
import { Ban, Check, FileArchive, FileImage, Package, Pause, Play, X } from "lucide-react";
import Link from "next/link";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { bytes, duration, plural } from "@/lib/format";
import { routes } from "@/lib/routes";
import { drop, pause, resume, type Sending } from "./queue";

const icons = { image: FileImage, "images-zip": FileArchive, "dataset-zip": FileArchive, checkpoint: Package } as const;

export function SendingRow({ sending }: { sending: Sending }) {
  const { key, file, to, state, problem } = sending;
  const Icon = icons[to.purpose];
  const moving = state === "sending" || state === "waiting" || state === "paused";
  return (
    <li className="flex items-start gap-3 p-3" data-upload={file.name} data-state={state}>
      <Icon className="mt-0.5 size-4 shrink-0 text-faint" aria-hidden />
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline gap-2">
          <span className="truncate font-medium">{file.name}</span>
          <span className="shrink-0 text-xs text-faint">{bytes(file.size)}{to.dataset && ` → ${to.dataset}`}</span>
        </div>
        {moving && <Progress className="my-1.5" value={sending.sent / Math.max(1, file.size)} label={`Upload of ${file.name}`} />}
        <p className="text-xs text-soft" role="status">{said(sending)}</p>
        {problem && <p role="alert" className="mt-0.5 text-xs text-bad">{problem.detail}{problem.remedy && <span className="text-soft"> · {problem.remedy}</span>}</p>}
        <Became sending={sending} />
      </div>
      {state === "done" && <Check className="size-4 text-good" aria-label="done" />}
      {state === "refused" && <Ban className="size-4 text-bad" aria-label="refused" />}
      {state === "sending" && <Button look="ghost" size="icon" aria-label={`Pause ${file.name}`} onClick={() => pause(key)}><Pause /></Button>}
      {(state === "paused" || (state === "refused" && problem?.status === 0 && !sending.became)) && (
        <Button look="ghost" size="icon" aria-label={`Resume ${file.name}`} onClick={() => resume(key)}><Play /></Button>
      )}
      {state !== "taking" && <Button look="ghost" size="icon" aria-label={`Remove ${file.name} from the list`} onClick={() => drop(key)}><X /></Button>}
    </li>
  );
}

function said({ state, sent, file, startedAt }: Sending): string {
  switch (state) {
    case "waiting": return "waits for its turn";
    case "sending": {
      const seconds = (performance.now() - startedAt) / 1000;
      const rate = sent / Math.max(0.5, seconds);
      return sent > 0 && seconds > 1 ? `${bytes(sent)} · ${bytes(rate)}/s · ${duration((file.size - sent) / rate)} left` : `${bytes(sent)}`;
    }
    case "paused": return `paused at ${bytes(sent)}`;
    case "taking": return "all there; being checked and taken in";
    case "done": return "done";
    case "refused": return "not taken";
  }
}

/** Where what it became can be looked at, and what of it was left out and why. */
function Became({ sending: { to, became } }: { sending: Sending }) {
  if (!became) return null;
  const { result, job_id, state } = became;
  const left = result?.problem_count ?? 0;
  return (
    <div className="text-xs">
      {result?.datasets?.map((one) => (
        <p key={one.dataset_id}>
          <Link href={routes.dataset(to.project, one.dataset_id)} className="font-medium text-accent hover:underline">{one.dataset}</Link>
          <span className="text-soft">: {plural(one.images ?? 0, "new image")}, {plural(one.annotations ?? 0, "annotation")}{(one.images_refused ?? 0) > 0 && `, ${plural(one.images_refused ?? 0, "image")} refused`}</span>
        </p>
      ))}
      {typeof result?.image_id === "number" && <Link href={routes.image(to.project, result.image_id)} className="font-medium text-accent hover:underline">Open the image</Link>}
      {typeof result?.model_version_id === "number" && <Link href={routes.models(to.project)} className="font-medium text-accent hover:underline">See it among the models</Link>}
      {!result && job_id && state !== "refused" && <Link href={routes.job(to.project, job_id)} className="font-medium text-accent hover:underline">Follow the import</Link>}
      {left > 0 && (
        <details className="mt-1 text-soft">
          <summary>{plural(left, "thing")} left out</summary>
          <ul className="mt-1 max-h-40 list-disc overflow-auto pl-4">{result?.problems?.map((one) => <li key={one}>{one}</li>)}</ul>
        </details>
      )}
    </div>
  );
}
