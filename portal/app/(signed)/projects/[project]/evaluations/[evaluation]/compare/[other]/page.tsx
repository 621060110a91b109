import type { Metadata } from "next";
import { ComparisonTable } from "@/components/evaluations/comparison-table";
import { WonAndLost } from "@/components/evaluations/won-and-lost";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Card, Panel } from "@/components/ui/card";
import { plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Comparison" };

export default guarded(async ({ params }: { params: Params<"project" | "evaluation" | "other"> }) => {
  const given = await params;
  const [project, id, otherId] = [idOf(given.project), idOf(given.evaluation), idOf(given.other)];
  const client = await api();
  const [this_, other, found] = await Promise.all([client.evaluations.get(id), client.evaluations.get(otherId), client.evaluations.compare(id, otherId)]);
  const [name, against] = [this_.evaluation.run, other.evaluation.run];
  return (
    <Page
      title={`${name} less ${against}`} crumbs={[{ name: "Evaluations", href: routes.evaluations(project) }]}
      note={`on ${this_.evaluation.dataset}`}
      actions={<OpenInNotebook lines={[`project.evaluation(${id}).compare(project.evaluation(${otherId}))`]} />}
    >
      <div className="grid gap-4">
        <Card className="p-5">
          <p className="text-lg text-pretty" data-sentence>{found.sentence}</p>
          {found.warning && <p className="mt-2 text-sm text-warn">{found.warning}</p>}
          <p className="mt-3 text-xs text-faint">
            {plural(found.images, "image")}: better on {found.wins}, worse on {found.losses}. {found.replicates} resampled datasets, {Math.round(found.level * 100)} % intervals; p of many rows is adjusted (Benjamini and Hochberg).
          </p>
        </Card>
        <Panel title="Numbers"><ComparisonTable rows={found.numbers} label="Numbers" this_={name} other={against} /></Panel>
        <div className="grid gap-4 xl:grid-cols-2">
          <Panel title="Classes" note="AP"><ComparisonTable rows={found.classes} label="Classes" this_={name} other={against} /></Panel>
          {found.slices.length > 0 && <Panel title="Slices" note="AP by tag"><ComparisonTable rows={found.slices} label="Slices" this_={name} other={against} /></Panel>}
        </div>
        <div className="grid gap-4 xl:grid-cols-2">
          <WonAndLost project={project} title={`Better with ${name}`} images={found.won} />
          <WonAndLost project={project} title={`Worse with ${name}`} images={found.lost} />
        </div>
      </div>
    </Page>
  );
});
