"use client";
import { Check, Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { type Theme, themeAttributes, themeCookie } from "@/lib/theme";

const choices: readonly { theme: Theme; name: string; icon: typeof Sun }[] = [
  { theme: "system", name: "As the system", icon: Monitor },
  { theme: "light", name: "Light", icon: Sun },
  { theme: "dark", name: "Dark", icon: Moon },
];

function dress(element: HTMLElement, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

export function ThemeMenu({ initial }: { initial: Theme }) {
  const [theme, setTheme] = useState(initial);
  const choose = (chosen: Theme): void => {
    setTheme(chosen);
    document.cookie = `${themeCookie}=${chosen}; path=/; max-age=${chosen === "system" ? 0 : 31_536_000}; samesite=lax`;
    const { html, body } = themeAttributes(chosen);
    dress(document.documentElement, "data-theme", html["data-theme"]);
    dress(document.body, "data-jp-theme-light", body["data-jp-theme-light"]);
  };
  const Icon = choices.find((one) => one.theme === theme)?.icon ?? Monitor;
  return (
    <Menu side="top" trigger={<Button look="ghost" size="icon" aria-label="Theme"><Icon /></Button>}>
      {choices.map(({ theme: one, name, icon: Mark }) => (
        <MenuItem key={one} onSelect={() => choose(one)}>
          <Mark aria-hidden />{name}{one === theme && <Check className="ml-auto" aria-label="chosen" />}
        </MenuItem>
      ))}
    </Menu>
  );
}
