"""Datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from evalnb import accounts
from evalnb.store.repositories import datasets
from evalnb.wire.http import DatasetItem, DatasetPage
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get("")
def page(
    who: Who,
    session: OneSession,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DatasetPage:
    """The datasets of every project that the caller sees, by id."""
    seen = [project.id for project, _ in accounts.projects_of(session, who)]
    # One more than asked for tells whether there is a next page.
    found = datasets.page(session, after=after, limit=limit + 1, within=seen)
    items = [
        DatasetItem(
            id=one.dataset.id,
            project=one.project,
            name=one.dataset.name,
            images=one.images,
            annotations=one.annotations,
            classes=one.classes,
            complete=one.dataset.complete,
            created_at=one.dataset.created_at,
        )
        for one in found[:limit]
    ]
    return DatasetPage(items=items, next=items[-1].id if len(found) > limit else None)
