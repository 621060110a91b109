"""Jobs in the database. Whoever asks writes without a fence; a worker's every write carries its claim's fence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Text, delete, func, insert, literal_column, or_, select, text, tuple_, update
from sqlalchemy import cast as cast_sql
from sqlalchemy.orm import Session

from evalnb.core.jobs import EventKind, JobEvent, JobFailure, JobProgress, JobRecord, JobState
from evalnb.errors import NotFound, StaleFence
from evalnb.store.tables import JobEventRow, JobRow, ModelVersionRow, PredictionRunRow


def create(
    session: Session, job_id: UUID, *, project_id: int, kind: str, arguments: dict[str, Any], author: str
) -> None:
    """Queue a job; it exists once the caller's transaction commits."""
    session.execute(
        insert(JobRow).values(id=job_id, project_id=project_id, kind=kind, arguments=arguments, author=author)
    )


def get(session: Session, job_id: UUID) -> JobRecord:
    """The job, or NotFound."""
    row = session.get(JobRow, job_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no job {job_id}", remedy="project.jobs() lists those there are")
    return _record(row)


def recent(session: Session, project_id: int, *, limit: int = 50) -> list[JobRecord]:
    """The project's jobs, newest first."""
    rows = session.scalars(
        select(JobRow).where(JobRow.project_id == project_id).order_by(JobRow.created_at.desc()).limit(limit)
    )
    return [_record(row) for row in rows]


def open_on(session: Session, *, project_id: int, dataset_id: int | None = None) -> list[JobRecord]:
    """The project's jobs that wait or run, oldest first; of a dataset, those that name it or a run over it."""
    chosen = select(JobRow).where(JobRow.project_id == project_id, JobRow.state.in_(("queued", "running")))
    if dataset_id is not None:
        runs = select(cast_sql(PredictionRunRow.id, Text)).where(PredictionRunRow.dataset_id == dataset_id)
        names = (
            JobRow.arguments["dataset_id"].astext == str(dataset_id),
            JobRow.arguments["run_id"].astext.in_(runs),
        )
        chosen = chosen.where(or_(*names))
    return [_record(row) for row in session.scalars(chosen.order_by(JobRow.created_at))]


def page(
    session: Session,
    project_id: int,
    *,
    states: Collection[JobState] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> list[JobRecord]:
    """The project's jobs (of ``states``, where some are named), newest first, from the one after ``after`` on."""
    chosen = select(JobRow).where(JobRow.project_id == project_id)
    if states:
        chosen = chosen.where(JobRow.state.in_(states))
    if after is not None:
        last = select(JobRow.created_at, JobRow.id).where(JobRow.id == after).subquery()
        chosen = chosen.where(
            tuple_(JobRow.created_at, JobRow.id) < select(last.c.created_at, last.c.id).scalar_subquery()
        )
    rows = session.scalars(chosen.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit))
    return [_record(row) for row in rows]


def events(
    session: Session, job_id: UUID, *, after: int = 0, kind: EventKind | None = None, limit: int = 100_000
) -> list[JobEvent]:
    """The job's events whose id is greater than ``after``, oldest first."""
    wanted = select(JobEventRow).where(JobEventRow.job_id == job_id, JobEventRow.id > after)
    if kind is not None:
        wanted = wanted.where(JobEventRow.kind == kind)
    rows = session.scalars(wanted.order_by(JobEventRow.id).limit(limit))
    return [JobEvent(row.id, row.job_id, row.at, row.kind, row.body) for row in rows]


def log_tail(session: Session, job_id: UUID, *, limit: int = 20) -> list[JobEvent]:
    """The last ``limit`` log events, oldest first."""
    rows = session.scalars(
        select(JobEventRow)
        .where(JobEventRow.job_id == job_id, JobEventRow.kind == "log")
        .order_by(JobEventRow.id.desc())
        .limit(limit)
    ).all()
    return [JobEvent(row.id, row.job_id, row.at, row.kind, row.body) for row in reversed(rows)]


def queued_count(session: Session, kinds: Sequence[str]) -> int:
    """How many jobs of these kinds wait for a worker."""
    count = select(func.count()).select_from(JobRow).where(JobRow.state == "queued", JobRow.kind.in_(kinds))
    return session.scalar(count) or 0


def counts(session: Session) -> tuple[dict[tuple[str, str], int], float]:
    """(kind, state) → how many jobs, and for how many seconds the oldest queued one has waited (0 without any)."""
    rows = session.execute(select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state))
    waited = func.extract("epoch", func.now() - func.min(JobRow.created_at))
    oldest = session.scalar(select(waited).where(JobRow.state == "queued"))
    return {(kind, state): count for kind, state, count in rows}, float(oldest or 0)


def claim(session: Session, *, worker: str, kinds: Sequence[str], lease_s: float) -> JobRecord | None:
    """Take the oldest queued job of these kinds under a lease, or None. No two claims ever take the same one."""
    oldest = (
        select(JobRow.id)
        .where(JobRow.state == "queued", JobRow.kind.in_(kinds))
        .order_by(JobRow.created_at, JobRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_subquery()
    row = session.scalars(
        update(JobRow)
        .where(JobRow.id == oldest)
        .values(
            state="running",
            attempt=JobRow.attempt + 1,
            fence=JobRow.fence + 1,
            worker=worker,
            lease_until=_in(lease_s),
            started_at=func.coalesce(JobRow.started_at, func.now()),
        )
        .returning(JobRow),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    return None if row is None else _record(row)


def beat(session: Session, job_id: UUID, fence: int, *, lease_s: float) -> bool:
    """Extend the lease; returns whether somebody asked to cancel."""
    return bool(_fenced(session, job_id, fence, {"lease_until": _in(lease_s)}))


def write_progress(session: Session, job_id: UUID, fence: int, progress: JobProgress) -> None:
    """Say how far the job is."""
    _fenced(session, job_id, fence, {"progress": asdict(progress)})


def add_event(session: Session, job_id: UUID, fence: int, kind: EventKind, body: dict[str, Any]) -> None:
    """Append to the job's stream of events. Also after its end, as long as nobody else took it: the last words of a
    process come when its result is already written."""
    # FOR SHARE: a reaper cannot pass the job on between the look at the fence and the insert.
    mine = select(JobRow.id).where(JobRow.id == job_id, JobRow.fence == fence)
    held = session.scalar(mine.with_for_update(read=True))
    if held is None:
        raise _stale(job_id, fence)
    session.execute(insert(JobEventRow).values(job_id=job_id, kind=kind, body=body))


def trim_log(session: Session, job_id: UUID, *, keep: int) -> None:
    """Forget all but the last ``keep`` log events."""
    logs = (JobEventRow.job_id == job_id, JobEventRow.kind == "log")
    last = select(JobEventRow.id).where(*logs).order_by(JobEventRow.id.desc()).offset(keep).limit(1)
    session.execute(delete(JobEventRow).where(*logs, JobEventRow.id <= last.scalar_subquery()))


def succeed(session: Session, job_id: UUID, fence: int, result: dict[str, Any]) -> None:
    """The work is done."""
    _fenced(session, job_id, fence, {"state": "succeeded", "result": result, **_ENDED})


def fail(session: Session, job_id: UUID, fence: int, failure: JobFailure) -> None:
    """The work cannot be done, and why."""
    _fenced(session, job_id, fence, {"state": "failed", "error": asdict(failure), **_ENDED})


def end_cancelled(session: Session, job_id: UUID, fence: int) -> None:
    """The work has stopped because somebody asked for that."""
    _fenced(session, job_id, fence, {"state": "cancelled", **_ENDED})


def hand_back(session: Session, job_id: UUID, fence: int) -> None:
    """Queue the job again for another worker; the attempt does not count."""
    values = {"state": "queued", "attempt": JobRow.attempt - 1, "fence": JobRow.fence + 1}
    _fenced(session, job_id, fence, {**values, "lease_until": None, "worker": None})


def request_cancel(session: Session, job_id: UUID) -> JobRecord:
    """Cancel a queued job at once, and ask the worker of a running one to stop. A finished one stays as it is."""
    row = session.get(JobRow, job_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no job {job_id}", remedy="project.jobs() lists those there are")
    if row.state == "queued":
        row.state, row.cancel_requested = "cancelled", True
        row.finished_at = session.scalar(select(func.now()))
    elif row.state == "running":
        row.cancel_requested = True
    session.flush()
    return _record(row)


def reap(session: Session, *, attempts: int) -> list[JobRecord]:
    """Take jobs from workers whose lease ran out: queued again, or failed after ``attempts`` starts. Returns them."""
    lost = session.scalars(
        select(JobRow)
        .where(JobRow.state == "running", JobRow.lease_until < func.now())
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for row in lost:
        words = f"the worker {row.worker} was lost (start {row.attempt} of {attempts})"
        # The old fence is refused from here on, even if that worker is only slow.
        row.fence += 1
        row.lease_until = None
        if row.cancel_requested:
            row.state, ended = "cancelled", True
        elif row.attempt >= attempts:
            row.state, ended = "failed", True
            row.error = asdict(_given_up(words))
        else:
            row.state, ended = "queued", False
            row.worker = None
        if ended:
            row.finished_at = session.scalar(select(func.now()))
        tail = "queued again" if row.state == "queued" else row.state
        session.add(JobEventRow(job_id=row.id, kind="log", body={"text": f"[evalnb] {words}; {tail}\n"}))
    session.flush()
    return [_record(row) for row in lost]


def products(session: Session, job_id: UUID) -> tuple[list[int], list[int]]:
    """What earlier attempts of the job have left: ids of prediction runs, ids of model versions; oldest first."""
    runs = select(PredictionRunRow.id).where(PredictionRunRow.job_id == job_id).order_by(PredictionRunRow.id)
    versions = select(ModelVersionRow.id).where(ModelVersionRow.job_id == job_id).order_by(ModelVersionRow.id)
    return list(session.scalars(runs)), list(session.scalars(versions))


def scope(session: Session) -> str:
    """What tells this database from every other one: the cluster's identity and the database's oid.

    Two kernels that reach one database by different addresses get the same answer.
    """
    return str(
        session.scalar(
            text(
                "SELECT s.system_identifier || '-' || d.oid FROM pg_control_system() s, pg_database d"
                " WHERE d.datname = current_database()"
            )
        )
    )


_ENDED = {"finished_at": func.now(), "lease_until": None}


def _given_up(words: str) -> JobFailure:
    return JobFailure(
        kind="Unavailable",
        happened=f"{words}, so the job was given up",
        remedy="look at that machine (memory, disk, power) and at job.log, then submit it again",
    )


def _in(seconds: float) -> Any:
    # clock_timestamp, not now(): a transaction that waited for a lock must not write a lease that is already old.
    return func.clock_timestamp() + seconds * literal_column("interval '1 second'")


def _held(job_id: UUID, fence: int) -> tuple[Any, ...]:
    return (JobRow.id == job_id, JobRow.fence == fence, JobRow.state == "running")


def _fenced(session: Session, job_id: UUID, fence: int, values: dict[str, Any]) -> bool:
    """Write ``values`` if the fence still holds; returns ``cancel_requested``."""
    statement = update(JobRow).where(*_held(job_id, fence)).values(**values).returning(JobRow.cancel_requested)
    found = session.scalars(statement, execution_options={"synchronize_session": False}).one_or_none()
    if found is None:
        raise _stale(job_id, fence)
    return found


def _stale(job_id: UUID, fence: int) -> StaleFence:
    return StaleFence(
        f"job {job_id} is no longer held under fence {fence}",
        remedy="stop: another worker has it, or it has ended",
    )


def _record(row: JobRow) -> JobRecord:
    error = cast("dict[str, Any] | None", row.error)
    return JobRecord(
        id=row.id,
        project_id=row.project_id,
        kind=row.kind,
        arguments=row.arguments,
        state=cast("JobState", row.state),
        progress=JobProgress(**row.progress),
        result=row.result,
        failure=None if error is None else JobFailure(**error),
        cancel_requested=row.cancel_requested,
        attempt=row.attempt,
        fence=row.fence,
        lease_until=row.lease_until,
        worker=row.worker,
        author=row.author,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
