"""Uploads in the database. How far one is moves by compare-and-set, so that two writers can never both be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, insert, select, update
from sqlalchemy.orm import Session

from evalnb.core.uploads import Purpose, UploadRecord, UploadState
from evalnb.errors import NotFound
from evalnb.store.tables import ProjectRow, UploadRow


def create(
    session: Session,
    upload_id: UUID,
    *,
    project_id: int,
    author: str,
    filename: str,
    purpose: Purpose,
    arguments: Mapping[str, Any],
    metadata_header: str,
    length: int,
    lives_s: float,
) -> None:
    """A new upload of which nothing is there yet."""
    session.execute(
        insert(UploadRow).values(
            id=upload_id,
            project_id=project_id,
            author=author,
            filename=filename,
            purpose=purpose,
            arguments=dict(arguments),
            metadata_header=metadata_header,
            length=length,
            expires_at=func.now() + timedelta(seconds=lives_s),
        )
    )


def get(session: Session, upload_id: UUID) -> UploadRecord:
    """The upload, or NotFound."""
    row = session.get(UploadRow, upload_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no upload {upload_id}", remedy="begin a new one: POST /api/uploads")
    return _record(row)


def page(session: Session, project_id: int, *, before: int | None = None, limit: int = 100) -> list[UploadRecord]:
    """The project's uploads, newest first; ``before`` is the ``place`` of the last one of the page before."""
    chosen = select(UploadRow).where(UploadRow.project_id == project_id)
    if before is not None:
        chosen = chosen.where(UploadRow.place < before)
    return [_record(row) for row in session.scalars(chosen.order_by(UploadRow.place.desc()).limit(limit))]


def claimed_bytes(session: Session, project_id: int) -> int:
    """What the project's unfinished uploads will take when they are whole; who asks next waits for this transaction.

    NotFound if there is no such project.
    """
    project = select(ProjectRow.id).where(ProjectRow.id == project_id).with_for_update(key_share=True)
    if session.scalar(project) is None:
        raise NotFound(f"there is no project {project_id}", remedy="send the id of one that you see")
    total = select(func.coalesce(func.sum(UploadRow.length), 0)).where(
        UploadRow.project_id == project_id, UploadRow.state == "receiving"
    )
    return int(session.scalars(total).one())


def advance(session: Session, upload_id: UUID, *, seen: int, now: int, lives_s: float) -> bool:
    """Move the committed bytes from ``seen`` to ``now``; False if they no longer stand at ``seen``."""
    done = session.execute(
        update(UploadRow)
        .where(UploadRow.id == upload_id, UploadRow.state == "receiving", UploadRow.committed == seen)
        .values(committed=now, expires_at=func.now() + timedelta(seconds=lives_s))
    )
    return _changed(done)


def name_blob(session: Session, upload_id: UUID, sha256: str) -> bool:
    """Say what the whole file's bytes are, before it is moved; False if it is not whole and receiving."""
    done = session.execute(
        update(UploadRow)
        .where(UploadRow.id == upload_id, UploadRow.state == "receiving", UploadRow.committed == UploadRow.length)
        .values(sha256=sha256)
    )
    return _changed(done)


def receive(session: Session, upload_id: UUID, *, job_id: UUID | None) -> bool:
    """receiving → received, or → processing where a job takes it in; False if it was not receiving."""
    done = session.execute(
        update(UploadRow)
        .where(UploadRow.id == upload_id, UploadRow.state == "receiving", UploadRow.sha256.is_not(None))
        .values(state="received" if job_id is None else "processing", job_id=job_id)
    )
    return _changed(done)


def finish(session: Session, upload_id: UUID, result: Mapping[str, Any]) -> None:
    """→ done, with what came of it."""
    _end(session, upload_id, state="done", result=dict(result), refusal=None)


def refuse(session: Session, upload_id: UUID, refusal: Mapping[str, Any]) -> None:
    """→ refused, with the reason."""
    _end(session, upload_id, state="refused", result=None, refusal=dict(refusal))


def remove(session: Session, upload_id: UUID) -> None:
    """Forget it."""
    session.execute(delete(UploadRow).where(UploadRow.id == upload_id))


def expired(session: Session, *, limit: int) -> list[UUID]:
    """Unfinished uploads whose time is up."""
    due = select(UploadRow.id).where(UploadRow.state == "receiving", UploadRow.expires_at < func.now())
    return list(session.scalars(due.order_by(UploadRow.expires_at).limit(limit)))


def receiving(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these are unfinished."""
    return set(session.scalars(select(UploadRow.id).where(UploadRow.id.in_(ids), UploadRow.state == "receiving")))


def lapsed(session: Session, upload_id: UUID) -> bool:
    """Whether an unfinished upload's time is up."""
    due = select(UploadRow.id).where(
        UploadRow.id == upload_id, UploadRow.state == "receiving", UploadRow.expires_at < func.now()
    )
    return session.scalar(due) is not None


def _end(session: Session, upload_id: UUID, *, state: UploadState, **values: Any) -> None:
    session.execute(
        update(UploadRow)
        .where(UploadRow.id == upload_id, UploadRow.state.in_(("received", "processing")))
        .values(state=state, finished_at=func.now(), **values)
    )


def _changed(done: Any) -> bool:
    return cast("CursorResult[Any]", done).rowcount == 1


def _record(row: UploadRow) -> UploadRecord:
    return UploadRecord(
        id=row.id,
        place=row.place,
        project_id=row.project_id,
        author=row.author,
        filename=row.filename,
        purpose=cast("Purpose", row.purpose),
        arguments=row.arguments,
        metadata_header=row.metadata_header,
        length=row.length,
        committed=row.committed,
        state=cast("UploadState", row.state),
        sha256=row.sha256,
        job_id=row.job_id,
        result=row.result,
        refusal=row.refusal,
        created_at=row.created_at,
        expires_at=row.expires_at,
        finished_at=row.finished_at,
    )
