"""Projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.errors import Conflict, NotFound
from evalnb.store.tables import DatasetRow, ModelRow, ProjectRow


@dataclass(frozen=True, slots=True)
class ProjectCounts:
    """A project with how much is in it, as a list shows it."""

    id: int
    name: str
    created_at: datetime
    datasets: int
    models: int


def page(
    session: Session, *, among: Collection[int] | None = None, after: int = 0, limit: int = 100
) -> list[ProjectCounts]:
    """The projects (of those in ``among``, where it is given) whose id is greater than ``after``, by id."""
    datasets = select(func.count()).where(DatasetRow.project_id == ProjectRow.id).scalar_subquery()
    models = select(func.count()).where(ModelRow.project_id == ProjectRow.id).scalar_subquery()
    chosen = select(ProjectRow.id, ProjectRow.name, ProjectRow.created_at, datasets, models)
    chosen = chosen.where(ProjectRow.id > after)
    if among is not None:
        chosen = chosen.where(ProjectRow.id.in_(among))
    return [ProjectCounts(*row) for row in session.execute(chosen.order_by(ProjectRow.id).limit(limit))]


def get(session: Session, project_id: int) -> ProjectCounts:
    """The project of that id; NotFound otherwise."""
    found = page(session, among=[project_id], limit=1)
    if not found:
        raise NotFound(f"there is no project {project_id}", remedy="list the projects to see their ids")
    return found[0]


def create(session: Session, name: str) -> int:
    """A new, empty project; Conflict where the name is taken."""
    made = session.scalars(
        insert(ProjectRow).values(name=name).on_conflict_do_nothing().returning(ProjectRow.id)
    ).one_or_none()
    if made is None:
        raise Conflict(f"there is a project {name!r} already", remedy="choose another name")
    return made


def opened(session: Session, name: str) -> int:
    """The id of the project of that name, made where there is none. Two callers at once get the same one."""
    known = session.scalar(select(ProjectRow.id).where(ProjectRow.name == name))
    if known is not None:
        return known
    session.execute(insert(ProjectRow).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(ProjectRow.id).where(ProjectRow.name == name)).one()
