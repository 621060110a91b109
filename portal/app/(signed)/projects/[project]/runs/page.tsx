import { Play } from "lucide-react";
import type { Metadata } from "next";
import { RunTable } from "@/components/runs/table";
import { Page } from "@/components/shell/page";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/state";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Runs" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).runs.list(project);
  return (
    <Page title="Runs">
      {items.length === 0 ? (
        <Empty icon={<Play />} title="No run yet">
          A run is one pass of a model over a dataset: <code className="font-mono">project.predict(model, dataset)</code>, or a result file that was imported.
        </Empty>
      ) : (
        <Card><RunTable project={project} runs={items} /></Card>
      )}
    </Page>
  );
});
