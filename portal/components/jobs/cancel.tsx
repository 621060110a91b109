"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { browser, type JobItem } from "@/lib/api";
import { problemOf } from "@/lib/problem";

export function Cancel({ job }: { job: JobItem }) {
  const client = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => browser().jobs.cancel(job.id),
    onSuccess: () => Promise.all([client.invalidateQueries({ queryKey: ["jobs", job.project_id] }), client.invalidateQueries({ queryKey: ["job", job.id] })]),
  });
  return (
    <>
      {error && <span role="alert" className="mr-2 text-xs text-bad">{problemOf(error).detail}</span>}
      <Button size="sm" look="danger" disabled={isPending || job.cancelling} onClick={() => mutate()}>{job.cancelling ? "Cancelling …" : "Cancel"}</Button>
    </>
  );
}
