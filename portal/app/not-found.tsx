import { Compass } from "lucide-react";
import Link from "next/link";
import { Button } from "@/components/ui/button";
import { Empty } from "@/components/ui/state";
import { routes } from "@/lib/routes";

export default function Lost() {
  return (
    <main className="mx-auto max-w-2xl p-8">
      <Empty icon={<Compass />} title="There is no such page" action={<Button asChild><Link href={routes.home()}>To the projects</Link></Button>}>
        The address may be of another server, or mistyped.
      </Empty>
    </main>
  );
}
