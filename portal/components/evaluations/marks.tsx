"use client";
// What can be clicked, and the images behind what was clicked: a class's row, a cell of the confusion matrix.
import { useState } from "react";
import { type Cell, Confusion } from "@/components/charts/confusion";
import { Panel } from "@/components/ui/card";
import type { ClassScores, ConfusionData, MarkedImages } from "@/lib/api";
import type { Mark } from "@/lib/marks";
import { Behind } from "./behind";
import { ClassTable } from "./class-table";

export function Marks({ project, evaluation, tag, classes, confusion, first }: {
  project: number; evaluation: number; tag: string | undefined; classes: ClassScores[]; confusion: ConfusionData; first: MarkedImages;
}) {
  const [mark, setMark] = useState<Mark>({ kind: "worst" });
  // The names of the cells are their ids here: the API speaks of classes by name.
  const entries = [...confusion.classes.map((name, n) => ({ id: n as number | null, name })), { id: null, name: "", background: true }];
  const nameOf = (place: number | null): string | null => (place === null ? null : (confusion.classes[place] ?? null));
  const placeOf = (name: string | null): number | null => (name === null ? null : confusion.classes.indexOf(name));
  const cell: Cell | null = mark.kind === "cell" ? { truth: placeOf(mark.truth), detected: placeOf(mark.detected) } : null;
  return (
    <>
      <div className="grid gap-4 xl:grid-cols-2">
        <Panel title="Classes" note="a row shows its images">
          <ClassTable rows={classes} chosen={mark.kind === "class" ? mark.name : null} onChoose={(name) => setMark({ kind: "class", name })} />
        </Panel>
        <Panel title="Confusion" note={`confidence ≥ ${confusion.confidence.toFixed(2)}, IoU ${confusion.iou.toFixed(2)}`}>
          <Confusion view={{ entries, counts: confusion.counts }} chosen={cell} onChoose={({ truth, detected }) => setMark({ kind: "cell", truth: nameOf(truth), detected: nameOf(detected) })} />
        </Panel>
      </div>
      <Behind project={project} evaluation={evaluation} tag={tag} mark={mark} first={first} onReset={() => setMark({ kind: "worst" })} />
    </>
  );
}
