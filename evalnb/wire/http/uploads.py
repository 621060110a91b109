"""Uploads over HTTP: where each stands, and what became of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from evalnb.wire.annotator import Refusal
from evalnb.wire.base import Received, Wire


class UploadedDataset(Received):
    """A dataset that an upload went into, and how much of it is new there."""

    dataset_id: int
    dataset: str
    images: int = 0
    annotations: int = 0
    images_refused: int = 0
    annotations_refused: int = 0
    images_unchanged: int = 0
    """Images that the dataset had already; their edits stand."""


class UploadResult(Received):
    """What came of an upload: datasets, or one image of one, or a model version."""

    datasets: list[UploadedDataset] = []
    image_id: int | None = None
    model_version_id: int | None = None
    problems: list[str] = []
    """The first hundred things that were left out, each with its file and reason."""
    problem_count: int = 0
    skipped: int = 0
    """Files of a zip that are neither images nor labels."""


class UploadItem(Wire):
    """One upload. ``receiving`` until every byte is there; ``processing`` while a job takes it in."""

    id: UUID
    project_id: int
    author: str
    filename: str
    purpose: Literal["image", "images-zip", "dataset-zip", "checkpoint"]
    length: int
    """Bytes in all."""
    offset: int
    """Bytes that are safely there."""
    state: Literal["receiving", "received", "processing", "done", "refused"]
    job_id: UUID | None
    result: UploadResult | None
    refusal: Refusal | None
    created_at: datetime
    expires_at: datetime | None
    """When an unfinished upload is removed; None for others."""
    finished_at: datetime | None


class UploadPage(Wire):
    """A project's uploads, newest first. ``next`` is the ``after`` of the next page, or None on the last one."""

    items: list[UploadItem]
    next: int | None
