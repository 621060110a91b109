"""Prediction runs: one pass of a model over a dataset, or an imported result file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.orm import Session

from evalnb.store.repositories import evaluations, predictions
from evalnb.store.repositories.evaluations import Origin
from evalnb.store.repositories.predictions import PredictionRun
from evalnb.wire.http import MOST_INT, RunItem, RunPage
from evalnb_server import access
from evalnb_server.answers import READ, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(tags=["runs"])

OfDataset = Annotated[
    int | SkipJsonSchema[None], Query(ge=1, le=MOST_INT, description="Only those of this dataset, by its id.")
]


@router.get("/projects/{project_id}/runs", operation_id="runs_list", responses=READ)
def page(
    session: OneSession, who: Who, project_id: Id, dataset: OfDataset = None, after: After = 0, limit: Limit = 100
) -> RunPage:
    """The project's prediction runs, the newest first."""
    access.project(session, who, project_id)
    some = predictions.page(session, project_id, dataset_id=dataset, after=after, limit=limit + 1)
    found, last = cut(some, limit)
    return RunPage(items=_items(session, found), next=last.id if last else None)


@router.get("/runs/{run_id}", operation_id="runs_get", responses=READ)
def get(session: OneSession, who: Who, run_id: Id) -> RunItem:
    """A prediction run."""
    return _items(session, [access.run(session, who, run_id)])[0]


def _items(session: Session, found: Sequence[PredictionRun]) -> list[RunItem]:
    origins = evaluations.origins(session, [one.id for one in found])
    return [_item(one, origins[one.id]) for one in found]


def _item(one: PredictionRun, origin: Origin) -> RunItem:
    return RunItem(
        id=one.id,
        project_id=origin.project_id,
        name=one.name,
        dataset_id=one.dataset_id,
        dataset=origin.dataset_name,
        version_id=one.model_version_id,
        model=origin.model_name,
        version=origin.model_version,
        image_count=one.image_count,
        images_done=origin.images_done,
        finished=one.finished,
        parameters=dict(one.parameters),
        job_id=one.job_id,
        created_at=one.created_at,
        finished_at=one.finished_at,
    )
