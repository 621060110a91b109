"use client";
import { ChartNoAxesCombined, GitCompareArrows } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Empty } from "@/components/ui/state";
import { Table, Td, Th, Tr } from "@/components/ui/table";
import { When } from "@/components/ui/when";
import type { EvaluationItem } from "@/lib/api";
import { metric } from "@/lib/format";
import { routes } from "@/lib/routes";

const shown = ["AP", "AP50", "AP75", "AR100"] as const;

/** Evaluations with their main numbers; two that are chosen can be compared. */
export function EvaluationList({ project, items }: { project: number; items: EvaluationItem[] }) {
  const [chosen, setChosen] = useState<readonly number[]>([]);
  const [one, other] = chosen.map((id) => items.find((item) => item.id === id));
  // Only the same images can be compared as pairs.
  const fits = (item: EvaluationItem): boolean => !one || (item.dataset_id === one.dataset_id && item.kind === one.kind);
  if (items.length === 0)
    return (
      <Empty icon={<ChartNoAxesCombined />} title="No evaluation yet">
        <code className="font-mono">project.evaluate(run)</code> matches a run with its dataset&apos;s truths, once; every number follows from it.
      </Empty>
    );
  return (
    <div className="grid gap-3">
      {items.length > 1 && <div className="flex min-h-8 items-center gap-3 text-sm text-soft">
        {one && other ? (
          <Button asChild look="primary"><Link href={routes.compare(project, one.id, other.id)}><GitCompareArrows />Compare the two</Link></Button>
        ) : (
          <span>{one ? "Choose another one to compare with." : "Choose two to compare them."}</span>
        )}
        {one && <Button look="ghost" onClick={() => setChosen([])}>Clear</Button>}
      </div>}
      <Card>
        <Table aria-label="Evaluations">
          <thead>
            <tr>
              <Th className="w-8"><span className="sr-only">Compare</span></Th><Th>Run</Th><Th>Dataset</Th><Th>Model</Th>
              {shown.map((name) => <Th key={name} className="text-right">{name}</Th>)}<Th className="text-right">Made</Th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => {
              const on = chosen.includes(item.id);
              return (
                <Tr key={item.id} className={on ? "bg-tint" : undefined}>
                  <Td>
                    <input
                      type="checkbox" className="size-4 accent-accent" aria-label={`Compare evaluation ${item.id}, ${item.run}`} checked={on} disabled={!on && (chosen.length > 1 || !fits(item))}
                      onChange={() => setChosen(on ? chosen.filter((id) => id !== item.id) : [...chosen, item.id])}
                    />
                  </Td>
                  <Td>
                    <Link data-row href={routes.evaluation(project, item.id)} className="rounded-sm font-medium hover:text-accent">{item.run}</Link>
                    {item.kind !== "bbox" && <Badge className="ml-2">{item.kind}</Badge>}
                  </Td>
                  <Td className="text-soft">{item.dataset}</Td>
                  <Td className="text-soft">{item.model ? `${item.model} v${item.version}` : "imported"}</Td>
                  {shown.map((name) => <Td key={name} className={name === "AP" ? "text-right font-semibold" : "text-right"}>{metric(item.numbers[name])}</Td>)}
                  <Td className="text-right text-soft"><When at={item.created_at} /></Td>
                </Tr>
              );
            })}
          </tbody>
        </Table>
      </Card>
    </div>
  );
}
