"use client";
import { GitCompareArrows } from "lucide-react";
import { useRouter } from "next/navigation";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { routes } from "@/lib/routes";

export function CompareWith({ project, evaluation, others }: { project: number; evaluation: number; others: readonly { id: number; name: string; note: string }[] }) {
  const router = useRouter();
  return (
    <Menu align="end" trigger={<Button><GitCompareArrows />Compare</Button>}>
      <MenuLabel>This one less …</MenuLabel>
      {others.map((one) => (
        <MenuItem key={one.id} onSelect={() => router.push(routes.compare(project, evaluation, one.id))}>
          <span className="truncate">{one.name}</span><span className="ml-auto pl-6 text-xs text-faint">{one.note}</span>
        </MenuItem>
      ))}
    </Menu>
  );
}
