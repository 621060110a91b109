"use client";
import { Upload as Arrow } from "lucide-react";
import { type DragEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Input, Select } from "@/components/ui/input";
import { cn } from "@/lib/cn";
import { add, type Destination, sendings, subscribe } from "./queue";
import { SendingRow } from "./row";

const noFiles: ReturnType<typeof sendings> = [];
const kinds = {
  "dataset-zip": "Images with annotations (COCO or YOLO), as one zip",
  "images-zip": "Images, as one zip",
  image: "Single images",
  checkpoint: "A detector's checkpoint",
} as const satisfies Record<Destination["purpose"], string>;

/** What a file is for, unless the reader says otherwise: a checkpoint and a picture are known by their names. */
function purposeOf(name: string, chosen: Destination["purpose"]): Destination["purpose"] {
  if (/\.(pt|pth|safetensors|onnx)$/i.test(name)) return "checkpoint";
  if (/\.zip$/i.test(name)) return chosen === "images-zip" ? chosen : "dataset-zip";
  if (/\.(jpe?g|png|webp|tiff?|bmp)$/i.test(name)) return "image";
  return chosen;
}

export function Uploader({ project, datasets }: { project: number; datasets: string[] }) {
  const files = useSyncExternalStore(subscribe, sendings, () => noFiles);
  const [purpose, setPurpose] = useState<Destination["purpose"]>("dataset-zip");
  const [dataset, setDataset] = useState("");
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const take = (list: FileList | null): void =>
    add([...(list ?? [])], (file) => {
      const kind = purposeOf(file.name, purpose);
      // A dataset that comes as a zip and was given no name is called as its file is.
      const name = dataset.trim() || (kind === "checkpoint" ? "" : file.name.replace(/\.[^.]+$/, ""));
      return { project, purpose: kind, dataset: kind === "checkpoint" ? undefined : name };
    });
  // Files that were chosen before this page woke up: nobody heard of them.
  useEffect(() => {
    const early = picker.current;
    if (!early?.files?.length) return;
    take(early.files);
    early.value = "";
    // Once, when it wakes up.
  }, []);
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <div className="grid gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]">
      <Card className="grid content-start gap-4 p-4">
        <Field label="What it is">
          <Select value={purpose} onChange={(event) => setPurpose(event.target.value as Destination["purpose"])}>
            {Object.entries(kinds).map(([key, name]) => <option key={key} value={key}>{name}</option>)}
          </Select>
        </Field>
        {purpose !== "checkpoint" && (
          <Field label="Dataset" hint="A new name makes a new one; left empty, the file's name.">
            <Input list="datasets" value={dataset} placeholder="warehouse" onChange={(event) => setDataset(event.target.value)} />
            <datalist id="datasets">{datasets.map((name) => <option key={name} value={name} />)}</datalist>
          </Field>
        )}
        <p className="text-xs text-faint">An interrupted upload goes on where it stopped: choose the same file again. Each piece is checked on arrival.</p>
      </Card>
      <div className="grid content-start gap-4">
        <div
          onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={dropped}
          className={cn("grid place-items-center gap-3 rounded-lg border border-dashed px-6 py-12 text-center transition-colors", over ? "border-accent bg-tint" : "border-line-strong bg-surface")}
        >
          <Arrow className={over ? "size-6 text-accent" : "size-6 text-faint"} aria-hidden />
          <div>
            <p className="font-medium">Drop files here</p>
            <p className="text-sm text-soft">or choose them</p>
          </div>
          <input ref={picker} type="file" multiple className="sr-only" aria-label="Files" onChange={(event) => { take(event.target.files); event.target.value = ""; }} />
          <Button look="primary" onClick={() => picker.current?.click()}>Choose files</Button>
        </div>
        {files.length > 0 && (
          <Card><ul aria-label="Uploads" className="divide-y divide-line">{files.map((one) => <SendingRow key={one.key} sending={one} />)}</ul></Card>
        )}
      </div>
    </div>
  );
}
