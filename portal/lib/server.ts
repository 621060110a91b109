// The seam as server components hold it: with the cookie of whoever asked for the page.
import "server-only";
import { cookies, headers } from "next/headers";
import { redirect } from "next/navigation";
import { cache } from "react";
import { type Api, connect, type Session } from "./api";
import { Refused } from "./problem";
import { routes } from "./routes";

/** The API with the reader's cookie. Answers are never cached: they are the reader's own. */
export const api = cache(async (): Promise<Api> => {
  const cookie = (await cookies()).toString();
  const requestId = (await headers()).get("x-request-id");
  return connect({
    baseUrl: process.env.EVALNB_API_URL ?? "http://127.0.0.1:8000",
    headers: { ...(cookie && { cookie }), ...(requestId && { "x-request-id": requestId }) },
  });
});

/** Who reads this page; whoever is not signed in is sent to sign in. */
export const signedIn = cache(async (): Promise<Session> => {
  try {
    return await (await api()).session.get();
  } catch (thrown) {
    if (thrown instanceof Refused && thrown.problem.status === 401) redirect(routes.signIn());
    throw thrown;
  }
});
