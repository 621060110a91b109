"""What anybody may do to a job: ask for it, read it, follow its events, cancel it. Each is one step in the caller's
transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from evalnb.core.jobs import JobEvent, JobRecord, JobState
from evalnb.store.repositories import jobs as rows


def ask(session: Session, project_id: int, kind: str, arguments: dict[str, Any], *, author: str) -> UUID:
    """Queue work of ``kind`` (train, predict, evaluate) in the caller's transaction; ``ring`` after its commit."""
    job_id = uuid4()
    rows.create(session, job_id, project_id=project_id, kind=kind, arguments=arguments, author=author)
    return job_id


def read(session: Session, job_id: UUID) -> JobRecord:
    """The job as it stands, or NotFound."""
    return rows.get(session, job_id)


def page(
    session: Session,
    project_id: int,
    *,
    states: Collection[JobState] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> list[JobRecord]:
    """The project's jobs (of ``states``, where some are named), newest first, from the one after ``after`` on."""
    return rows.page(session, project_id, states=states, after=after, limit=limit)


def recent(session: Session, project_id: int, *, limit: int = 50) -> list[JobRecord]:
    """The project's jobs, newest first."""
    return rows.recent(session, project_id, limit=limit)


def events(session: Session, job_id: UUID, after: int = 0, *, limit: int = 100_000) -> list[JobEvent]:
    """What the job has said since event ``after``, oldest first."""
    return rows.events(session, job_id, after=after, limit=limit)


def log_tail(session: Session, job_id: UUID, *, limit: int = 200) -> str:
    """The last ``limit`` pieces that the job has printed, as one text."""
    return "".join(event.body["text"] for event in rows.log_tail(session, job_id, limit=limit))


def cancel(session: Session, job_id: UUID) -> JobRecord:
    """Cancel a queued job at once; ask the worker of a running one to stop. A finished job stays as it is."""
    return rows.request_cancel(session, job_id)


def counts(session: Session) -> tuple[dict[tuple[str, str], int], float]:
    """(kind, state) → how many jobs of all projects, and the seconds that the oldest queued one has waited."""
    return rows.counts(session)
