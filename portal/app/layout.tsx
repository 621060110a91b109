import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { themeAttributes, themeCookie, themeOf } from "@/lib/theme";
import "./globals.css";

export const metadata: Metadata = { title: { default: "evalnb", template: "%s · evalnb" }, robots: { index: false } };
export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f8f9" },
    { media: "(prefers-color-scheme: dark)", color: "#131519" },
  ],
};

export default async function Root({ children }: { children: ReactNode }) {
  const theme = themeAttributes(themeOf((await cookies()).get(themeCookie)?.value));
  return (
    <html lang="en" {...theme.html}>
      <body {...theme.body}>{children}</body>
    </html>
  );
}
