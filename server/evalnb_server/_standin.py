"""Who calls and what they may do, until accounts are there: whoever holds the home's token may do everything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from evalnb.core.datasets import DatasetRecord
from evalnb.core.images import ImageRecord
from evalnb.core.jobs import JobRecord
from evalnb.store.repositories import datasets, evaluations, images, jobs, models, predictions, projects, reports

Role = Literal["viewer", "annotator", "admin"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    name: str
    owner: bool = True


def _caller(request: Request) -> Caller:
    return Caller(request.app.state.store.settings.author)


Who = Annotated[Caller, Depends(_caller)]


def owner(who: Caller) -> None:
    """Forbidden unless the caller is an owner."""


def projects_of(session: Session, who: Caller) -> Collection[int] | None:
    """The ids of the projects that the caller sees; None: all."""
    return None


def project(session: Session, who: Caller, project_id: int, role: Role = "viewer") -> Any:
    """The project."""
    return projects.get(session, project_id)


def dataset(session: Session, who: Caller, dataset_id: int, role: Role = "viewer") -> DatasetRecord:
    """The dataset."""
    return datasets.get(session, dataset_id)


def image(session: Session, who: Caller, image_id: int, role: Role = "viewer") -> ImageRecord:
    """The image."""
    return images.get(session, image_id)


def version(session: Session, who: Caller, version_id: int, role: Role = "viewer") -> models.ModelVersion:
    """The model version."""
    return models.get(session, version_id)


def run(session: Session, who: Caller, run_id: int, role: Role = "viewer") -> predictions.PredictionRun:
    """The run."""
    return predictions.get(session, run_id)


def evaluation(
    session: Session, who: Caller, evaluation_id: int, role: Role = "viewer"
) -> evaluations.EvaluationRecord:
    """The evaluation."""
    return evaluations.get(session, evaluation_id)


def job(session: Session, who: Caller, job_id: UUID, role: Role = "viewer") -> JobRecord:
    """The job."""
    return jobs.get(session, job_id)


def report(session: Session, who: Caller, slug: str, project_id: int, role: Role = "viewer") -> reports.ReportRecord:
    """The report."""
    return reports.by_slug(session, slug, project_id=project_id)
