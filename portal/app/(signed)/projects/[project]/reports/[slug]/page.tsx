import type { Metadata } from "next";
import { ReportFrame } from "@/components/reports/frame";
import { guarded } from "@/lib/guarded";
import type { Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Report" };

export default guarded(async ({ params }: { params: Params<"project" | "slug"> }) => {
  const report = await (await api()).reports.get((await params).slug);
  return <ReportFrame report={report} />;
});
