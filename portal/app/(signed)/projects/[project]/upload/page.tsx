import type { Metadata } from "next";
import { Page } from "@/components/shell/page";
import { Uploader } from "@/components/uploads/uploader";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Upload" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).datasets.list(project);
  return (
    <Page title="Upload">
      <Uploader project={project} datasets={items.map((one) => one.name)} />
    </Page>
  );
});
