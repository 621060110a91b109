import type { Metadata } from "next";
import { JobView } from "@/components/jobs/view";
import { guarded } from "@/lib/guarded";
import type { Params } from "@/lib/params";
import { api } from "@/lib/server";

export const metadata: Metadata = { title: "Job" };

export default guarded(async ({ params }: { params: Params<"project" | "job"> }) => {
  const { job } = await params;
  const client = await api();
  const [found, log] = await Promise.all([client.jobs.get(job), client.jobs.log(job)]);
  return <JobView first={found} firstLog={log.text} />;
});
