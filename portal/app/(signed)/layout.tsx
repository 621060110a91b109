import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { Providers } from "@/components/shell/providers";
import { Sidebar } from "@/components/shell/sidebar";
import { signedIn } from "@/lib/server";
import { themeCookie, themeOf } from "@/lib/theme";

export default async function Signed({ children }: { children: ReactNode }) {
  const session = await signedIn();
  const theme = themeOf((await cookies()).get(themeCookie)?.value);
  return (
    <Providers>
      <a href="#main" className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2">To the content</a>
      <div className="md:flex">
        <Sidebar session={session} theme={theme} />
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 outline-none">{children}</main>
      </div>
    </Providers>
  );
}
