"use client";
import { Check, Copy, NotebookPen, SquareArrowOutUpRight } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { jupyter } from "@/lib/addresses";

/** The way from a page of the portal into a notebook: the lines that show the same there. */
export function OpenInNotebook({ lines }: { lines: readonly string[] }) {
  const [copied, setCopied] = useState(false);
  const code = ["import evalnb as ev", "", "project = ev.open()", ...lines].join("\n");
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(code);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <Dialog
      title="Open in a notebook" description="The same in a JupyterLab cell; what is changed there shows here at once."
      trigger={<Button aria-label="Open in a notebook"><NotebookPen /><span className="max-sm:sr-only">Notebook</span></Button>}
    >
      <pre className="overflow-x-auto rounded-md border border-line bg-sunk p-3 font-mono text-xs leading-relaxed">{code}</pre>
      <div className="flex gap-2">
        <Button look="primary" onClick={() => void copy()}>{copied ? <Check /> : <Copy />}{copied ? "Copied" : "Copy"}</Button>
        <Button asChild><a href={jupyter} target="_blank" rel="noreferrer"><SquareArrowOutUpRight />JupyterLab</a></Button>
      </div>
    </Dialog>
  );
}
