"""Projects."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from evalnb.core.accounts import Role
from evalnb.core.projects import ProjectRecord
from evalnb.errors import Conflict, NotFound
from evalnb.store.repositories import datasets
from evalnb.store.tables import (
    DatasetRow,
    EvaluationRow,
    ImageRow,
    MembershipRow,
    ModelRow,
    PredictionRunRow,
    ProjectRow,
)


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
    inside = select(func.count()).where(DatasetRow.project_id == ProjectRow.id).scalar_subquery()
    models = select(func.count()).where(ModelRow.project_id == ProjectRow.id).scalar_subquery()
    chosen = select(ProjectRow.id, ProjectRow.name, ProjectRow.created_at, inside, models)
    chosen = chosen.where(ProjectRow.id > after)
    if among is not None:
        chosen = chosen.where(ProjectRow.id.in_(among))
    return [ProjectCounts(*row) for row in session.execute(chosen.order_by(ProjectRow.id).limit(limit))]


def counted(session: Session, project_id: int) -> ProjectCounts:
    """The project of that id with how much is in it; NotFound otherwise."""
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


def rename(session: Session, project_id: int, name: str) -> None:
    """Call it otherwise; Conflict where another project has that name, NotFound if it is not there."""
    get(session, project_id)
    taken = Conflict(f"there is a project {name!r} already", remedy="choose another name")
    try:
        with session.begin_nested():
            session.execute(update(ProjectRow).where(ProjectRow.id == project_id).values(name=name))
    except IntegrityError as error:
        raise taken from error
    session.expire_all()


def remove(session: Session, project_id: int) -> None:
    """Delete the project and all that belongs to it."""
    for dataset_id in session.scalars(select(DatasetRow.id).where(DatasetRow.project_id == project_id)).all():
        datasets.remove(session, dataset_id)
    session.execute(delete(ProjectRow).where(ProjectRow.id == project_id))
    session.expire_all()


def opened(session: Session, name: str) -> int:
    """The id of the project of that name, made where there is none. Two callers at once get the same one."""
    known = session.scalar(select(ProjectRow.id).where(ProjectRow.name == name))
    if known is not None:
        return known
    session.execute(insert(ProjectRow).values(name=name).on_conflict_do_nothing())
    return session.scalars(select(ProjectRow.id).where(ProjectRow.name == name)).one()


def get(session: Session, project_id: int) -> ProjectRecord:
    """The project of that id; NotFound otherwise."""
    row = session.get(ProjectRow, project_id)
    if row is None:
        raise NotFound(f"there is no project {project_id}", remedy="take an id from the list of projects")
    return _record(row)


def named(session: Session, name: str) -> ProjectRecord:
    """The project of that name; NotFound says which ones are near."""
    row = session.scalars(select(ProjectRow).where(ProjectRow.name == name)).one_or_none()
    if row is None:
        names = [one.name for one in all(session)]
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        raise NotFound(
            f"there is no project {name!r}",
            remedy=f"use one of {', '.join(map(repr, near))}" if near else "make one with ev.open(project=…)",
        )
    return _record(row)


def all(session: Session) -> list[ProjectRecord]:
    """Every project, by name."""
    return [_record(row) for row in session.scalars(select(ProjectRow).order_by(ProjectRow.name))]


def joined(session: Session, account_id: int) -> list[tuple[ProjectRecord, Role]]:
    """What the account is a member of, by name, each with its role there."""
    rows = session.execute(
        select(ProjectRow, MembershipRow.role)
        .join(MembershipRow, MembershipRow.project_id == ProjectRow.id)
        .where(MembershipRow.account_id == account_id)
        .order_by(ProjectRow.name)
    )
    return [(_record(row), cast("Role", role)) for row, role in rows]


def of_dataset(session: Session, dataset_id: int) -> int | None:
    """The project of a dataset; None where there is no such dataset."""
    return session.scalar(select(DatasetRow.project_id).where(DatasetRow.id == dataset_id))


def of_image(session: Session, image_id: int) -> int | None:
    """The project of an image; None where there is no such image."""
    chosen = select(DatasetRow.project_id).join(ImageRow, ImageRow.dataset_id == DatasetRow.id)
    return session.scalar(chosen.where(ImageRow.id == image_id))


def of_run(session: Session, run_id: int) -> int | None:
    """The project of a prediction run; None where there is no such run."""
    chosen = select(DatasetRow.project_id).join(PredictionRunRow, PredictionRunRow.dataset_id == DatasetRow.id)
    return session.scalar(chosen.where(PredictionRunRow.id == run_id))


def of_evaluation(session: Session, evaluation_id: int) -> int | None:
    """The project of an evaluation; None where there is no such evaluation."""
    chosen = (
        select(DatasetRow.project_id)
        .join(PredictionRunRow, PredictionRunRow.dataset_id == DatasetRow.id)
        .join(EvaluationRow, EvaluationRow.run_id == PredictionRunRow.id)
    )
    return session.scalar(chosen.where(EvaluationRow.id == evaluation_id))


def of_model(session: Session, model_id: int) -> int | None:
    """The project of a model; None where there is no such model."""
    return session.scalar(select(ModelRow.project_id).where(ModelRow.id == model_id))


def _record(row: ProjectRow) -> ProjectRecord:
    return ProjectRecord(id=row.id, name=row.name, created_at=row.created_at)
