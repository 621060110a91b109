import { redirect } from "next/navigation";
import { routes } from "@/lib/routes";

export default async function Project({ params }: { params: Promise<{ project: string }> }) {
  redirect(routes.datasets((await params).project));
}
