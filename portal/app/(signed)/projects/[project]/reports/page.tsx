import { FileText } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { Page } from "@/components/shell/page";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import { guarded } from "@/lib/guarded";
import { idOf, type Params } from "@/lib/params";
import { routes } from "@/lib/routes";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Reports" };

export default guarded(async ({ params }: { params: Params<"project"> }) => {
  const project = idOf((await params).project);
  const { items } = await (await api()).reports.list(project);
  return (
    <Page title="Reports">
      {items.length === 0 ? (
        <Empty icon={<FileText />} title="No report yet">
          <code className="font-mono">project.publish(evaluation, title=&quot;…&quot;)</code> freezes an evaluation into a page that no later edit changes.
        </Empty>
      ) : (
        <Card>
          <Table aria-label="Reports">
            <thead><tr><Th>Report</Th><Th>Evaluation</Th><Th>Live</Th><Th className="text-right">Published</Th></tr></thead>
            <tbody>
              {items.map((one) => (
                <Tr key={one.id}>
                  <Td><Link data-row href={routes.report(project, one.slug)} className="rounded-sm font-medium hover:text-accent">{one.title}</Link></Td>
                  <Td className="text-soft">{one.evaluation_id === null ? "–" : <Link className="hover:text-accent" href={routes.evaluation(project, one.evaluation_id)}>#{one.evaluation_id}</Link>}</Td>
                  <Td>{one.live_url ? <Badge tone="good">at Voila</Badge> : <Badge>static</Badge>}</Td>
                  <Td className="text-right text-soft"><When at={one.created_at} /></Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        </Card>
      )}
    </Page>
  );
});
