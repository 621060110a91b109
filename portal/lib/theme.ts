// Light, dark or as the system has it. A cookie, so that the server writes the choice into the first byte of HTML.
export type Theme = "system" | "light" | "dark";
export const themeCookie = "evalnb_theme";

export function themeOf(value: string | undefined): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

/** What <html> and <body> carry. The widgets know JupyterLab's attribute, and follow it here, too. */
export function themeAttributes(theme: Theme): { html: Record<string, string>; body: Record<string, string> } {
  if (theme === "system") return { html: {}, body: {} };
  return { html: { "data-theme": theme }, body: { "data-jp-theme-light": String(theme === "light") } };
}

/** Tell the theme that the page has now, and each time that the reader chooses another. */
export function observeTheme(tell: (theme: Theme) => void): () => void {
  const look = (): void => tell(themeOf(document.documentElement.dataset.theme));
  const observer = new MutationObserver(look);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  look();
  return () => observer.disconnect();
}
