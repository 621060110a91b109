"""Uploads as records: a file on its way in, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Purpose = Literal["image", "images-zip", "dataset-zip", "checkpoint"]
UploadState = Literal["receiving", "received", "processing", "done", "refused"]

PURPOSES: tuple[Purpose, ...] = ("image", "images-zip", "dataset-zip", "checkpoint")


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """One upload as its row stands."""

    id: UUID
    place: int
    """Ascending with time; lists are paged by it."""
    project_id: int
    author: str
    filename: str
    """As it is shown; no file here is called so."""
    purpose: Purpose
    arguments: Mapping[str, Any]
    """Where it is to go: dataset, model, architecture."""
    metadata_header: str
    """tus's Upload-Metadata as the client wrote it."""
    length: int
    """Bytes in all."""
    committed: int
    """Bytes that are safely on the disk: tus's Upload-Offset."""
    state: UploadState
    sha256: str | None
    job_id: UUID | None
    result: Mapping[str, Any] | None
    refusal: Mapping[str, Any] | None
    """kind, happened, remedy, status of the error that ended it."""
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether every byte is there."""
        return self.committed == self.length
