"""Pyramids by what they were made from, and the images that need one."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.store.tables import ImagePyramidRow, PyramidRow


@dataclass(frozen=True, slots=True)
class Pyramid:
    """A tiled TIFF in the blob store."""

    source_sha256: str
    sha256: str
    """The blob."""
    width: int
    """Pixels of its largest level."""
    height: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an image that needs a pyramid."""

    job_id: UUID | None
    source_sha256: str | None
    """What its file had when the job read it; None before."""
    stamp: str
    """The identity of its file then."""


def of_source(session: Session, source_sha256: str) -> Pyramid | None:
    """The pyramid of these bytes, if there is one."""
    row = session.get(PyramidRow, source_sha256)
    return None if row is None else Pyramid(row.source_sha256, row.sha256, row.width, row.height, row.bytes)


def keep(session: Session, pyramid: Pyramid) -> None:
    """Remember a pyramid. Two that were made of the same bytes are as good as each other: the last one counts."""
    made = {"sha256": pyramid.sha256, "width": pyramid.width, "height": pyramid.height, "bytes": pyramid.bytes}
    session.execute(
        insert(PyramidRow)
        .values(source_sha256=pyramid.source_sha256, **made)
        .on_conflict_do_update(index_elements=[PyramidRow.source_sha256], set_=made)
    )


def asked(session: Session, image_id: int, *, lock: bool = False) -> Asked | None:
    """What is known of the image. With ``lock`` its row is made where there is none, and stays locked."""
    if lock:
        session.execute(insert(ImagePyramidRow).values(image_id=image_id).on_conflict_do_nothing())
    chosen = select(ImagePyramidRow).where(ImagePyramidRow.image_id == image_id)
    row = session.scalars(
        chosen.with_for_update() if lock else chosen, execution_options={"populate_existing": True}
    ).one_or_none()
    return None if row is None else Asked(row.job_id, row.source_sha256, row.stamp)


def set_job(session: Session, image_id: int, job_id: UUID) -> None:
    """Say which job makes the image's pyramid."""
    _write(session, image_id, {"job_id": job_id})


def set_source(session: Session, image_id: int, source_sha256: str, stamp: str) -> None:
    """Say what the image's file holds, and which pyramid is therefore its own."""
    _write(session, image_id, {"source_sha256": source_sha256, "stamp": stamp})


def _write(session: Session, image_id: int, values: dict[str, object]) -> None:
    session.execute(
        insert(ImagePyramidRow)
        .values(image_id=image_id, **values)
        .on_conflict_do_update(index_elements=[ImagePyramidRow.image_id], set_=values)
    )
