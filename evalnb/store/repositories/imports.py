"""Imports: where each stands, and the lock that keeps two from filling one dataset at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from evalnb.errors import Conflict
from evalnb.store.database import Database
from evalnb.store.tables import ImportRow


@dataclass(frozen=True, slots=True)
class ImportState:
    """Where an import stands."""

    id: int
    images_done: int
    """Elements of the source that were dealt with: taken, refused or known already."""
    annotations_done: int
    problems: Mapping[str, Any]
    finished: bool


@contextmanager
def locked(database: Database, project_id: int, name: str, *, patience_s: float = 10.0) -> Iterator[None]:
    """Hold the import lock of a dataset's name; Conflict if another import keeps it.

    It is an advisory lock of its own connection: the server frees it when this process dies, a moment later, hence
    the patience.
    """
    key = f"evalnb import {project_id} {name}"
    with database.connection() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        until = time.monotonic() + patience_s
        while not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), {"key": key}):
            if time.monotonic() > until:
                raise Conflict(f"another import into {name!r} is running", remedy="wait for it, or stop it")
            time.sleep(0.1)
        try:
            yield
        finally:
            try:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), {"key": key})
            except DBAPIError as error:
                # A session that has ended holds no lock; what the block did, or raised, is what counts.
                if not error.connection_invalidated:
                    raise


def begin(session: Session, dataset_id: int, *, format: str, source: str, digest: str) -> ImportState:
    """The import of this very file into this dataset, as far as it has come."""
    session.execute(
        insert(ImportRow)
        .values(dataset_id=dataset_id, format=format, source=source, digest=digest)
        .on_conflict_do_nothing()
    )
    row = session.scalars(
        select(ImportRow).where(ImportRow.dataset_id == dataset_id, ImportRow.digest == digest)
    ).one()
    return ImportState(row.id, row.images_done, row.annotations_done, row.problems, row.finished_at is not None)


def write(
    session: Session, import_id: int, *, images_done: int, annotations_done: int, problems: Mapping[str, Any]
) -> None:
    """Move the cursor, in the transaction that wrote what lies before it.

    The commit does not wait for the disk: should the server's machine die, rows and cursor are lost together and the
    import goes on from an earlier batch. ``finish`` waits, for all of it.
    """
    session.execute(text("SET LOCAL synchronous_commit TO off"))
    row = session.get_one(ImportRow, import_id)
    row.images_done = images_done
    row.annotations_done = annotations_done
    row.problems = dict(problems)
    row.finished_at = None


def finish(session: Session, import_id: int) -> None:
    """All of the source has been dealt with."""
    session.get_one(ImportRow, import_id).finished_at = func.now()
