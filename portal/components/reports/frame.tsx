"use client";
// A report from Voila, alive; where Voila does not answer, its static twin, which needs nothing but the database.
import { SquareArrowOutUpRight } from "lucide-react";
import Link from "next/link";
import { useEffect, useState } from "react";
import { Page } from "@/components/shell/page";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import type { ReportItem } from "@/lib/api";
import { staticReport, voila } from "@/lib/addresses";
import { routes } from "@/lib/routes";

/** Until Voila has answered (it knows no HEAD, and says so with 405, which starts no kernel), ms. */
const patience = 8000;

export function ReportFrame({ report }: { report: ReportItem }) {
  const live = voila(report.live_url);
  const [shown, setShown] = useState<"asking" | "live" | "static">(live ? "asking" : "static");
  useEffect(() => {
    if (!live) return;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), patience);
    fetch(live, { method: "HEAD", signal: abort.signal }).then((answer) => setShown(answer.ok || answer.status === 405 ? "live" : "static"), () => setShown("static")).finally(() => clearTimeout(timer));
    return () => clearTimeout(timer);
  }, [live]);
  const source = shown === "live" && live ? live : staticReport(report.slug);
  return (
    <Page
      wide title={report.title} crumbs={[{ name: "Reports", href: routes.reports(report.project_id) }]}
      note={shown === "live" ? <Badge tone="good">live</Badge> : shown === "static" && <Badge>static</Badge>}
      actions={
        <>
          {live && shown !== "asking" && <Button onClick={() => setShown(shown === "live" ? "static" : "live")}>{shown === "live" ? "Static twin" : "Live"}</Button>}
          {report.evaluation_id !== null && <Button asChild><Link href={routes.evaluation(report.project_id, report.evaluation_id)}>Evaluation</Link></Button>}
          <Button asChild><a href={source} target="_blank" rel="noreferrer"><SquareArrowOutUpRight />Alone</a></Button>
        </>
      }
    >
      {shown !== "asking" && <iframe key={shown} src={source} title={report.title} data-report={shown} className="size-full border-0 bg-surface" {...(shown === "static" ? { sandbox: "allow-scripts allow-popups" } : {})} />}
    </Page>
  );
}
