"""Models, their versions, and prediction runs over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from evalnb.wire.base import Wire


class ModelItem(Wire):
    """A model as a list shows it."""

    id: int
    project_id: int
    name: str
    versions: int
    newest: int | None
    """The number of its newest version."""
    created_at: datetime


class ModelPage(Wire):
    """Models by id. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[ModelItem]
    next: int | None


class VersionItem(Wire):
    """One set of weights of a model."""

    id: int
    project_id: int
    model: str
    number: int
    """1, 2, 3, … within the model."""
    architecture: str
    class_names: list[str]
    """By the model's class index."""
    metrics: dict[str, Any]
    job_id: UUID | None
    """The training job that made it, if one did."""
    sha256: str
    created_at: datetime


class VersionPage(Wire):
    """Versions, the newest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[VersionItem]
    next: int | None


class RunItem(Wire):
    """One pass of a model over a dataset, or one imported result file (then without a version)."""

    id: int
    project_id: int
    name: str
    dataset_id: int
    dataset: str
    version_id: int | None
    model: str | None
    version: int | None
    image_count: int
    """How many images it is to cover."""
    images_done: int
    finished: bool
    parameters: dict[str, Any]
    job_id: UUID | None
    created_at: datetime
    finished_at: datetime | None


class RunPage(Wire):
    """Runs, the newest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[RunItem]
    next: int | None
