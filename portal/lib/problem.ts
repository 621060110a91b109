/** RFC 9457: `detail` is what happened, `remedy` what to do now. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly remedy: string;
}

/** A refusal of the API, thrown by lib/api.ts. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "Refused";
    this.problem = problem;
  }
}

/** Whatever was thrown, as something that can be shown. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refused) return thrown.problem;
  if (thrown instanceof TypeError)
    return { title: "Unreachable", status: 0, detail: "the server does not answer", remedy: "see `evalnb status`; this page tries again when you do" };
  return { title: "Error", status: 0, detail: thrown instanceof Error ? thrown.message : String(thrown), remedy: "reload the page; if it stays, report it" };
}
