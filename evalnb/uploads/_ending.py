"""The ends of an upload: removed by its owner, expired, or refused with a reason."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb import jobs
from evalnb.core.uploads import UploadRecord, UploadState
from evalnb.errors import EvalnbError, Gone, Locked
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads._parts import held, id_of_part, part_of

_ORPHAN_S = 3600
_AT_ONCE = 20

_log = logging.getLogger(__name__)


def to_json(error: EvalnbError) -> dict[str, Any]:
    """A refusal as the row keeps it."""
    return {
        "kind": type(error).__name__,
        "happened": error.happened,
        "remedy": error.remedy,
        "status": error.status,
    }


def refusal_of(session: Session, record: UploadRecord) -> tuple[UploadState, Mapping[str, Any] | None]:
    """The upload's state and its refusal as they are now: a job that failed or was cancelled has refused it too."""
    if record.state != "processing" or record.job_id is None:
        return record.state, record.refusal
    job = jobs.read(session, record.job_id)
    if job.state == "cancelled":
        happened = f"taking in {record.filename} was cancelled"
        return "refused", {"kind": "Cancelled", "happened": happened, "remedy": "upload it again", "status": 499}
    if job.state == "failed" and job.failure is not None:
        said = job.failure
        return "refused", {"kind": said.kind, "happened": said.happened, "remedy": said.remedy, "status": 500}
    return record.state, record.refusal


def living(session: Session, record: UploadRecord) -> UploadRecord:
    """The upload itself; Gone if it is unfinished and its time is up."""
    if rows.lapsed(session, record.id):
        raise Gone(f"the upload of {record.filename} has expired", remedy="begin a new upload")
    return record


def terminate(store: Store, upload_id: UUID) -> None:
    """Remove an upload: its bytes while it is unfinished, its job while that runs, and its row. What it has brought
    in stays. Locked while somebody writes to it.
    """
    with store.database.transaction() as session:
        record = rows.get(session, upload_id)
    if record.state == "receiving":
        part = part_of(store.blobs.incoming, upload_id)
        try:
            with held(part):
                _forget(store, record)
                part.unlink(missing_ok=True)
            return
        except Gone:
            _log.info("the part file of upload %s is gone already", upload_id)
    _forget(store, record)


def _forget(store: Store, record: UploadRecord) -> None:
    with store.database.transaction() as session:
        if record.job_id is not None and not jobs.read(session, record.job_id).finished:
            jobs.cancel(session, record.job_id)
        rows.remove(session, record.id)


def sweep(store: Store) -> int:
    """Remove uploads whose time is up, and part files that no row needs; how many went. Cheap if none are."""
    with store.database.transaction() as session:
        due = rows.expired(session, limit=_AT_ONCE)
    removed = 0
    for upload_id in due:
        try:
            terminate(store, upload_id)
            removed += 1
        except Locked:
            continue  # somebody writes to it after all
    return removed + _remove_orphans(store)


def _remove_orphans(store: Store) -> int:
    # A server killed between a file and its row, either way round, leaves the file. A fresh one may be on its way.
    old = time.time() - _ORPHAN_S
    parts = {
        upload_id: path
        for path in store.blobs.incoming.iterdir()
        if (upload_id := id_of_part(path)) is not None and path.stat().st_mtime < old
    }
    if not parts:
        return 0
    with store.database.transaction() as session:
        needed = rows.receiving(session, list(parts))
    gone = [path for upload_id, path in parts.items() if upload_id not in needed]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
