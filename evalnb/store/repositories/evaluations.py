"""Evaluations: kept, found again, and what they need to know of their run and its images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from evalnb.core.slices import Slice
from evalnb.errors import NotFound
from evalnb.store.repositories import slices
from evalnb.store.tables import (
    DatasetRow,
    EvaluationRow,
    ImageRow,
    ModelRow,
    ModelVersionRow,
    PredictionRow,
    PredictionRunRow,
)


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """One evaluation as the table has it."""

    id: int
    run_id: int
    kind: str
    parameters: Mapping[str, Any]
    summary: Mapping[str, float]
    matches_sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run comes from."""

    run_id: int
    run_name: str
    run_parameters: Mapping[str, Any]
    dataset_id: int
    dataset_name: str
    project_id: int
    model_name: str | None
    model_version: int | None
    architecture: str | None
    image_count: int
    """How many images the run is to cover."""
    images_done: int
    finished: bool
    imported: bool
    """Whether it is a result file and no model's own run; such a file answers for the whole dataset."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from, as lists name it."""

    run_id: int
    run_name: str
    project_id: int
    dataset_id: int
    dataset_name: str
    model_name: str | None
    """None for an imported result file."""
    model_version: int | None
    images_done: int


def provenance(session: Session, run_id: int) -> Provenance:
    """The run's dataset and model; NotFound where there is no such run."""
    row = session.execute(
        select(PredictionRunRow, DatasetRow, ModelVersionRow, ModelRow)
        .join(DatasetRow, DatasetRow.id == PredictionRunRow.dataset_id)
        .outerjoin(ModelVersionRow, ModelVersionRow.id == PredictionRunRow.model_version_id)
        .outerjoin(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(PredictionRunRow.id == run_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no prediction run {run_id}", remedy="list the runs with project.runs()")
    run, dataset, version, model = row
    done = session.scalars(
        select(func.count()).select_from(PredictionRow).where(PredictionRow.run_id == run_id)
    ).one()
    return Provenance(
        run_id=run.id,
        run_name=run.name,
        run_parameters=run.parameters,
        dataset_id=dataset.id,
        dataset_name=dataset.name,
        project_id=dataset.project_id,
        model_name=model.name if model else None,
        model_version=version.number if version else None,
        architecture=version.architecture if version else None,
        image_count=run.image_count,
        images_done=done,
        finished=run.finished_at is not None,
        imported=run.model_version_id is None,
    )


def origins(session: Session, run_ids: Collection[int]) -> dict[int, Origin]:
    """Where each of these runs comes from, by the run's id; those that are not there are left out."""
    done = select(func.count()).where(PredictionRow.run_id == PredictionRunRow.id).scalar_subquery()
    rows = session.execute(
        select(PredictionRunRow, DatasetRow.project_id, DatasetRow.name, ModelRow.name, ModelVersionRow.number, done)
        .join(DatasetRow, DatasetRow.id == PredictionRunRow.dataset_id)
        .outerjoin(ModelVersionRow, ModelVersionRow.id == PredictionRunRow.model_version_id)
        .outerjoin(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(PredictionRunRow.id.in_(run_ids))
    )
    return {
        run.id: Origin(
            run_id=run.id,
            run_name=run.name,
            project_id=project_id,
            dataset_id=run.dataset_id,
            dataset_name=dataset,
            model_name=model,
            model_version=version,
            images_done=images_done,
        )
        for run, project_id, dataset, model, version, images_done in rows
    }


def covered_images(
    session: Session, source: Provenance, part: Slice
) -> list[tuple[int, str, str, list[str], int, int]]:
    """The images that the run answers for, within ``part`` (its tags, ids and text): id, source key, file name, tags,
    height, width, by id."""
    conditions = slices.of_images_alone(source.dataset_id, part)
    if not source.imported:
        conditions.append(
            exists().where(PredictionRow.run_id == source.run_id, PredictionRow.image_id == ImageRow.id)
        )
    row = ImageRow
    chosen = select(row.id, row.source_key, row.file_name, row.tags, row.height, row.width).where(*conditions)
    return [
        (id_, key, name, tags, height, width)
        for id_, key, name, tags, height, width in session.execute(chosen.order_by(row.id)).yield_per(10_000)
    ]


def add(
    session: Session,
    *,
    run_id: int,
    kind: str,
    parameters: Mapping[str, Any],
    summary: Mapping[str, float],
    matches_sha256: str,
) -> int:
    """Keep an evaluation; its id. Its blob must be there already."""
    row = EvaluationRow(
        run_id=run_id,
        kind=kind,
        parameters=dict(parameters),
        summary=dict(summary),
        matches_sha256=matches_sha256,
    )
    session.add(row)
    session.flush()
    return row.id


def get(session: Session, evaluation_id: int) -> EvaluationRecord:
    """The evaluation of that id; NotFound otherwise."""
    row = session.get(EvaluationRow, evaluation_id)
    if row is None:
        raise NotFound(f"there is no evaluation {evaluation_id}", remedy="evaluate a run with project.evaluate(run)")
    return _record(row)


def of_dataset(session: Session, dataset_id: int) -> list[EvaluationRecord]:
    """The evaluations of a dataset's runs, newest first."""
    rows = session.scalars(
        select(EvaluationRow)
        .join(PredictionRunRow, PredictionRunRow.id == EvaluationRow.run_id)
        .where(PredictionRunRow.dataset_id == dataset_id)
        .order_by(EvaluationRow.id.desc())
    )
    return [_record(row) for row in rows]


def page(
    session: Session,
    project_id: int,
    *,
    dataset_id: int | None = None,
    run_id: int | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[EvaluationRecord]:
    """The project's evaluations (of one dataset, of one run), newest first: those before ``after``, or from the
    newest one on."""
    chosen = (
        select(EvaluationRow)
        .join(PredictionRunRow, PredictionRunRow.id == EvaluationRow.run_id)
        .join(DatasetRow, DatasetRow.id == PredictionRunRow.dataset_id)
        .where(DatasetRow.project_id == project_id)
    )
    if dataset_id is not None:
        chosen = chosen.where(PredictionRunRow.dataset_id == dataset_id)
    if run_id is not None:
        chosen = chosen.where(EvaluationRow.run_id == run_id)
    if after:
        chosen = chosen.where(EvaluationRow.id < after)
    return [_record(row) for row in session.scalars(chosen.order_by(EvaluationRow.id.desc()).limit(limit))]


def _record(row: EvaluationRow) -> EvaluationRecord:
    return EvaluationRecord(
        id=row.id,
        run_id=row.run_id,
        kind=row.kind,
        parameters=row.parameters,
        summary=row.summary,
        matches_sha256=row.matches_sha256,
        created_at=row.created_at,
    )
