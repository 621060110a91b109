"use client";
import { useMutation } from "@tanstack/react-query";
import { BoxSelect } from "lucide-react";
import { useRouter } from "next/navigation";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Select } from "@/components/ui/input";
import { Refusal } from "@/components/ui/state";
import { browser } from "@/lib/api";
import { problemOf } from "@/lib/problem";
import { type ImageFilter, routes } from "@/lib/routes";

const segmenters = ["sam2.1-tiny", "sam2.1-small", "sam2.1-base_plus", "sam2.1-large", "pico"];

/** Ask a worker for the masks in the boxes of a dataset, or of the part of it that is shown; then its job is looked at. */
export function MasksOfBoxes({ project, dataset, filter }: { project: number; dataset: number; filter: ImageFilter }) {
  const router = useRouter();
  const ask = useMutation({
    mutationFn: (form: FormData) => browser().jobs.ask(project, {
      kind: "masks", dataset_id: dataset, score_min: Number(form.get("score")),
      segmenter: String(form.get("segmenter")) || null,
      part: { tags: filter.tag ? [filter.tag] : [], classes: filter.class ? [filter.class] : null, areas: null, images: null, text: filter.text ?? "" },
    }),
    onSuccess: ({ id }) => router.push(routes.job(project, id)),
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    ask.mutate(new FormData(event.currentTarget));
  };
  const part = [filter.tag && `with the tag ${filter.tag}`, filter.class && `of the class ${filter.class}`, filter.text && `whose file name has “${filter.text}”`].filter(Boolean);
  return (
    <Dialog
      trigger={<Button size="icon" aria-label="Masks of boxes" title="Masks of boxes"><BoxSelect /></Button>} title="Masks of boxes"
      description={`A worker draws the mask in each box of ${part.length ? `the images ${part.join(", ")}` : "the dataset"} with SAM 2 and puts it in the box's place. Class, attributes, track and history stay; each is an edit that can be taken back.`}
    >
      {ask.error && <Refusal problem={problemOf(ask.error)} />}
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Model" hint="The first is the smallest whose weights the worker has.">
          <Select name="segmenter" defaultValue="">
            <option value="">Whichever the worker has</option>
            {segmenters.map((one) => <option key={one} value={one}>{one}</option>)}
          </Select>
        </Field>
        <Field label="Least IoU" hint="Boxes for whose mask the model predicts less stay boxes.">
          <Select name="score" defaultValue="0.5">{["0.3", "0.5", "0.7", "0.8", "0.9"].map((one) => <option key={one} value={one}>{one}</option>)}</Select>
        </Field>
        <div className="flex justify-end"><Button type="submit" look="primary" disabled={ask.isPending || ask.isSuccess}>Draw the masks</Button></div>
      </form>
    </Dialog>
  );
}
