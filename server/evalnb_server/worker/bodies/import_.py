"""Take an uploaded file in: a zip of images or a data set becomes datasets, a checkpoint a model version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from evalnb import uploads
from evalnb_server.worker.work import Work


def import_(work: Work) -> dict[str, Any]:
    """Goes on where an earlier start was: unpacked files stay in the job's folder, imports have cursors."""
    return uploads.take_zip(
        work.store,
        UUID(work.arguments["upload_id"]),
        folder=work.folder / "data",
        progress=work.progress,
        cancelled=work.cancelled,
    )


def register(work: Work) -> dict[str, Any]:
    """Starts anew when it was cut off: it takes seconds. A version that an earlier start registered is the one."""
    upload_id = UUID(work.arguments["upload_id"])
    _, versions = work.claim.products()
    if versions:
        return uploads.keep_checkpoint(work.store, upload_id, versions[-1])
    return uploads.take_checkpoint(
        work.store, upload_id, folder=work.folder / "data", progress=work.progress, job_id=work.job.id
    )
