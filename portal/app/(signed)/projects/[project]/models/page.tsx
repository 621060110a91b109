import { Boxes } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { Page } from "@/components/shell/page";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Models" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).models.list(project);
  return (
    <Page title="Models">
      {items.length === 0 ? (
        <Empty icon={<Boxes />} title="No model yet">
          Train one (<code className="font-mono">project.submit.train(…)</code>), register weights in a notebook, or upload a checkpoint.
        </Empty>
      ) : (
        <Card>
          <Table aria-label="Models">
            <thead><tr><Th>Model</Th><Th className="text-right">Versions</Th><Th className="text-right">Newest</Th><Th className="text-right">Made</Th></tr></thead>
            <tbody>
              {items.map((model) => (
                <Tr key={model.id}>
                  <Td><Link data-row href={routes.model(project, model.id)} className="rounded-sm font-medium hover:text-accent">{model.name}</Link></Td>
                  <Td className="text-right">{model.versions}</Td>
                  <Td className="text-right text-soft">{model.newest === null ? "–" : `v${model.newest}`}</Td>
                  <Td className="text-right text-soft"><When at={model.created_at} /></Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        </Card>
      )}
    </Page>
  );
});
