import Link from "next/link";
import { Badge } from "@/components/ui/badge";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import type { RunItem } from "@/lib/api";
import { count } from "@/lib/format";
import { routes } from "@/lib/routes";

export function RunTable({ project, runs }: { project: number; runs: readonly RunItem[] }) {
  return (
    <Table aria-label="Runs">
      <thead><tr><Th>Run</Th><Th>Model</Th><Th>Dataset</Th><Th className="text-right">Images</Th><Th>State</Th><Th className="text-right">Started</Th></tr></thead>
      <tbody>
        {runs.map((run) => (
          <Tr key={run.id}>
            <Td><Link data-row href={routes.run(project, run.id)} className="rounded-sm font-medium hover:text-accent">{run.name}</Link></Td>
            <Td className="text-soft">{run.model ? `${run.model} v${run.version}` : "imported"}</Td>
            <Td className="text-soft">{run.dataset}</Td>
            <Td className="text-right">{count(run.images_done)}{!run.finished && <span className="text-faint"> of {count(run.image_count)}</span>}</Td>
            <Td><Badge tone={run.finished ? "good" : "warn"}>{run.finished ? "complete" : "unfinished"}</Badge></Td>
            <Td className="text-right text-soft"><When at={run.created_at} /></Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  );
}
