"""From the last byte to what it was sent for: the file becomes a blob, and an image or a job.

Each step may be repeated after a crash. The row learns the hash before the file is moved, and says "received" after.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from evalnb import imagery, jobs
from evalnb.core.sources import SourceImage
from evalnb.core.uploads import UploadRecord
from evalnb.errors import EvalnbError, Gone, Locked
from evalnb.imagery import ConfinedReader
from evalnb.registry.ingest import add_image
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads._ending import to_json
from evalnb.uploads._parts import held, part_of

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_PATIENCE_S = 30.0

_reader = ConfinedReader()
"""One decoder for the process: images wait for each other, so that their memory is bounded together."""
_taking: set[UUID] = set()
_turn = threading.Lock()


def settle(store: Store, upload_id: UUID) -> UploadRecord:
    """Bring a whole upload as far as it goes now, and return it as it then stands. Harmless to call at any time.

    An image is decoded in confinement and added to its dataset; for the other purposes a job is asked for. A file
    that is refused keeps the reason on its row.
    """
    with store.database.transaction() as session:
        record = rows.get(session, upload_id)
    if record.state == "receiving" and record.whole:
        record = _seal(store, record)
    if record.state == "received":
        record = _take_image(store, record)
    return record


def _seal(store: Store, record: UploadRecord) -> UploadRecord:
    """The part file becomes a blob, and the row says so; a job is asked for in the same transaction."""
    part = part_of(store.blobs.incoming, record.id)
    try:
        with held(part, patience_s=_PATIENCE_S) as descriptor:
            refused = _refused_image(record, part)
            sha256 = _hash(descriptor, record.length)
            with store.database.transaction() as session:
                if not rows.name_blob(session, record.id, sha256):
                    return rows.get(session, record.id)  # somebody else has sealed it
                if refused is not None:
                    # What does not decode never becomes a blob.
                    rows.receive(session, record.id, job_id=None)
                    rows.refuse(session, record.id, to_json(refused))
            if refused is None:
                store.blobs.adopt(part, sha256)
            else:
                part.unlink(missing_ok=True)
    except Gone:
        if record.sha256 is None:
            raise
        # Moved by a server that was killed before it could say so.
        store.blobs.adopt(part, record.sha256)
    return _received(store, record)


def _received(store: Store, record: UploadRecord) -> UploadRecord:
    kind = {"images-zip": "import", "dataset-zip": "import", "checkpoint": "register"}.get(record.purpose)
    job_id: UUID | None = None
    with suppress(_Late), store.database.transaction() as session:
        if kind is not None:
            asked = {"upload_id": str(record.id), "filename": record.filename}
            job_id = jobs.ask(session, record.project_id, kind, asked, author=record.author)
        if not rows.receive(session, record.id, job_id=job_id):
            raise _Late  # another server has; its job is the one
    with store.database.transaction() as session:
        record = rows.get(session, record.id)
    if job_id is not None and record.job_id == job_id:
        jobs.ring(store, job_id)
    return record


class _Late(Exception):
    """Undoes the transaction."""


def _refused_image(record: UploadRecord, part: Path) -> EvalnbError | None:
    """Why an image cannot be taken, or None if it can, or if it is none."""
    if record.purpose != "image":
        return None
    try:
        _reader.read(part, name=record.filename)
    except EvalnbError as error:
        if error.status >= 500:
            raise
        return error
    return None


def _take_image(store: Store, record: UploadRecord) -> UploadRecord:
    assert record.sha256 is not None  # the table's check
    with _turn:
        if record.id in _taking:
            return record
        _taking.add(record.id)
    try:
        header = imagery.probe(store.blobs.local_path(record.sha256), name=record.filename)
        source = SourceImage(record.filename, record.filename, None, record.sha256, header.width, header.height)
        dataset = record.arguments["dataset"]
        dataset_id, image_id = add_image(store, record.project_id, dataset, source)
    except Locked as error:
        # It stays received, and whoever asks for it next tries again.
        _log.info("%s waits (%s)", record.filename, error.happened)
        return record
    except EvalnbError as error:
        if error.status >= 500:
            raise
        with store.database.transaction() as session:
            rows.refuse(session, record.id, to_json(error))
            return rows.get(session, record.id)
    finally:
        _taking.discard(record.id)
    account = {"dataset_id": dataset_id, "dataset": dataset, "images": 1}
    with store.database.transaction() as session:
        rows.finish(session, record.id, {"datasets": [account], "image_id": image_id})
        return rows.get(session, record.id)


def _hash(descriptor: int, length: int) -> str:
    """What the disk holds, read back: one pass, in bounded memory."""
    digest = hashlib.sha256()
    at = 0
    while at < length:
        piece = os.pread(descriptor, _CHUNK_BYTES, at)
        if not piece:
            raise Gone(
                f"{length - at} bytes of this upload are no longer on the server's disk",
                remedy="begin a new upload; see whether the disk is well",
            )
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
