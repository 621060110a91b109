// Every address of the portal, in one place.
import type { Status } from "./reviews";

type Id = number | string;

/** What narrows a dataset's images; kept in the address, so that a link opens the same images. */
export interface ImageFilter {
  readonly tag?: string | undefined;
  /** A class's name. */
  readonly class?: string | undefined;
  /** A part of the file's name. */
  readonly text?: string | undefined;
  /** How far the labels have come. */
  readonly status?: Status | undefined;
  /** Whose they are to label or to review. */
  readonly assignee?: string | undefined;
  /** "1": nobody's. */
  readonly unassigned?: string | undefined;
}

function query(values: Record<string, string | number | undefined>): string {
  const some = Object.entries(values).flatMap(([key, value]) => (value === undefined || value === "" ? [] : [[key, String(value)]]));
  return some.length ? `?${new URLSearchParams(some as [string, string][])}` : "";
}

export const routes = {
  home: () => "/",
  signIn: (next?: string) => `/sign-in${query({ next })}`,
  project: (project: Id) => `/projects/${project}`,
  datasets: (project: Id) => `/projects/${project}/datasets`,
  dataset: (project: Id, dataset: Id, filter: ImageFilter = {}) => `/projects/${project}/datasets/${dataset}${query({ ...filter })}`,
  agreement: (project: Id, dataset: Id) => `/projects/${project}/datasets/${dataset}/agreement`,
  image: (project: Id, image: Id, filter: ImageFilter = {}) => `/projects/${project}/images/${image}${query({ ...filter })}`,
  models: (project: Id) => `/projects/${project}/models`,
  model: (project: Id, model: Id) => `/projects/${project}/models/${model}`,
  runs: (project: Id) => `/projects/${project}/runs`,
  run: (project: Id, run: Id) => `/projects/${project}/runs/${run}`,
  evaluations: (project: Id) => `/projects/${project}/evaluations`,
  evaluation: (project: Id, evaluation: Id, tag?: string) => `/projects/${project}/evaluations/${evaluation}${query({ tag })}`,
  compare: (project: Id, evaluation: Id, other: Id) => `/projects/${project}/evaluations/${evaluation}/compare/${other}`,
  jobs: (project: Id) => `/projects/${project}/jobs`,
  job: (project: Id, job: Id) => `/projects/${project}/jobs/${job}`,
  upload: (project: Id) => `/projects/${project}/upload`,
  reports: (project: Id) => `/projects/${project}/reports`,
  report: (project: Id, slug: string) => `/projects/${project}/reports/${encodeURIComponent(slug)}`,
  settings: (project: Id) => `/projects/${project}/settings`,
} as const;

/** Only an address of the portal itself: a sign-in never sends the reader elsewhere. */
export function ownAddress(next: string | undefined): string {
  return next?.startsWith("/") && !next.startsWith("//") && !next.includes("\\") ? next : routes.home();
}
