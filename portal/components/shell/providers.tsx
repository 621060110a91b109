"use client";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Refused } from "@/lib/problem";
import { routes } from "@/lib/routes";

/** Whoever is signed out in another tab, or whose session ended, signs in and comes back to this page. */
function signedOut(thrown: unknown): void {
  if (thrown instanceof Refused && thrown.problem.status === 401) location.assign(routes.signIn(location.pathname + location.search));
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(
    () =>
      new QueryClient({
        queryCache: new QueryCache({ onError: signedOut }),
        defaultOptions: {
          queries: {
            staleTime: 10_000,
            // What was refused stays refused; only what did not answer is asked again.
            retry: (failures, thrown) => failures < 3 && !(thrown instanceof Refused && thrown.problem.status > 0 && thrown.problem.status < 500),
          },
        },
      }),
  );
  return <QueryClientProvider client={client}>{children}</QueryClientProvider>;
}
