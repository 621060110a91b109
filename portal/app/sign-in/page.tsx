import type { Metadata } from "next";
import { cookies } from "next/headers";
import { SignIn } from "@/components/session/sign-in";
import { Mark } from "@/components/shell/mark";
import { ThemeMenu } from "@/components/shell/theme-menu";
import { ownAddress } from "@/lib/routes";
import { themeCookie, themeOf } from "@/lib/theme";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage({ searchParams }: { searchParams: Promise<{ next?: string }> }) {
  const { next } = await searchParams;
  const theme = themeOf((await cookies()).get(themeCookie)?.value);
  return (
    <main className="grid min-h-dvh place-items-center px-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-2.5">
          <Mark size={28} />
          <h1 className="text-xl font-semibold">Sign in to evalnb</h1>
          <span className="ml-auto"><ThemeMenu initial={theme} /></span>
        </div>
        <SignIn next={ownAddress(next)} />
      </div>
    </main>
  );
}
