"""Models and their versions."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb.store.repositories import models
from evalnb.store.repositories.models import ModelCounts, ModelVersion
from evalnb.wire.http import ModelItem, ModelPage, VersionItem, VersionPage
from evalnb_server import access
from evalnb_server.answers import READ, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(tags=["models"])


@router.get("/projects/{project_id}/models", operation_id="models_list", responses=READ)
def page(session: OneSession, who: Who, project_id: Id, after: After = 0, limit: Limit = 100) -> ModelPage:
    """The project's models, by id."""
    access.project(session, who, project_id)
    found, last = cut(models.page(session, project_id, after=after, limit=limit + 1), limit)
    return ModelPage(items=[_item(one) for one in found], next=last.id if last else None)


@router.get("/models/{model_id}", operation_id="models_get", responses=READ)
def get(session: OneSession, who: Who, model_id: Id) -> ModelItem:
    """A model."""
    access.model(session, who, model_id)
    return _item(models.counted(session, model_id))


@router.get("/models/{model_id}/versions", operation_id="versions_list", responses=READ)
def versions(session: OneSession, who: Who, model_id: Id, after: After = 0, limit: Limit = 100) -> VersionPage:
    """A model's versions, the newest first."""
    access.model(session, who, model_id)
    found, last = cut(models.versions(session, model_id, after=after, limit=limit + 1), limit)
    return VersionPage(items=[_version(one) for one in found], next=last.id if last else None)


@router.get("/versions/{version_id}", operation_id="versions_get", responses=READ)
def version(session: OneSession, who: Who, version_id: Id) -> VersionItem:
    """A model version."""
    return _version(access.version(session, who, version_id))


def _item(one: ModelCounts) -> ModelItem:
    return ModelItem(
        id=one.id,
        project_id=one.project_id,
        name=one.name,
        versions=one.versions,
        newest=one.newest,
        created_at=one.created_at,
    )


def _version(one: ModelVersion) -> VersionItem:
    return VersionItem(
        id=one.id,
        project_id=one.project_id,
        model=one.name,
        number=one.number,
        architecture=one.architecture,
        class_names=list(one.class_names),
        metrics=dict(one.metrics),
        job_id=one.job_id,
        sha256=one.sha256,
        created_at=one.created_at,
    )
