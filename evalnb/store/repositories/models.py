"""Models and their versions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.errors import NotFound
from evalnb.store.tables import ModelRow, ModelVersionRow


@dataclass(frozen=True, slots=True, repr=False)
class ModelVersion:
    """One set of weights of a model."""

    id: int
    project_id: int
    name: str
    """The model's name."""
    number: int
    """1, 2, 3, … within the model."""
    architecture: str
    sha256: str
    """The weights' blob: safetensors that say what they are."""
    class_names: tuple[str, ...]
    """By the model's class index."""
    metrics: Mapping[str, Any]
    job_id: UUID | None
    """The training job that made it, if one did."""
    extra: Mapping[str, Any]
    created_at: datetime

    def __repr__(self) -> str:
        """Its name, number and architecture, and how well it does where that is known."""
        ap = self.metrics.get("mAP50-95")
        about = f"{self.architecture}, {len(self.class_names)} classes"
        measured = f", mAP50-95 {ap:.3f}" if isinstance(ap, float) else ""
        return f"ModelVersion({self.name!r} v{self.number}: {about}{measured})"


@dataclass(frozen=True, slots=True)
class ModelCounts:
    """A model with how many versions it has, as a list shows it."""

    id: int
    project_id: int
    name: str
    created_at: datetime
    versions: int
    newest: int | None
    """The number of its newest version."""


def add(
    session: Session,
    project_id: int,
    name: str,
    *,
    architecture: str,
    sha256: str,
    class_names: Sequence[str],
    metrics: Mapping[str, Any],
    job_id: UUID | None,
    extra: Mapping[str, Any],
) -> int:
    """A new version of the model ``name`` (made if it is new), with the next number; its id."""
    session.execute(
        insert(ModelRow)
        .values(project_id=project_id, name=name)
        .on_conflict_do_nothing(index_elements=[ModelRow.project_id, ModelRow.name])
    )
    # Locked, so that two versions at once get two numbers.
    model_id = session.scalars(
        select(ModelRow.id).where(ModelRow.project_id == project_id, ModelRow.name == name).with_for_update()
    ).one()
    last = session.scalars(
        select(func.coalesce(func.max(ModelVersionRow.number), 0)).where(ModelVersionRow.model_id == model_id)
    ).one()
    row = ModelVersionRow(
        model_id=model_id,
        number=last + 1,
        architecture=architecture,
        sha256=sha256,
        class_names=list(class_names),
        metrics=dict(metrics),
        job_id=job_id,
        extra=dict(extra),
    )
    session.add(row)
    session.flush()
    return row.id


def get(session: Session, version_id: int) -> ModelVersion:
    """The version of that id; NotFound otherwise."""
    row = session.execute(
        select(ModelVersionRow, ModelRow)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelVersionRow.id == version_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no model version {version_id}", remedy="list the versions with project.models()")
    return _record(*row)


def named(session: Session, project_id: int, name: str, number: int | None = None) -> ModelVersion:
    """A version of the model ``name``, the newest where no number is given; NotFound says what there is."""
    chosen = (
        select(ModelVersionRow, ModelRow)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelRow.project_id == project_id, ModelRow.name == name)
        .order_by(ModelVersionRow.number.desc())
    )
    rows = session.execute(chosen).all()
    if not rows:
        names = session.scalars(select(ModelRow.name).where(ModelRow.project_id == project_id)).all()
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        raise NotFound(
            f"the project has no model {name!r}",
            remedy=f"use one of {', '.join(map(repr, near))}" if near else "register or train one first",
        )
    for row in rows:
        if number is None or row[0].number == number:
            return _record(*row)
    raise NotFound(
        f"the model {name!r} has no version {number}",
        remedy=f"use one of {', '.join(str(row[0].number) for row in reversed(rows))}",
    )


def all(session: Session, project_id: int) -> list[ModelVersion]:
    """The project's model versions, newest first."""
    rows = session.execute(
        select(ModelVersionRow, ModelRow)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelRow.project_id == project_id)
        .order_by(ModelVersionRow.id.desc())
    )
    return [_record(*row) for row in rows]


def page(session: Session, project_id: int, *, after: int = 0, limit: int = 100) -> list[ModelCounts]:
    """The project's models whose id is greater than ``after``, by id, with their versions counted."""
    return _counts(session, ModelRow.project_id == project_id, ModelRow.id > after, limit=limit)


def counted(session: Session, model_id: int) -> ModelCounts:
    """The model of that id; NotFound otherwise."""
    found = _counts(session, ModelRow.id == model_id, limit=1)
    if not found:
        raise NotFound(f"there is no model {model_id}", remedy="list the project's models to see their ids")
    return found[0]


def versions(session: Session, model_id: int, *, after: int = 0, limit: int = 100) -> list[ModelVersion]:
    """The model's versions, newest first: those before the version ``after``, or from the newest one on."""
    rows = session.execute(
        select(ModelVersionRow, ModelRow)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelRow.id == model_id, *([ModelVersionRow.id < after] if after else []))
        .order_by(ModelVersionRow.id.desc())
        .limit(limit)
    )
    return [_record(*row) for row in rows]


def _counts(session: Session, *conditions: Any, limit: int) -> list[ModelCounts]:
    row = ModelRow
    of = ModelVersionRow.model_id == ModelRow.id
    versions = select(func.count()).where(of).scalar_subquery()
    newest = select(func.max(ModelVersionRow.number)).where(of).scalar_subquery()
    chosen = select(row.id, row.project_id, row.name, row.created_at, versions, newest)
    return [ModelCounts(*one) for one in session.execute(chosen.where(*conditions).order_by(row.id).limit(limit))]


def _record(row: ModelVersionRow, model: ModelRow) -> ModelVersion:
    return ModelVersion(
        id=row.id,
        project_id=model.project_id,
        name=model.name,
        number=row.number,
        architecture=row.architecture,
        sha256=row.sha256,
        class_names=tuple(row.class_names),
        metrics=row.metrics,
        job_id=row.job_id,
        extra=row.extra,
        created_at=row.created_at,
    )
