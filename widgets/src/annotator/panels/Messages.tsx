// What lies over the canvas: loading, empty, ended, failed; notices; the segmenter's progress.
import type { Session } from "../session";
import type { Notice } from "../state";
import { Icon, type IconName } from "./icons";

function Card({ icon, title, children, action, spin = false }: {
  icon: IconName; title: string; children?: preact.ComponentChildren; action?: { label: string; run: () => void }; spin?: boolean;
}) {
  return (
    <div class="evalnb-scrim">
      <div class="evalnb-card" role="status">
        <Icon name={icon} spin={spin} />
        <strong>{title}</strong>
        {children && <p>{children}</p>}
        {action && <button type="button" class="evalnb-action" onClick={action.run}>{action.label}</button>}
      </div>
    </div>
  );
}

export function Curtain({ session }: { session: Session }) {
  const phase = session.phase.value;
  const kept = session.pending.value;
  const { words } = session;
  switch (phase.kind) {
    case "connecting":
      return <Card icon="saving" spin title="Opening the dataset…" />;
    case "waiting":
      return (
        <Card icon="saving" spin title={words.waiting.title}>{words.waiting.text}</Card>
      );
    case "gone":
      return (
        <Card icon="offline" title={words.gone.title}>
          {words.gone.text}{" "}
          {kept ? `${kept} unsaved ${kept === 1 ? "edit is" : "edits are"} kept in this browser and will be saved then.` : "Every edit was saved."}
        </Card>
      );
    case "failed":
      return <Card icon="warning" title={phase.happened}>{phase.remedy}</Card>;
    case "empty":
      return (
        <Card icon="image" title="No images here">
          This slice of the dataset is empty. Loosen its conditions, or import images first.
        </Card>
      );
    case "ready":
      return <ImageCurtain session={session} />;
  }
}

function ImageCurtain({ session }: { session: Session }) {
  const state = session.imageState.value;
  if (state === "loading") return <div class="evalnb-loading" role="status"><Icon name="saving" spin /> Loading the image…</div>;
  if (typeof state !== "object") return null;
  if ("making" in state) return <Making done={state.making} />;
  return <Card icon="warning" title="The image cannot be shown" action={{ label: "Try again", run: () => void session.viewer.goTo(session.index.value, true) }}>{state.error}</Card>;
}

/** A large image's first look. Its labels are there already, and may be worked on. */
function Making({ done }: { done: number | null }) {
  return (
    <div class="evalnb-loading" role="status">
      <Icon name="saving" spin /> Making the tiles of a large image, once{done === null ? "…" : ` · ${Math.floor(done * 100)}%`}
    </div>
  );
}

function NoticeCard({ notice, session }: { notice: Notice; session: Session }) {
  return (
    <div class="evalnb-notice" data-tone={notice.conflict ? "conflict" : notice.tone} role={notice.tone === "error" ? "alert" : "status"}>
      <Icon name={notice.tone === "info" && !notice.conflict ? "help" : "warning"} />
      <div>
        <span>{notice.text}</span>
        {notice.remedy && <small>{notice.remedy}</small>}
        {notice.conflict && (
          <div class="evalnb-choices">
            <button type="button" class="evalnb-action" onClick={() => session.dismiss(notice.id)}>Keep mine</button>
            {notice.conflict.theirs && (
              <button type="button" class="evalnb-action" onClick={() => session.useTheirs(notice)}>Use theirs</button>
            )}
          </div>
        )}
      </div>
      <button type="button" class="evalnb-mini" aria-label="Dismiss" onClick={() => session.dismiss(notice.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

export function Notices({ session }: { session: Session }) {
  return (
    <div class="evalnb-notices">
      {session.notices.value.map((notice) => <NoticeCard key={notice.id} notice={notice} session={session} />)}
    </div>
  );
}

export function SegmenterPill({ session }: { session: Session }) {
  if (!session.segmenting.value) return null;
  const fraction = session.encoding.value;
  const percent = fraction === null ? null : Math.round(fraction * 100);
  return (
    <div class="evalnb-pill" role="status">
      <Icon name="saving" spin />
      {percent === null ? "Segmenting…" : `Reading the image for the first time… ${percent}%`}
      {percent !== null && <progress max={100} value={percent} aria-label="Encoding" />}
    </div>
  );
}

function hintOf(session: Session): string {
  if (!session.focus.value) return session.hint.value;
  const keep = session.hello.value?.read_only ? "" : "Enter keeps it as a shape · ";
  return `A prediction · ${keep}${session.preferences.keys.value.shown("mistake.next")} next mistake · Esc leaves it`;
}

export function HintLine({ session }: { session: Session }) {
  const times = session.maskTimes.value;
  const hoverMs = session.wand.hoverMs.value;
  const ready = session.phase.value.kind === "ready";
  return (
    <footer class="evalnb-hint">
      <span aria-live="polite">{ready ? (session.hello.value?.read_only ? "Read only · " : "") + hintOf(session) : ""}</span>
      {session.tool.value === "sam" && (
        <span class="evalnb-speeds">
          {hoverMs !== null && <span class="evalnb-times" data-of="hover">preview {Math.round(hoverMs)} ms</span>}
          {times && (
            <span class="evalnb-times" data-of="mask">
              {times.encodeMs > 0 ? `encode ${Math.round(times.encodeMs)} ms · ` : ""}mask {Math.round(times.decodeMs)} ms
            </span>
          )}
        </span>
      )}
    </footer>
  );
}
