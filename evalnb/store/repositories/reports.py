"""Published reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from evalnb.errors import NotFound
from evalnb.store.tables import ProjectRow, ReportRow


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """One report as the table has it."""

    id: int
    project_id: int
    evaluation_id: int | None
    slug: str
    title: str
    bundle_sha256: str
    html_sha256: str
    created_at: datetime


def reserve_slug(session: Session, project_id: int, wanted: str) -> str:
    """``wanted``, or ``wanted-2``, ``-3`` … where the project has it; nobody else can take it in this transaction."""
    # The project's row stands for its names: two publications of one title at once take turns here.
    session.execute(select(ProjectRow.id).where(ProjectRow.id == project_id).with_for_update())
    taken = set(session.scalars(select(ReportRow.slug).where(ReportRow.project_id == project_id)))
    number = 2
    slug = wanted
    while slug in taken:
        slug = f"{wanted}-{number}"
        number += 1
    return slug


def add(
    session: Session,
    *,
    project_id: int,
    evaluation_id: int | None,
    slug: str,
    title: str,
    bundle_sha256: str,
    html_sha256: str,
) -> ReportRecord:
    """Keep a report. Its blobs must be there already."""
    row = ReportRow(
        project_id=project_id,
        evaluation_id=evaluation_id,
        slug=slug,
        title=title,
        bundle_sha256=bundle_sha256,
        html_sha256=html_sha256,
    )
    session.add(row)
    session.flush()
    return _record(row)


def all(session: Session, project_id: int | None = None) -> list[ReportRecord]:
    """The reports of a project (or of every one), newest first."""
    chosen = select(ReportRow).order_by(ReportRow.id.desc())
    if project_id is not None:
        chosen = chosen.where(ReportRow.project_id == project_id)
    return [_record(row) for row in session.scalars(chosen)]


def page(session: Session, project_id: int, *, after: int = 0, limit: int = 100) -> list[ReportRecord]:
    """The project's reports, newest first: those before ``after``, or from the newest one on."""
    chosen = select(ReportRow).where(ReportRow.project_id == project_id)
    if after:
        chosen = chosen.where(ReportRow.id < after)
    return [_record(row) for row in session.scalars(chosen.order_by(ReportRow.id.desc()).limit(limit))]


def by_slug(session: Session, slug: str, *, project_id: int | None = None) -> ReportRecord:
    """The newest report of that slug; NotFound otherwise."""
    chosen = select(ReportRow).where(ReportRow.slug == slug).order_by(ReportRow.id.desc()).limit(1)
    if project_id is not None:
        chosen = chosen.where(ReportRow.project_id == project_id)
    row = session.scalars(chosen).one_or_none()
    if row is None:
        raise NotFound(f"there is no report {slug!r}", remedy="publish one with project.publish(evaluation, title=…)")
    return _record(row)


def of_slug(session: Session, slug: str) -> list[ReportRecord]:
    """The reports of that slug in every project, newest first."""
    chosen = select(ReportRow).where(ReportRow.slug == slug).order_by(ReportRow.id.desc())
    return [_record(row) for row in session.scalars(chosen)]


def read_only(session: Session) -> None:
    """Let this transaction read and nothing else: what a page for other people's eyes works in."""
    session.execute(text("SET TRANSACTION READ ONLY"))


def _record(row: ReportRow) -> ReportRecord:
    return ReportRecord(
        id=row.id,
        project_id=row.project_id,
        evaluation_id=row.evaluation_id,
        slug=row.slug,
        title=row.title,
        bundle_sha256=row.bundle_sha256,
        html_sha256=row.html_sha256,
        created_at=row.created_at,
    )
