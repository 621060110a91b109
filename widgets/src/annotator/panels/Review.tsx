// How far the image's labels have come, what people say of them, and what shapes were before.
import { useEffect, useRef, useState } from "preact/hooks";
import { toImage } from "../../editor/camera";
import { clampPoint } from "../../editor/geometry";
import type { CommentInfo, PastEdit, ReviewReply } from "../../wire.gen";
import { statuses } from "../reviewing";
import type { Session } from "../session";
import { Icon } from "./icons";

const statusNames: Readonly<Record<ReviewReply["status"], string>> = {
  todo: "To do", doing: "Being done", review: "To be reviewed", accepted: "Accepted", rejected: "Rejected",
};

const shortTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function when(at: string | null): string {
  return at ? shortTime.format(new Date(at)) : "";
}

export function Review({ session }: { session: Session }) {
  const { reviewing } = session;
  const review = reviewing.review.value;
  const readOnly = session.hello.value?.read_only ?? true;
  if (!review) return null;
  const pinning = reviewing.pinning.value;
  return (
    <section class="evalnb-section" aria-label="Review">
      <h3>
        Review
        {!readOnly && <button type="button" class="evalnb-link" title={session.preferences.keys.value.shown("review.comment")} onClick={() => reviewing.pin()}>{pinning ? "Not now" : "Comment"}</button>}
      </h3>
      <label class="evalnb-field evalnb-review-field">
        <span>Status</span>
        <select
          class="evalnb-input" data-status={review.status} disabled={readOnly} value={review.status} title={review.author && `${review.author}, ${when(review.at)}`}
          onChange={(event) => reviewing.set({ status: event.currentTarget.value as ReviewReply["status"] })}
        >
          {statuses.map((one) => <option key={one} value={one}>{statusNames[one]}</option>)}
        </select>
      </label>
      <Assignee key={review.image_id} session={session} review={review} readOnly={readOnly} />
      {pinning && <p class="evalnb-quiet" role="status">Click the place on the image that it is about.</p>}
      {reviewing.draft.value && <Composer key={reviewing.draft.value.id} session={session} />}
      {review.comments.length > 0 && (
        <ol class="evalnb-comments">
          {review.comments.map((one, n) => <Remark key={one.id} session={session} comment={one} place={n + 1} readOnly={readOnly} />)}
        </ol>
      )}
    </section>
  );
}

function Assignee({ session, review, readOnly }: { session: Session; review: ReviewReply; readOnly: boolean }) {
  /** What is being typed: what others set meanwhile must not write over it. */
  const [typed, setTyped] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const sent = useRef(false);
  useEffect(() => {
    if (field.current?.matches(":focus")) return;
    setTyped(null);
    sent.current = false;
  }, [review]);
  return (
    <label class="evalnb-field evalnb-review-field">
      <span>Assigned to</span>
      <input
        ref={field} class="evalnb-input" value={typed ?? review.assignee} placeholder="nobody" maxLength={200} readOnly={readOnly}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => {
          sent.current = true;
          session.reviewing.set({ assignee: event.currentTarget.value.trim() });
        }}
        onBlur={() => {
          if (!sent.current) setTyped(null);
        }}
      />
    </label>
  );
}

function Composer({ session }: { session: Session }) {
  const { reviewing } = session;
  const draft = reviewing.draft.value;
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    // A place was just clicked; a draft that was found again leaves the keys to the canvas.
    if (draft && !draft.text) field.current?.focus();
  }, [draft?.id]);
  return (
    <div class="evalnb-composer">
      <textarea
        ref={field} class="evalnb-input" rows={2} maxLength={4000} aria-label="Comment" placeholder="What should be looked at here?"
        value={draft?.text} onInput={(event) => reviewing.write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey) return;
          event.preventDefault();
          event.stopPropagation();
          reviewing.comment();
        }}
      />
      <div class="evalnb-steps">
        <button type="button" class="evalnb-action" onClick={() => (reviewing.draft.value = null)}>Drop</button>
        <button type="button" class="evalnb-action" data-main onClick={() => reviewing.comment()}>Pin it</button>
      </div>
    </div>
  );
}

function Remark({ session, comment, place, readOnly }: { session: Session; comment: CommentInfo; place: number; readOnly: boolean }) {
  const { reviewing } = session;
  const done = comment.resolved_by !== "";
  return (
    <li data-comment={comment.id} data-done={done || undefined} aria-current={reviewing.shown.value === comment.id}>
      <button type="button" class="evalnb-remark" onClick={() => reviewing.show(comment)}>
        <b>{place}</b>
        <span>{comment.text}<small>{comment.author}, {when(comment.at)}{done && ` · resolved by ${comment.resolved_by}`}</small></span>
      </button>
      {!readOnly && (
        <button type="button" class="evalnb-mini" aria-label={done ? "Open it again" : "Resolve"} aria-pressed={done} onClick={() => reviewing.resolve(comment)}>
          <Icon name="check" />
        </button>
      )}
    </li>
  );
}

/** The comments where they are pinned; and, while a place is asked for, what takes the click. */
export function Pins({ session }: { session: Session }) {
  const { reviewing, editor } = session;
  const { x, y, zoom } = session.camera.value;
  const [pinning, draft] = [reviewing.pinning.value, reviewing.draft.value];
  const at = (px: number, py: number) => ({ left: `${x + px * zoom}px`, top: `${y + py * zoom}px` });
  return (
    <div class="evalnb-pins">
      {(reviewing.review.value?.comments ?? []).map((one, n) => (
        <button
          key={one.id} type="button" class="evalnb-pin" style={at(one.x, one.y)} data-done={one.resolved_by !== "" || undefined} aria-pressed={reviewing.shown.value === one.id}
          aria-label={`Comment ${n + 1}: ${one.text}`} title={`${one.author}: ${one.text}`} onClick={() => reviewing.show(one)}
        >
          {n + 1}
        </button>
      ))}
      {draft && <i class="evalnb-pin" data-new style={at(draft.at.x, draft.at.y)}>+</i>}
      {pinning && (
        <div
          class="evalnb-aim" onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            reviewing.place(clampPoint(toImage(editor.viewport.camera, { x: event.clientX - box.left, y: event.clientY - box.top }), editor.size));
          }}
        />
      )}
    </div>
  );
}

const actions: Readonly<Record<PastEdit["action"], string>> = { create: "drawn", update: "changed", delete: "deleted", restore: "restored", tag: "tagged", untag: "untagged" };

function Changes({ edit }: { edit: PastEdit }) {
  return (
    <div class="evalnb-changes">
      {edit.changes.map(({ name, before, after }) => (
        <div key={name}>
          <b>{name}</b>{" "}
          {/* What was drawn was nothing before. */}
          <span>{edit.action !== "create" && <><del>{before}</del> → </>}<ins>{after}</ins></span>
        </div>
      ))}
    </div>
  );
}

/** The selected shape's history; without one, what was deleted. */
export function Past({ session }: { session: Session }) {
  const { reviewing, palette } = session;
  const open = reviewing.looksBack.value;
  const past = reviewing.past.value;
  const selected = session.selectedId.value;
  const readOnly = session.hello.value?.read_only ?? true;
  const here = past && past.image_id === session.image.value?.id && past.shape_id === selected ? past : null;
  return (
    <section class="evalnb-section" aria-label="History">
      <h3><button type="button" class="evalnb-fold" aria-expanded={open} onClick={() => (reviewing.looksBack.value = !open)}>History</button></h3>
      {open && here && selected !== null && (
        <ol class="evalnb-past">
          {!here.edits.length && <li class="evalnb-quiet">As it was imported: nobody has changed it.</li>}
          {[...here.edits].reverse().map((one, n) => (
            <li key={one.rev} data-rev={one.rev}>
              <span>{actions[one.action]}<small>{one.author}, {when(one.at)}</small></span>
              {!readOnly && one.action !== "delete" && n > 0 && <button type="button" class="evalnb-link" onClick={() => reviewing.restore(selected, one.rev)}>As it was then</button>}
              {one.changes.length > 0 && <Changes edit={one} />}
            </li>
          ))}
          {!readOnly && here.edits[0]?.action === "update" && (
            <li data-rev={here.edits[0].rev - 1}>
              <span>before all that</span>
              <button type="button" class="evalnb-link" onClick={() => reviewing.restore(selected, here.edits[0]!.rev - 1)}>As it was then</button>
            </li>
          )}
        </ol>
      )}
      {open && here && selected === null && (
        <ol class="evalnb-past">
          {!here.deleted.length && <li class="evalnb-quiet">Nothing was deleted here. Select a shape to see what it was.</li>}
          {here.deleted.map((shape, n) => (
            <li key={shape.id} data-deleted={shape.id}>
              <span>{palette.name(shape.class_id)}, deleted<small>{here.edits[n]?.author}, {when(here.edits[n]?.at ?? null)}</small></span>
              {!readOnly && <button type="button" class="evalnb-link" onClick={() => reviewing.restore(shape.id, shape.rev - 1)}>Bring back</button>}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
