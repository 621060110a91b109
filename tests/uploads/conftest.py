"""A project, and files uploaded into it without a server."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalnb import uploads
from evalnb.core.progress import NullProgress
from evalnb.store import Store
from evalnb.store.repositories import projects
from evalnb.uploads import UploadRecord


def metadata(**said: object) -> str:
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in said.items())


@pytest.fixture
def project(store: Store) -> int:
    with store.database.transaction() as session:
        return projects.opened(session, "tests")


Upload = Callable[..., UploadRecord]


@pytest.fixture
def upload(store: Store, project: int) -> Upload:
    """Upload bytes whole; the record as it stands then."""

    def whole(content: bytes, filename: str, purpose: str, **more: str) -> UploadRecord:
        asked = uploads.read_metadata(metadata(project=project, filename=filename, purpose=purpose, **more))
        record = uploads.begin(store, asked, length=len(content), author="ada")
        with uploads.Writer.open(store, record.id, 0) as writer:
            writer.write(content)
        return uploads.settle(store, record.id)

    return whole


@pytest.fixture
def take(store: Store, tmp_path: Path) -> Callable[[UploadRecord], dict[str, Any]]:
    """Do here what the upload's job would do on a worker."""

    def taken(record: UploadRecord) -> dict[str, Any]:
        folder = tmp_path / "jobs" / str(record.id)
        verb = uploads.take_checkpoint if record.purpose == "checkpoint" else uploads.take_zip
        return verb(store, record.id, folder=folder, progress=NullProgress())

    return taken
