// A page whose data the API may refuse: what happened and what to do are shown, in its words. (An error that a server
// component throws reaches the browser without its message.)
import "server-only";
import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { Page } from "@/components/shell/page";
import { Refusal } from "@/components/ui/state";
import { Refused } from "./problem";
import { routes } from "./routes";

export function guarded<P>(page: (props: P) => Promise<ReactNode>): (props: P) => Promise<ReactNode> {
  return async (props) => {
    try {
      return await page(props);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      if (thrown.problem.status === 401) redirect(routes.signIn());
      return <Page title={titles[thrown.problem.status] ?? "That did not work"}><Refusal problem={thrown.problem} /></Page>;
    }
  };
}

const titles: Record<number, string> = { 403: "Not for you", 404: "Not here", 503: "Not now" };
