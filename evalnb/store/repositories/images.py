"""Images: listed, paged and counted by slice, in the order of their ids; added by COPY."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import Select, Subquery, func, select, text
from sqlalchemy.orm import Session

from evalnb.core.images import ImageRecord
from evalnb.core.records import Ints
from evalnb.core.slices import Slice
from evalnb.core.sources import SourceImage
from evalnb.errors import NotFound
from evalnb.store.repositories import slices
from evalnb.store.repositories.copying import copy_in
from evalnb.store.tables import AnnotationRow, ImageAnchorRow, ImageRow, video_sha256

ANCHOR_STEP = 1000
"""Every how many places a dataset has an anchor."""


def get(session: Session, image_id: int) -> ImageRecord:
    """The image of that id; NotFound otherwise."""
    found = find(session, image_id)
    if found is None:
        raise NotFound(f"there is no image {image_id}", remedy="take an id from the dataset's list of images")
    return found


def find(session: Session, image_id: int) -> ImageRecord | None:
    """The image of that id, or None."""
    row = session.get(ImageRow, image_id)
    return None if row is None else _record(row)


def page(
    session: Session, dataset_id: int, part: Slice = Slice(), *, after: int = 0, limit: int = 100
) -> list[ImageRecord]:
    """Up to ``limit`` images of the slice whose ids exceed ``after``: pass the last one's id to get the next page."""
    return _records(session, slices.members(session, dataset_id, part, after=after, limit=limit))


def by_ids(session: Session, image_ids: Sequence[int]) -> list[ImageRecord]:
    """The images of these ids that there are, by id."""
    return _records(session, select(ImageRow.id).where(slices.among(ImageRow.id, image_ids)))


def count(session: Session, dataset_id: int, part: Slice = Slice()) -> int:
    """How many images the slice has."""
    if not part:
        place, image_id = _anchor(session, dataset_id, None)
        beyond = select(func.count()).where(ImageRow.dataset_id == dataset_id, ImageRow.id >= image_id)
        return place + session.scalars(beyond).one()
    return session.scalars(select(func.count()).select_from(_all(session, dataset_id, part))).one()


def by_place(session: Session, dataset_id: int, part: Slice, first: int, count: int) -> list[ImageRecord]:
    """The ``count`` images at places ``first``, ``first`` + 1, … (0-based) of the slice, fewer at its end."""
    if part:
        return _records(session, slices.members(session, dataset_id, part, first=first, limit=count))
    place, image_id = _anchor(session, dataset_id, first)
    return _records(
        session, slices.members(session, dataset_id, part, after=image_id - 1, first=first - place, limit=count)
    )


def place_of(session: Session, dataset_id: int, part: Slice, image_id: int) -> int:
    """How many images of the slice come before this one: its 0-based place if it is in the slice."""
    if part:
        members = _all(session, dataset_id, part)
        return session.scalars(select(func.count()).select_from(members).where(members.c.id < image_id)).one()
    anchor = session.execute(
        select(ImageAnchorRow.place, ImageAnchorRow.image_id)
        .where(ImageAnchorRow.dataset_id == dataset_id, ImageAnchorRow.image_id <= image_id)
        .order_by(ImageAnchorRow.place.desc())
        .limit(1)
    ).one_or_none()
    place, start = anchor if anchor is not None else (0, 0)
    before = select(func.count()).where(
        ImageRow.dataset_id == dataset_id, ImageRow.id >= start, ImageRow.id < image_id
    )
    return place + session.scalars(before).one()


def places_of(session: Session, dataset_id: int, part: Slice, image_ids: Sequence[int]) -> dict[int, int]:
    """The 0-based places of images of the slice, by id; in one look over those between the first and the last."""
    if not image_ids:
        return {}
    low, high = min(image_ids), max(image_ids)
    members = _all(session, dataset_id, part)
    numbered = (
        select(members.c.id, func.row_number().over(order_by=members.c.id).label("number"))
        .where(members.c.id.between(low, high))
        .subquery()
    )
    start = place_of(session, dataset_id, part, low) - 1
    chosen = select(numbered.c.id, numbered.c.number).where(slices.among(numbered.c.id, image_ids))
    return {id_: start + number for id_, number in session.execute(chosen)}


def within(session: Session, dataset_id: int, part: Slice, image_id: int) -> bool:
    """Whether the slice has the image."""
    one = slices.members(session, dataset_id, part.where(images=[image_id]), limit=1)
    return session.scalars(one).first() is not None


def ids(session: Session, dataset_id: int, part: Slice = Slice()) -> Ints:
    """(n,) the slice's image ids, ascending."""
    return np.fromiter(session.scalars(slices.members(session, dataset_id, part)), dtype=np.int64)


def stream(session: Session, dataset_id: int, part: Slice) -> Iterator[ImageRecord]:
    """Every image of the slice in the order of ids; memory stays bounded."""
    chosen = select(ImageRow).where(*slices.of_images(session, dataset_id, part)).order_by(ImageRow.id)
    for row in session.scalars(chosen.execution_options(yield_per=1_000)):
        yield _record(row)
        session.expunge(row)


def known(session: Session, dataset_id: int) -> dict[str, tuple[int, int, int]]:
    """source key → (id, width, height) of every image that the dataset has."""
    rows = session.execute(
        select(ImageRow.source_key, ImageRow.id, ImageRow.width, ImageRow.height).where(
            ImageRow.dataset_id == dataset_id
        ),
        execution_options={"yield_per": 10_000},
    )
    return {key: (image_id, width, height) for key, image_id, width, height in rows}


def beneath(session: Session, dataset_id: int, folder: str) -> dict[str, ImageRecord]:
    """source key → image, of those whose key is a name right under ``folder``."""
    keys = ImageRow.source_key
    rows = session.scalars(
        select(ImageRow).where(ImageRow.dataset_id == dataset_id, keys.startswith(f"{folder}/", autoescape=True))
    )
    return {row.source_key: _record(row) for row in rows if "/" not in row.source_key[len(folder) + 1 :]}


def with_extra(session: Session, dataset_id: int, key: str) -> list[ImageRecord]:
    """The images whose ``extra`` has this key, in order."""
    having = select(ImageRow).where(ImageRow.dataset_id == dataset_id, ImageRow.extra.has_key(key))
    return [_record(row) for row in session.scalars(having.order_by(ImageRow.id))]


def by_key(session: Session, dataset_id: int, key: str) -> ImageRecord | None:
    """The image that the source calls ``key``, or None."""
    row = session.scalar(select(ImageRow).where(ImageRow.dataset_id == dataset_id, ImageRow.source_key == key))
    return None if row is None else _record(row)


def add(session: Session, dataset_id: int, images: Sequence[SourceImage]) -> list[int]:
    """Append images to the dataset; their new ids, ascending in the given order.

    The keys must be new to the dataset, and the caller must hold its import lock: anchors count places.
    """
    if not images:
        return []
    place = count(session, dataset_id)
    numbered = session.scalars(
        text("SELECT nextval(pg_get_serial_sequence('image', 'id')) FROM generate_series(1, :n)"), {"n": len(images)}
    )
    fresh = sorted(numbered)
    columns = ("id", "dataset_id", "source_key", "file_name", "uri", "sha256", "width", "height", "tags", "extra")
    copy_in(
        session,
        ImageRow.__tablename__,
        columns,
        (
            (
                image_id,
                dataset_id,
                one.key,
                one.file_name,
                one.uri,
                one.sha256,
                one.width,
                one.height,
                list(one.tags),
                orjson.dumps(one.extra).decode() if one.extra else "{}",
            )
            for image_id, one in zip(fresh, images, strict=True)
        ),
    )
    anchors = [
        ImageAnchorRow(dataset_id=dataset_id, place=place + step, image_id=fresh[step])
        for step in range(-place % ANCHOR_STEP, len(fresh), ANCHOR_STEP)
    ]
    session.add_all(anchors)
    session.flush()
    return fresh


def of_track(
    session: Session, dataset_id: int, part: Slice, track_id: UUID, *, limit: int
) -> list[tuple[ImageRecord, UUID, bool, bool]]:
    """The slice's images that have a shape of the track, in their order, ``limit`` at most; of each the shape's id,
    whether it is a keyframe, and whether the object is out of sight there."""
    shape = AnnotationRow
    chosen = (
        select(ImageRow, shape.id, shape.keyframe, shape.outside)
        .join(shape, shape.image_id == ImageRow.id)
        .where(*slices.of_images(session, dataset_id, part), shape.track_id == track_id, ~shape.deleted)
        .order_by(ImageRow.id, shape.place)
        .limit(limit)
    )
    return [(_record(row), id, keyframe, outside) for row, id, keyframe, outside in session.execute(chosen)]


def of_video(session: Session, dataset_id: int, part: Slice, sha256: str) -> tuple[ImageRecord, ImageRecord] | None:
    """The first and the last image of the slice that are frames of the video with this hash; None without any."""
    chosen = select(func.min(ImageRow.id), func.max(ImageRow.id)).where(
        *slices.of_images(session, dataset_id, part), video_sha256 == sha256
    )
    first, last = session.execute(chosen).one()
    return None if first is None else (get(session, first), get(session, last))


def _all(session: Session, dataset_id: int, part: Slice) -> Subquery:
    """The slice's image ids as a table, in no order."""
    return slices.members(session, dataset_id, part).order_by(None).subquery()


def _records(session: Session, ids: Select[Any]) -> list[ImageRecord]:
    chosen = ids.subquery()
    rows = session.scalars(select(ImageRow).join(chosen, chosen.c.id == ImageRow.id).order_by(ImageRow.id))
    return [_record(row) for row in rows]


def _anchor(session: Session, dataset_id: int, place: int | None) -> tuple[int, int]:
    """The last anchor at or before ``place`` (the very last one for None), as (place, image id)."""
    chosen = select(ImageAnchorRow.place, ImageAnchorRow.image_id).where(ImageAnchorRow.dataset_id == dataset_id)
    if place is not None:
        chosen = chosen.where(ImageAnchorRow.place <= place)
    row = session.execute(chosen.order_by(ImageAnchorRow.place.desc()).limit(1)).one_or_none()
    return (0, 0) if row is None else (row[0], row[1])


def _record(row: ImageRow) -> ImageRecord:
    extra: Mapping[str, Any] = row.extra
    return ImageRecord(
        id=row.id,
        dataset_id=row.dataset_id,
        source_key=row.source_key,
        file_name=row.file_name,
        uri=row.uri,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        tags=tuple(row.tags),
        extra=extra,
    )
