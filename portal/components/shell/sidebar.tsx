"use client";
import { Check, ChevronsUpDown, FolderOpen, Keyboard, LogOut, Menu as MenuIcon } from "lucide-react";
import Link from "next/link";
import { usePathname, useRouter } from "next/navigation";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/components/ui/menu";
import { browser, type Session } from "@/lib/api";
import { cn } from "@/lib/cn";
import { routes } from "@/lib/routes";
import type { Theme } from "@/lib/theme";
import { Keys } from "./keys";
import { Mark } from "./mark";
import { places } from "./places";
import { ThemeMenu } from "./theme-menu";

/** The side bar: a project, its rooms, who one is. On a narrow screen it folds into a bar at the top. */
export function Sidebar({ session, theme }: { session: Session; theme: Theme }) {
  const path = usePathname();
  const router = useRouter();
  const [open, setOpen] = useState(false);
  const project = Number(/^\/projects\/(\d+)/.exec(path)?.[1] ?? NaN);
  const here = session.projects.find((one) => one.id === project);
  const signOut = async (): Promise<void> => {
    await browser().session.end();
    router.push(routes.signIn());
    router.refresh();
  };
  return (
    <aside className="border-line bg-sunk max-md:border-b md:sticky md:top-0 md:h-dvh md:w-56 md:shrink-0 md:border-r">
      <Keys project={here?.id ?? null} />
      <div className="flex h-full flex-col">
        <div className="flex h-13 items-center gap-2 px-3">
          <Link href={routes.home()} className="flex items-center gap-2 rounded-md p-1 font-semibold" aria-label="evalnb, home"><Mark />evalnb</Link>
          <Button look="ghost" size="icon" className="ml-auto md:hidden" aria-label="Menu" aria-expanded={open} onClick={() => setOpen(!open)}><MenuIcon /></Button>
        </div>
        <div className={cn("flex min-h-0 flex-1 flex-col gap-3 px-2 pb-2", !open && "max-md:hidden")}>
          <Menu
            trigger={
              <button type="button" className="flex h-9 w-full items-center gap-2 rounded-md border border-line bg-surface px-2 text-left text-sm hover:border-line-strong">
                <span className="grid size-5 shrink-0 place-items-center rounded bg-tint text-xs font-semibold text-accent uppercase" aria-hidden>{here?.name.slice(0, 1) ?? "–"}</span>
                <span className="min-w-0 flex-1 truncate">{here?.name ?? "Choose a project"}</span>
                <ChevronsUpDown className="size-3.5 text-faint" aria-hidden />
              </button>
            }
          >
            <MenuLabel>Projects</MenuLabel>
            {session.projects.map((one) => (
              <MenuItem key={one.id} onSelect={() => router.push(routes.datasets(one.id))}>
                <span className="min-w-0 truncate">{one.name}</span>
                {one.id === project ? <Check className="ml-auto" aria-label="open" /> : <span className="ml-auto pl-4 text-xs text-faint">{one.role}</span>}
              </MenuItem>
            ))}
            <MenuLine />
            <MenuItem onSelect={() => router.push(routes.home())}><FolderOpen aria-hidden />All projects</MenuItem>
          </Menu>
          {here && (
            <nav aria-label="Project" className="grid gap-0.5">
              {places.map(({ name, key, icon: Icon, to }) => {
                const href = to(here.id);
                const inside = path.startsWith(href) || (key === "d" && path.startsWith(`/projects/${here.id}/images/`));
                return (
                  <Link
                    key={key} href={href} onClick={() => setOpen(false)} {...(inside ? { "aria-current": "page" as const } : {})} title={`g ${key}`}
                    className={cn("flex h-8 items-center gap-2.5 rounded-md px-2 text-sm text-soft hover:bg-line/60 hover:text-ink", inside && "bg-surface font-medium text-ink shadow-[0_0_0_1px_var(--line)]")}
                  >
                    <Icon className={cn("size-4", inside ? "text-accent" : "text-faint")} aria-hidden />{name}
                  </Link>
                );
              })}
            </nav>
          )}
          <div className="mt-auto flex items-center gap-0.5">
            <Menu
              side="top"
              trigger={
                <button type="button" className="flex h-9 min-w-0 flex-1 items-center gap-2 rounded-md px-1.5 text-left text-sm hover:bg-line/60" title={`Signed in as ${session.name}`}>
                  <span className="grid size-6 shrink-0 place-items-center rounded-full bg-accent text-xs font-semibold text-on-accent uppercase" aria-hidden>{session.name.slice(0, 1)}</span>
                  <span className="truncate">{session.name}</span>
                </button>
              }
            >
              <MenuLabel>{session.owner ? "Owner of this server" : "Member"}</MenuLabel>
              <MenuItem onSelect={() => void signOut()}><LogOut aria-hidden />Sign out</MenuItem>
            </Menu>
            <Button look="ghost" size="icon" aria-label="Keys" title="Keys (?)" onClick={() => document.dispatchEvent(new KeyboardEvent("keydown", { key: "?" }))}><Keyboard /></Button>
            <ThemeMenu initial={theme} />
          </div>
        </div>
      </div>
    </aside>
  );
}
