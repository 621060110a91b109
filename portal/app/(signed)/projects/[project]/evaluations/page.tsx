import type { Metadata } from "next";
import { EvaluationList } from "@/components/evaluations/list";
import { Page } from "@/components/shell/page";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Evaluations" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).evaluations.list(project);
  return <Page title="Evaluations"><EvaluationList project={project} items={items} /></Page>;
});
