import type { Metadata } from "next";
import Link from "next/link";
import { EvaluationList } from "@/components/evaluations/list";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Badge } from "@/components/ui/badge";
import { Panel } from "@/components/ui/card";
import { Facts } from "@/components/ui/facts";
import { When } from "@/components/ui/when";
import { count } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Run" };

export default guarded(async ({ params }: { params: Params<"project" | "run"> }) => {
  const given = await params;
  const project = idOf(given.project);
  const client = await api();
  const run = await client.runs.get(idOf(given.run));
  const { items } = await client.evaluations.ofRun(run.project_id, run.id);
  return (
    <Page
      title={run.name} crumbs={[{ name: "Runs", href: routes.runs(project) }]}
      note={<Badge tone={run.finished ? "good" : "warn"}>{run.finished ? "complete" : "unfinished"}</Badge>}
      actions={<OpenInNotebook lines={[`run = project.run(${run.id})`, "evaluation = project.evaluate(run)", "evaluation"]} />}
    >
      <div className="grid gap-4">
        <Panel title="What it is">
          <Facts facts={{
            Model: run.model ? `${run.model} v${run.version}` : "an imported result file",
            Dataset: <Link className="text-accent hover:underline" href={routes.dataset(project, run.dataset_id)}>{run.dataset}</Link>,
            Images: run.finished ? count(run.images_done) : `${count(run.images_done)} of ${count(run.image_count)}`,
            Started: <When at={run.created_at} />,
            Finished: <When at={run.finished_at} />,
            ...(run.job_id && { Job: <Link className="text-accent hover:underline" href={routes.job(project, run.job_id)}>its job</Link> }),
            ...Object.fromEntries(Object.entries(run.parameters).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)])),
          }} />
        </Panel>
        <EvaluationList project={run.project_id} items={items} />
      </div>
    </Page>
  );
});
