import type { Metadata } from "next";
import Form from "next/form";
import { Scale } from "lucide-react";
import { AgreementTable } from "@/components/agreement/agreement-table";
import { DisagreedImages } from "@/components/agreement/disagreed-images";
import { LabelMatrix } from "@/components/agreement/label-matrix";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Button } from "@/components/ui/button";
import { Card, Panel } from "@/components/ui/card";
import { Field, Select } from "@/components/ui/input";
import { Empty, Refusal } from "@/components/ui/state";
import type { AgreementData } from "@/lib/api";
import { plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, one, type Params, type Search } from "@/lib/params";
import { type Problem, problemOf } from "@/lib/problem";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Agreement" };

const ious = ["0.3", "0.5", "0.7", "0.9"];
const confidences = ["0.1", "0.25", "0.5", "0.75"];

interface Props {
  params: Params<"project" | "dataset">;
  searchParams: Search;
}

export default guarded(async ({ params, searchParams }: Props) => {
  const given = await params;
  const query = await searchParams;
  const [project, id] = [idOf(given.project), idOf(given.dataset)];
  const client = await api();
  const [dataset, datasets, runs] = await Promise.all([client.datasets.get(id), client.datasets.list(project), client.runs.list(project)]);
  const people = datasets.items.filter((each) => each.id !== id);
  const own = runs.items.filter((each) => each.dataset_id === id);
  const [kind, otherId] = /^(dataset|run)-([1-9]\d{0,15})$/.exec(one(query.with) ?? "")?.slice(1) ?? [];
  const iou = chosen(one(query.iou), ious, "0.5");
  const confidence = chosen(one(query.confidence), confidences, "0.25");
  const masks = one(query.masks) === "on";
  const asked = otherId ? ({ kind: kind as "dataset" | "run", id: Number(otherId), iou: Number(iou), confidence: Number(confidence), masks } as const) : null;
  const found: AgreementData | { readonly problem: Problem } | null = asked && (await client.datasets.agreement(id, asked).catch((error: unknown) => ({ problem: problemOf(error) })));
  return (
    <Page
      title="Agreement" crumbs={[{ name: "Datasets", href: routes.datasets(project) }, { name: dataset.name, href: routes.dataset(project, id) }]}
      actions={found && !("problem" in found) && <OpenInNotebook lines={notebook(dataset.name, found, kind === "run" ? Number(otherId) : null, confidence)} />}
    >
      <Card className="mb-4 p-4">
        <Form action={routes.agreement(project, id)} className="flex flex-wrap items-end gap-3">
          <Field label={`${dataset.name} and`}>
            <Select name="with" required defaultValue={one(query.with) ?? ""} key={one(query.with)} className="w-64">
              <option value="" disabled>whose labels?</option>
              {people.length > 0 && <optgroup label="Another dataset">{people.map((each) => <option key={each.id} value={`dataset-${each.id}`}>{each.name}</option>)}</optgroup>}
              {own.length > 0 && <optgroup label="A prediction run">{own.map((each) => <option key={each.id} value={`run-${each.id}`}>{each.name}</option>)}</optgroup>}
            </Select>
          </Field>
          <Field label="Overlap from"><Select name="iou" defaultValue={iou} className="w-28">{ious.map((each) => <option key={each} value={each}>IoU {each}</option>)}</Select></Field>
          <Field label="Predictions from"><Select name="confidence" defaultValue={confidence} className="w-28">{confidences.map((each) => <option key={each} value={each}>{each}</option>)}</Select></Field>
          <label className="flex h-8 items-center gap-2 text-sm"><input type="checkbox" name="masks" defaultChecked={masks} className="size-4 accent-[var(--accent)]" />Masks, not boxes</label>
          <Button type="submit" look="primary">Compare</Button>
        </Form>
      </Card>
      {!found && (
        <Empty icon={<Scale />} title="How far do two agree?">
          {people.length + own.length > 0
            ? "Choose another person's labels of the same images, which are a dataset of their own, or a run's predictions."
            : "There is nothing to compare with yet: no other dataset in this project, and no run on this one."}
        </Empty>
      )}
      {found && "problem" in found && <Refusal problem={found.problem} />}
      {found && !("problem" in found) && <Found project={project} found={found} />}
    </Page>
  );
});

function Found({ project, found }: { project: number; found: AgreementData }) {
  const { every, left, right } = found;
  const objects = found.confusion.flat().reduce((sum, each) => sum + each, 0);
  return (
    <div className="grid gap-4">
      <Card className="p-5">
        <p className="text-lg text-pretty" data-sentence>
          {left} and {right} agree on {every.agreed.toLocaleString("en")} of the {plural(objects, "object")} that either saw on {plural(found.images, "image")}: F1 {said(every.f1)}, alpha {said(every.alpha)}.
        </p>
        <p className="mt-3 text-xs text-faint">
          Shapes are paired whatever their class, from an IoU of {found.iou} of their {found.masks ? "masks" : "boxes"}. Krippendorff&rsquo;s alpha is 1 where all agree and 0 where chance would do as well.
        </p>
      </Card>
      <div className="grid items-start gap-4 xl:grid-cols-[1.4fr_1fr]">
        <Panel title="Classes" note="the least agreement first"><AgreementTable found={found} /></Panel>
        <Panel title="What they call it" note={`${left} by rows, ${right} by columns`}><LabelMatrix found={found} /></Panel>
      </div>
      <Panel title="Where they differ" note={found.differing ? `${plural(found.differing, "image")}, the worst first` : undefined}>
        {found.worst.length ? <DisagreedImages project={project} found={found} /> : <p className="text-sm text-soft">Nowhere.</p>}
      </Panel>
    </div>
  );
}

function said(value: number | null): string {
  return value === null ? "–" : value.toFixed(2).replace("-", "−");
}

function chosen(value: string | undefined, values: readonly string[], usual: string): string {
  return value !== undefined && values.includes(value) ? value : usual;
}

/** The same in Python. */
function notebook(dataset: string, { right, iou, masks }: AgreementData, run: number | null, confidence: string): string[] {
  const other = run === null ? `project.dataset(${JSON.stringify(right)})` : `project.run(${run})`;
  const how = [`iou=${iou}`, ...(masks ? ["masks=True"] : []), ...(run === null ? [] : [`confidence=${confidence}`])];
  return [`project.dataset(${JSON.stringify(dataset)}).agreement_chart(${other}, ${how.join(", ")})`];
}
