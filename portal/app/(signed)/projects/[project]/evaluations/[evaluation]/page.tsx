import { FlaskConical } from "lucide-react";
import type { Metadata } from "next";
import { Suspense } from "react";
import { CompareMenu } from "@/components/evaluations/compare-menu";
import { Curves } from "@/components/evaluations/curves";
import { Marks } from "@/components/evaluations/marks";
import { Numbers, NumbersWithIntervals } from "@/components/evaluations/numbers";
import { SliceMenu } from "@/components/evaluations/slice-menu";
import { OpenInNotebook } from "@/components/shell/open-in-notebook";
import { Page } from "@/components/shell/page";
import { Badge } from "@/components/ui/badge";
import { plural } from "@/lib/format";
import { guarded } from "@/lib/guarded";
import { idOf, one, type Params, type Search } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Evaluation" };

export default guarded(async ({ params, searchParams }: { params: Params<"project" | "evaluation">; searchParams: Search }) => {
  const { project, evaluation } = await params;
  const id = idOf(evaluation);
  const tag = one((await searchParams).tag);
  const client = await api();
  const [detail, summary, classes, curves, confusion, first] = await Promise.all([
    client.evaluations.get(id), client.evaluations.summary(id, tag), client.evaluations.classes(id, tag), client.evaluations.curves(id, tag),
    client.evaluations.confusion(id, tag), client.evaluations.images(id, { tag, mark: { kind: "worst" } }),
  ]);
  const { evaluation: item } = detail;
  return (
    <Page
      title={item.run} crumbs={[{ name: "Evaluations", href: routes.evaluations(idOf(project)) }]}
      note={<><span className="truncate">on {item.dataset}</span>{item.kind !== "bbox" && <Badge>{item.kind}</Badge>}</>}
      actions={
        <>
          {detail.tags.length > 0 && <SliceMenu project={item.project_id} evaluation={id} tags={detail.tags} tag={tag} />}
          <Suspense><CompareMenu item={item} /></Suspense>
          <OpenInNotebook lines={[`evaluation = project.evaluation(${id})${tag ? `.where(tag=${JSON.stringify(tag)})` : ""}`, "evaluation.explore()"]} />
        </>
      }
    >
      <div className="grid gap-4">
        <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-soft">
          <span>{plural(summary.images, "image")}{tag && <> tagged <b className="font-medium text-ink">{tag}</b></>}</span>
          <span>{plural(summary.truths, "truth")}</span><span>{plural(summary.detections, "detection")}</span>
          {detail.problem_count > 0 && <Badge tone="warn"><FlaskConical className="size-3" aria-hidden />{plural(detail.problem_count, "thing")} could not be used</Badge>}
        </p>
        <Suspense fallback={<Numbers numbers={summary.numbers} />}><NumbersWithIntervals evaluation={id} tag={tag} numbers={summary.numbers} /></Suspense>
        <Curves curves={curves} />
        <Marks project={item.project_id} evaluation={id} tag={tag} classes={classes.items} confusion={confusion} first={first} />
      </div>
    </Page>
  );
});
