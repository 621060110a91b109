import type { Metadata } from "next";
import { JobList } from "@/components/jobs/list";
import { Page } from "@/components/shell/page";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Jobs" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const first = await (await api()).jobs.list(project);
  return <Page title="Jobs"><JobList project={project} first={first} /></Page>;
});
