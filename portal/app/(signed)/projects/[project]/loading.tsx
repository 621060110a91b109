import { Page } from "@/components/shell/page";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

export default function Loading() {
  return <Page title={<Skeleton className="h-5 w-36" />}><SkeletonRows rows={8} /></Page>;
}
