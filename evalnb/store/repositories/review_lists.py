"""Images by how far their labels have come: pages by key, and how many there are of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from evalnb.core.images import ImageRecord
from evalnb.core.slices import Slice
from evalnb.store.repositories import images, slices
from evalnb.store.repositories.reviews import STATUSES, Status, status_of
from evalnb.store.tables import CommentRow, ImageReviewRow, ImageRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reviews a list shows; what is None shows all."""

    status: Status | None = None
    assignee: str | None = None
    """A name, or empty: nobody's."""

    def __bool__(self) -> bool:
        """Whether it leaves any out."""
        return self.status is not None or self.assignee is not None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An image with its review, as a list shows it."""

    image: ImageRecord
    status: Status
    assignee: str
    open_comments: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images of a dataset there are of each status, and of each assignee."""

    by_status: dict[Status, int]
    """Every status."""
    by_assignee: dict[str, int]
    """By name; those that are nobody's are not counted."""


def page(
    session: Session, dataset_id: int, part: Slice, wanted: Wanted, *, after: int = 0, limit: int = 100
) -> list[Reviewed]:
    """Up to ``limit`` images of the slice beyond ``after``, by id."""
    if wanted:
        ids = list(session.scalars(page_query(session, dataset_id, part, wanted, after=after, limit=limit)))
        records = images.by_ids(session, ids)
    else:
        records = images.page(session, dataset_id, part, after=after, limit=limit)
    ids = [one.id for one in records]
    row = ImageReviewRow
    stands = {
        one.image_id: (status_of(one.status), one.assignee)
        for one in session.execute(select(row.image_id, row.status, row.assignee).where(row.image_id.in_(ids)))
    }
    remark = CommentRow
    count = select(remark.image_id, func.count()).where(remark.image_id.in_(ids), remark.resolved_by == "")
    remarks = {image_id: many for image_id, many in session.execute(count.group_by(remark.image_id))}
    return [Reviewed(one, *stands.get(one.id, ("todo", "")), remarks.get(one.id, 0)) for one in records]


def page_query(
    session: Session, dataset_id: int, part: Slice, wanted: Wanted, *, after: int, limit: int
) -> Select[Any]:
    """The ids of a page of what is ``wanted``: in the order of an index, from ``after`` on."""
    key = ImageReviewRow.image_id if _stored(wanted) else ImageRow.id
    return _chosen(session, dataset_id, part, wanted).where(key > after).order_by(key).limit(limit)


def count(session: Session, dataset_id: int, part: Slice, wanted: Wanted) -> int:
    """How many images ``page`` would give in all."""
    if not wanted:
        return images.count(session, dataset_id, part)
    chosen = _chosen(session, dataset_id, part, wanted).subquery()
    return session.scalars(select(func.count()).select_from(chosen)).one()


def counts(session: Session, dataset_id: int) -> Counts:
    """How many images of the whole dataset there are of each status and assignee."""
    row = ImageReviewRow
    of_status = select(row.status, func.count()).where(row.dataset_id == dataset_id).group_by(row.status)
    found = {status_of(name): many for name, many in session.execute(of_status)}
    by_status = {name: found.get(name, 0) for name in STATUSES}
    # Those without a row are to do, too.
    by_status["todo"] = images.count(session, dataset_id) - (sum(by_status.values()) - by_status["todo"])
    of_name = select(row.assignee, func.count()).where(row.dataset_id == dataset_id, row.assignee != "")
    by_name = session.execute(of_name.group_by(row.assignee).order_by(row.assignee))
    return Counts(by_status, {name: many for name, many in by_name})


def _stored(wanted: Wanted) -> bool:
    """Whether every image of the list has a row of its own, in the order of an index."""
    return bool(wanted.assignee) or (wanted.status not in (None, "todo") and wanted.assignee is None)


def _chosen(session: Session, dataset_id: int, part: Slice, wanted: Wanted) -> Select[Any]:
    """The ids of the slice's images that are wanted."""
    row = ImageReviewRow
    conditions = slices.of_images(session, dataset_id, part)
    if _stored(wanted):
        chosen = select(row.image_id).where(row.dataset_id == dataset_id)
        if wanted.status is not None:
            chosen = chosen.where(row.status == wanted.status)
        if wanted.assignee is not None:
            chosen = chosen.where(row.assignee == wanted.assignee)
        # Without a slice the image itself says nothing that the row does not.
        return chosen.join(ImageRow, ImageRow.id == row.image_id).where(*conditions) if part else chosen
    if wanted.status not in (None, "todo"):
        mine = exists().where(row.image_id == ImageRow.id, row.status == wanted.status, row.assignee == "")
        return select(ImageRow.id).where(*conditions, mine)
    # An image without a row is to do, and nobody's: those that are otherwise are left out.
    otherwise: list[ColumnElement[bool]] = []
    if wanted.status == "todo":
        otherwise.append(row.status != "todo")
    if wanted.assignee == "":
        otherwise.append(row.assignee != "")
    left_out = [exists().where(row.image_id == ImageRow.id, one) for one in otherwise]
    return select(ImageRow.id).where(*conditions, *(~one for one in left_out))
