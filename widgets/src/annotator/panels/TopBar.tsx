// Where we are, what the view shows, and whether everything is saved.
import type { Session } from "../session";
import type { SaveState } from "../state";
import type { Words } from "../words";
import { Icon, type IconName } from "./icons";
import { People } from "./People";

export function Button({ icon, label, keys = "", onClick, disabled = false, pressed, tip = "below" }: {
  icon: IconName; label: string; keys?: string; onClick: () => void; disabled?: boolean; pressed?: boolean; tip?: "below" | "right" | "above";
}) {
  return (
    <button
      type="button" class="evalnb-button" aria-label={label} aria-pressed={pressed} aria-keyshortcuts={keys || undefined}
      disabled={disabled} onClick={onClick} data-tip={label} data-key={keys || undefined} data-place={tip}
    >
      <Icon name={icon} />
    </button>
  );
}

const percent = (zoom: number): string => `${zoom < 0.1 ? Math.round(zoom * 1000) / 10 : Math.round(zoom * 100)}%`;

interface SaveLook {
  readonly icon: IconName;
  readonly text: (pending: number, words: Words) => string;
  readonly about: (words: Words) => string;
}

const andKept = (text: string, n: number): string => (n ? `${text} · ${n} kept` : text);

const saveLook: Record<SaveState, SaveLook> = {
  saved: { icon: "check", text: () => "Saved", about: () => "Every edit is in the database" },
  saving: { icon: "saving", text: (n) => (n > 1 ? `Saving ${n} edits` : "Saving"), about: () => "On the way to the database" },
  offline: { icon: "offline", text: (n) => andKept("Offline", n), about: (words) => words.offline },
  conflict: { icon: "warning", text: () => "Conflict", about: () => "Somebody else changed the same shape; see the message" },
  gone: {
    icon: "offline", text: (n, words) => andKept(words.gone.badge, n),
    about: (words) => `${words.gone.text} Unsaved edits are kept in this browser and are saved then.`,
  },
};

function SaveBadge({ session }: { session: Session }) {
  const state = session.save.value;
  const look = saveLook[state];
  return (
    <span class="evalnb-save" data-state={state} role="status" title={look.about(session.words)}>
      <Icon name={look.icon} spin={state === "saving"} />
      <span>{look.text(session.pending.value, session.words)}</span>
    </span>
  );
}

function Elsewhere({ session }: { session: Session }) {
  const { link } = session;
  if (!link) return null;
  return (
    <a class="evalnb-button" href={link.href} target="_blank" rel="noopener" aria-label={link.label} data-tip={link.label} data-place="below">
      <Icon name="elsewhere" />
    </a>
  );
}

function Position({ session }: { session: Session }) {
  const count = session.hello.value?.image_count ?? 0;
  const index = session.index.value;
  const keys = session.preferences.keys.value;
  const jump = (input: HTMLInputElement): void => {
    const wanted = Number.parseInt(input.value, 10);
    if (wanted >= 1 && wanted <= count) void session.viewer.goTo(wanted - 1);
    else input.value = String(index + 1);
  };
  return (
    <div class="evalnb-group" role="group" aria-label="Image">
      <Button icon="previous" label="Previous image" keys={keys.shown("image.previous")} disabled={index <= 0} onClick={() => session.viewer.step(-1)} />
      <label class="evalnb-position">
        <input
          type="text" inputMode="numeric" aria-label="Image number" value={count ? index + 1 : 0}
          style={{ width: `${Math.max(String(count).length, 2) + 1}ch` }}
          onChange={(event) => jump(event.currentTarget)} onFocus={(event) => event.currentTarget.select()}
        />
        <span>/ {count.toLocaleString("en")}</span>
      </label>
      <Button icon="next" label="Next image" keys={keys.shown("image.next")} disabled={index >= count - 1} onClick={() => session.viewer.step(1)} />
    </div>
  );
}

export function TopBar({ session, panelShown, togglePanel }: { session: Session; panelShown: boolean; togglePanel: () => void }) {
  const image = session.image.value;
  const { editor } = session;
  const keys = session.preferences.keys.value;
  const ready = session.phase.value.kind === "ready";
  return (
    <header class="evalnb-top" inert={!ready}>
      <div class="evalnb-title">
        <strong>{session.hello.value?.dataset ?? "…"}</strong>
        {image && <span class="evalnb-name" title={`${image.name} · ${image.width} × ${image.height}`}>{image.name}</span>}
        {image && [...session.tags.value].slice(0, 3).map((tag) => <span key={tag} class="evalnb-chip">{tag}</span>)}
      </div>
      <Position session={session} />
      <div class="evalnb-group" role="group" aria-label="History">
        <Button icon="undo" label="Undo" keys={keys.shown("undo")} disabled={!session.canUndo.value} onClick={() => session.undoing.undo()} />
        <Button icon="redo" label="Redo" keys={keys.shown("redo")} disabled={!session.canRedo.value} onClick={() => session.undoing.redo()} />
      </div>
      <div class="evalnb-group evalnb-zoom" role="group" aria-label="Zoom">
        <Button icon="minus" label="Zoom out" keys={keys.shown("zoom.out")} onClick={() => editor.viewport.zoomBy(0.8)} />
        <button type="button" class="evalnb-percent" data-tip="Fit the image" data-key={keys.shown("zoom.fit")} data-place="below" onClick={() => editor.viewport.fit()}>
          {ready ? percent(session.zoom.value) : "–"}
        </button>
        <Button icon="plus" label="Zoom in" keys={keys.shown("zoom.in")} onClick={() => editor.viewport.zoomBy(1.25)} />
      </div>
      <People session={session} />
      {session.hello.value && <SaveBadge session={session} />}
      <div class="evalnb-group">
        <Elsewhere session={session} />
        <Button icon="search" label="Find a command" keys={keys.shown("palette")} onClick={() => (session.dialog.value = "palette")} />
        <Button icon="help" label="Keys" keys={keys.shown("help")} onClick={() => (session.dialog.value = "keys")} />
        <Button icon="panel" label="Side panel" pressed={panelShown} onClick={togglePanel} />
      </div>
    </header>
  );
}
