import type { EvaluationItem } from "@/lib/api";
import { metric } from "@/lib/format";
import { api } from "@/lib/server";
import { CompareWith } from "./compare-with";

/** The evaluations of the same images: what this one can be compared with as pairs. */
export async function CompareMenu({ item }: { item: EvaluationItem }) {
  const { items } = await (await api()).evaluations.list(item.project_id, item.dataset_id);
  const others = items.filter((one) => one.id !== item.id && one.kind === item.kind);
  if (others.length === 0) return null;
  return <CompareWith project={item.project_id} evaluation={item.id} others={others.map((one) => ({ id: one.id, name: one.run, note: `AP ${metric(one.numbers.AP)}` }))} />;
}
