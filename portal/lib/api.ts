// The one seam: everything that the portal asks of the API goes through here. Types come from the OpenAPI description
// (api.gen.ts); verbs are grouped by noun. In the browser it is `browser()`, on the server `api()` of lib/server.ts.
import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "./api.gen";
import { type Mark, markQuery } from "./marks";
import { type Problem, Refused } from "./problem";
import type { ImageFilter } from "./routes";

type Schemas = components["schemas"];
export type Session = Schemas["SessionInfo"];
export type Role = Schemas["SessionProject"]["role"];
export type Scope = Schemas["TokenItem"]["scope"];
export type Member = Schemas["MemberItem"];
export type Token = Schemas["TokenItem"];
export type DatasetItem = Schemas["DatasetItem"];
export type DatasetDetail = Schemas["DatasetDetail"];
export type ReviewedImage = Schemas["ReviewedImage"];
export type ReviewPage = Schemas["ReviewPage"];
export type ReviewCounts = Schemas["ReviewCounts"];
export type ImageDetail = Schemas["ImageDetail"];
export type ModelItem = Schemas["ModelItem"];
export type VersionItem = Schemas["VersionItem"];
export type AliasItem = Schemas["AliasItem"];
export type RunItem = Schemas["RunItem"];
export type EvaluationItem = Schemas["EvaluationItem"];
export type ClassScores = Schemas["ClassScores"];
export type CurvesData = Schemas["Curves"];
export type ConfusionData = Schemas["ConfusionMatrix"];
export type IntervalItem = Schemas["IntervalItem"];
export type MarkedImages = Schemas["MarkedImagePage"];
export type ComparisonRow = Schemas["ComparisonRow"];
export type ComparedImage = Schemas["ComparedImage"];
export type ReportItem = Schemas["ReportItem"];
export type Tiles = Schemas["TilesDescription"];
export type UploadItem = Schemas["UploadItem"];
export type AgreementData = Schemas["AgreementDetail"];
export type JobItem = Schemas["JobItem"];
export type JobPage = Schemas["JobPage"];

interface Connection {
  /** Where the API is; "" is the page's own origin. */
  readonly baseUrl: string;
  readonly headers?: Record<string, string>;
  readonly middleware?: Middleware;
}

export type Api = ReturnType<typeof connect>;

export function connect({ baseUrl, headers = {}, middleware }: Connection) {
  const http = createClient<paths>({ baseUrl, headers, cache: "no-store" });
  if (middleware) http.use(middleware);
  return {
    session: sessions(http),
    members: members(http),
    tokens: tokens(http),
    projects: {
      list: () => every((page) => http.GET("/api/projects", { params: { query: page } })),
      rename: (project: number, name: string) => got(http.PATCH("/api/projects/{project_id}", { params: { path: { project_id: project } }, body: { name } })),
      remove: (project: number, name: string) => done(http.DELETE("/api/projects/{project_id}", { params: { path: { project_id: project }, query: { name } } })),
    },
    datasets: {
      list: (project: number) => every((page) => http.GET("/api/projects/{project_id}/datasets", { params: { path: { project_id: project }, query: page } })),
      rename: (dataset: number, name: string) => got(http.PATCH("/api/datasets/{dataset_id}", { params: { path: { dataset_id: dataset } }, body: { name } })),
      remove: (dataset: number, name: string) => done(http.DELETE("/api/datasets/{dataset_id}", { params: { path: { dataset_id: dataset }, query: { name } } })),
      get: (dataset: number) => got(http.GET("/api/datasets/{dataset_id}", { params: { path: { dataset_id: dataset } } })),
      agreement: (dataset: number, { kind, id, iou, masks, confidence }: { kind: "dataset" | "run"; id: number; iou: number; masks: boolean; confidence: number }) =>
        kind === "run"
          ? got(http.GET("/api/datasets/{dataset_id}/agreement/runs/{run_id}", { params: { path: { dataset_id: dataset, run_id: id }, query: { iou, masks, confidence, tag: [], class: [], area: [] } } }))
          : got(http.GET("/api/datasets/{dataset_id}/agreement/datasets/{other_dataset_id}", { params: { path: { dataset_id: dataset, other_dataset_id: id }, query: { iou, masks, tag: [], class: [], area: [] } } })),
    },
    images: {
      /** With what their reviews say of them. */
      list: (dataset: number, { tag, class: named, text, status, assignee, unassigned, after = 0, limit = 100 }: ImageFilter & { after?: number; limit?: number } = {}) =>
        got(http.GET("/api/datasets/{dataset_id}/reviews", {
          params: {
            path: { dataset_id: dataset },
            query: {
              after, limit, text: text ?? "", tag: tag ? [tag] : [], class: named ? [named] : [],
              ...(status && { status }), ...(assignee && { assignee }), ...(unassigned && { unassigned: true }),
            },
          },
        })),
      counts: (dataset: number) => got(http.GET("/api/datasets/{dataset_id}/reviews/counts", { params: { path: { dataset_id: dataset } } })),
      review: (dataset: number, set: Schemas["ReviewsSet"]) => got(http.POST("/api/datasets/{dataset_id}/reviews", { params: { path: { dataset_id: dataset } }, body: set })),
      /** The image with its neighbours among those that the filter leaves. */
      get: (image: number, { tag, class: named, text }: ImageFilter = {}) =>
        got(http.GET("/api/images/{image_id}", {
          params: { path: { image_id: image }, query: { text: text ?? "", tag: tag ? [tag] : [], class: named ? [named] : [] } },
        })),
    },
    models: models(http),
    runs: {
      list: (project: number) => every((page) => http.GET("/api/projects/{project_id}/runs", { params: { path: { project_id: project }, query: page } })),
      get: (run: number) => got(http.GET("/api/runs/{run_id}", { params: { path: { run_id: run } } })),
    },
    evaluations: evaluations(http),
    tiles: {
      get: (image: number) => got(http.GET("/api/images/{image_id}/dzi", { params: { path: { image_id: image } } })),
      make: (image: number) => got(http.POST("/api/images/{image_id}/pyramid", { params: { path: { image_id: image } } })),
    },
    jobs: jobs(http),
    // The bytes go by tus (components/uploads/queue.ts); this is what became of them.
    uploads: {
      list: (project: number) => got(http.GET("/api/projects/{project_id}/uploads", { params: { path: { project_id: project }, query: { limit: 20 } } })),
      get: (upload: string) => got(http.GET("/api/uploads/{upload_id}", { params: { path: { upload_id: upload } } })),
    },
    reports: {
      list: (project: number) => every((page) => http.GET("/api/projects/{project_id}/reports", { params: { path: { project_id: project }, query: page } })),
      get: (slug: string) => got(http.GET("/api/reports/{slug}", { params: { path: { slug } } })),
    },
  };
}

type Http = Client<paths>;

function sessions(http: Http) {
  return {
    get: () => got(http.GET("/api/session")),
    begin: (name: string, password: string) => got(http.POST("/api/session", { body: { name, password } })),
    end: () => done(http.DELETE("/api/session")),
    password: (current: string | null, fresh: string) => done(http.PUT("/api/session/password", { body: { current, new: fresh } })),
  };
}

function members(http: Http) {
  const at = (project: number, user: number) => ({ params: { path: { project_id: project, user_id: user } } });
  return {
    list: (project: number) => got(http.GET("/api/projects/{project_id}/members", { params: { path: { project_id: project } } })),
    add: (project: number, name: string, role: Role) => got(http.POST("/api/projects/{project_id}/members", { params: { path: { project_id: project } }, body: { name, role } })),
    change: (project: number, user: number, role: Role) => got(http.PUT("/api/projects/{project_id}/members/{user_id}", { ...at(project, user), body: { role } })),
    remove: (project: number, user: number) => done(http.DELETE("/api/projects/{project_id}/members/{user_id}", at(project, user))),
  };
}

function tokens(http: Http) {
  return {
    list: () => every((page) => http.GET("/api/tokens", { params: { query: page } })),
    make: (wanted: Schemas["TokenWanted"]) => got(http.POST("/api/tokens", { body: wanted })),
    revoke: (token: number) => done(http.DELETE("/api/tokens/{token_id}", { params: { path: { token_id: token } } })),
  };
}

function models(http: Http) {
  return {
    list: (project: number) => every((page) => http.GET("/api/projects/{project_id}/models", { params: { path: { project_id: project }, query: page } })),
    get: (model: number) => got(http.GET("/api/models/{model_id}", { params: { path: { model_id: model } } })),
    aliases: (project: number) => got(http.GET("/api/projects/{project_id}/aliases", { params: { path: { project_id: project } } })),
    point: (project: number, alias: string, wanted: Schemas["AliasWanted"]) => got(http.PUT("/api/projects/{project_id}/aliases/{alias}", { params: { path: { project_id: project, alias } }, body: wanted })),
    unpoint: (project: number, alias: string) => done(http.DELETE("/api/projects/{project_id}/aliases/{alias}", { params: { path: { project_id: project, alias } } })),
    versions: (model: number) => every((page) => http.GET("/api/models/{model_id}/versions", { params: { path: { model_id: model }, query: page } })),
  };
}

function evaluations(http: Http) {
  const narrowed = (evaluation: number, tag: string | undefined) => ({ path: { evaluation_id: evaluation }, query: { tag: tag ? [tag] : [] } });
  return {
    list: (project: number, dataset?: number) =>
      every((page) => http.GET("/api/projects/{project_id}/evaluations", { params: { path: { project_id: project }, query: { ...page, ...(dataset && { dataset }) } } })),
    ofRun: (project: number, run: number) => got(http.GET("/api/projects/{project_id}/evaluations", { params: { path: { project_id: project }, query: { limit: 500, run } } })),
    get: (evaluation: number) => got(http.GET("/api/evaluations/{evaluation_id}", { params: { path: { evaluation_id: evaluation } } })),
    summary: (evaluation: number, tag?: string) => got(http.GET("/api/evaluations/{evaluation_id}/summary", { params: narrowed(evaluation, tag) })),
    classes: (evaluation: number, tag?: string) => got(http.GET("/api/evaluations/{evaluation_id}/classes", { params: narrowed(evaluation, tag) })),
    curves: (evaluation: number, tag?: string) => got(http.GET("/api/evaluations/{evaluation_id}/curves", { params: narrowed(evaluation, tag) })),
    confusion: (evaluation: number, tag?: string) => got(http.GET("/api/evaluations/{evaluation_id}/confusion", { params: narrowed(evaluation, tag) })),
    intervals: (evaluation: number, tag?: string) => got(http.GET("/api/evaluations/{evaluation_id}/intervals", { params: narrowed(evaluation, tag) })),
    images: (evaluation: number, { tag, mark, after = 0 }: { tag: string | undefined; mark: Mark; after?: number }) => {
      const { path, query } = narrowed(evaluation, tag);
      return got(http.GET("/api/evaluations/{evaluation_id}/images", { params: { path, query: { ...query, ...markQuery(mark), after, limit: 24 } } }));
    },
    compare: (evaluation: number, other: number) =>
      got(http.GET("/api/evaluations/{evaluation_id}/compare/{other_id}", { params: { path: { evaluation_id: evaluation, other_id: other } } })),
  };
}

function jobs(http: Http) {
  const at = (job: string) => ({ params: { path: { job_id: job } } });
  return {
    list: (project: number, after?: string) => got(http.GET("/api/projects/{project_id}/jobs", { params: { path: { project_id: project }, query: { limit: 50, ...(after && { after }) } } })),
    ask: (project: number, work: Schemas["MasksAsk"]) => got(http.POST("/api/projects/{project_id}/jobs", { params: { path: { project_id: project } }, body: work })),
    get: (job: string) => got(http.GET("/api/jobs/{job_id}", at(job))),
    events: (job: string, after: number) => got(http.GET("/api/jobs/{job_id}/events", { params: { ...at(job).params, query: { after, limit: 500 } } })),
    log: (job: string) => got(http.GET("/api/jobs/{job_id}/log", at(job))),
    cancel: (job: string) => got(http.POST("/api/jobs/{job_id}/cancel", at(job))),
  };
}

interface Answer<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** What was answered; Refused with the API's words otherwise. */
async function got<T>(asked: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data } = await settled(asked);
  if (data === undefined || data === null) throw new Refused(broken("the API answered without a body"));
  return data;
}

/** What one request of `every` brings at most; the API gives no more. */
const pageSize = 500;

interface Keyset<I> {
  readonly items: readonly I[];
  readonly next: number | null;
}

/** All of a list, page by page. For lists that a person reads whole; images and jobs are read as one scrolls. */
async function every<I>(ask: (page: { limit: number; after: number }) => Promise<Answer<Keyset<I>>>): Promise<{ items: I[] }> {
  const items: I[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page: Keyset<I> = await got(ask({ limit: pageSize, after }));
    items.push(...page.items);
    after = page.next;
  }
  return { items };
}

/** Done without an answer (204). */
async function done(asked: Promise<Answer<unknown>>): Promise<void> {
  await settled(asked);
}

async function settled<T>(asked: Promise<Answer<T>>): Promise<Answer<T>> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch {
    throw new Refused({ title: "Unreachable", status: 503, detail: "the API does not answer", remedy: "`evalnb status` says what runs; then reload this page" });
  }
  if (answer.response.ok) return answer;
  throw new Refused(isProblem(answer.error) ? answer.error : broken(`the API answered ${answer.response.status}`));
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "detail" in value && typeof value.detail === "string" && "status" in value;
}

function broken(detail: string): Problem {
  return { title: "Broken", status: 502, detail, remedy: "reload this page; if it stays, EVALNB_HOME/logs/api.log says why" };
}

const safe = new Set(["GET", "HEAD", "OPTIONS"]);
let known: Promise<string | null> | null = null;

/** What every request of the browser that changes something must say beside the cookie; null where no cookie is used. */
export function csrf(): Promise<string | null> {
  known ??= connect({ baseUrl: "" }).session.get().then(({ csrf }) => csrf);
  known.catch(() => (known = null));
  return known;
}

let atOrigin: Api | null = null;

/** The seam in the browser: the page's own origin, with its cookie. */
export function browser(): Api {
  atOrigin ??= connect({
    baseUrl: "",
    middleware: {
      async onRequest({ request }) {
        if (safe.has(request.method)) return;
        // Signing in begins without a session, and makes the value that was known before it stale.
        if (new URL(request.url).pathname === "/api/session") {
          const before = request.method === "DELETE" ? await csrf() : null;
          known = null;
          if (before) request.headers.set("X-Evalnb-Csrf", before);
          return;
        }
        const token = await csrf();
        if (token) request.headers.set("X-Evalnb-Csrf", token);
      },
    },
  });
  return atOrigin;
}
