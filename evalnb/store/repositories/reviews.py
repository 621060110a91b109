"""The state of images' labels, and the comments on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, and_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.store.repositories import images, slices
from evalnb.store.tables import CommentRow, ImageReviewRow, ImageRow, ReviewChangeRow

Status = Literal["todo", "doing", "review", "accepted", "rejected"]
STATUSES: tuple[Status, ...] = get_args(Status)
TEXT_MAX = 4000
NAME_MAX = 200
TOLD_MAX = 500
"""Of so many images at once it is said that their reviews are others."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark at a place of an image, in its pixels."""

    id: UUID
    x: float
    y: float
    text: str
    author: str
    at: datetime
    resolved_by: str
    """Empty while it is open."""
    resolved_at: datetime | None
    """None while it is open, and of what was resolved before times were kept."""


@dataclass(frozen=True, slots=True)
class Review:
    """How far an image's labels have come."""

    image_id: int
    status: Status
    assignee: str
    author: str
    """Who changed it last; empty where nobody has."""
    at: datetime | None
    comments: tuple[Comment, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an image's status or assignee: both as they stood after it."""

    image_id: int
    status: Status
    assignee: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """An image in a list of reviews."""

    image_id: int
    file_name: str
    status: Status
    assignee: str
    author: str
    at: datetime | None
    open_comments: int


def status_of(name: str) -> Status:
    """The status of that name; Invalid for any other."""
    for one in STATUSES:
        if one == name:
            return one
    raise Invalid(f"there is no status {name!r}", remedy=f"use one of {', '.join(STATUSES)}")


def get(session: Session, image_id: int) -> Review:
    """The image's review, whether or not anybody ever touched it."""
    row = session.get(ImageReviewRow, image_id)
    remarks = session.scalars(
        select(CommentRow).where(CommentRow.image_id == image_id).order_by(CommentRow.at, CommentRow.id)
    )
    return Review(
        image_id=image_id,
        status=status_of(row.status) if row else "todo",
        assignee=row.assignee if row else "",
        author=row.author if row else "",
        at=row.at if row else None,
        comments=tuple(_comment(one) for one in remarks),
    )


def put(
    session: Session,
    dataset_id: int,
    image_ids: Sequence[int],
    *,
    author: str,
    status: str | None = None,
    assignee: str | None = None,
) -> None:
    """Set the status, the assignee (empty: nobody) or both of images of the dataset; what is None stays.

    Invalid for a status that there is not, or an assignee's name longer than 200 characters; NotFound, and nothing
    set, if the dataset lacks one of the images. What differs from before goes into the log; what does not changes
    nothing.
    """
    if status is not None:
        status_of(status)
    if assignee is not None and len(assignee) > NAME_MAX:
        raise Invalid(f"a name of {len(assignee)} characters", remedy=f"use at most {NAME_MAX}")
    wanted = func.unnest(cast(sorted(set(image_ids)), ARRAY(BigInteger))).table_valued("id").render_derived()
    image, row = ImageRow, ImageReviewRow
    lacking = session.scalars(
        select(func.min(wanted.c.id))
        .outerjoin(image, and_(image.id == wanted.c.id, image.dataset_id == dataset_id))
        .where(image.id.is_(None))
    ).one()
    if lacking is not None:
        raise NotFound(f"the dataset has no image {lacking}", remedy="use ids of its own images")
    # Locked, so that of two people's changes at once each is logged with what it found.
    there = select(row.image_id).where(row.image_id.in_(select(wanted.c.id)))
    session.execute(there.order_by(row.image_id).with_for_update())
    was = (func.coalesce(row.status, "todo"), func.coalesce(row.assignee, ""))
    becomes = (was[0] if status is None else literal(status), was[1] if assignee is None else literal(assignee))
    now = literal(datetime.now(UTC))
    changed = (
        select(wanted.c.id, literal(dataset_id), *becomes, literal(author), now)
        .outerjoin(row, row.image_id == wanted.c.id)
        .where(or_(becomes[0] != was[0], becomes[1] != was[1]))
        .order_by(wanted.c.id)
    )
    columns = ["image_id", "dataset_id", "status", "assignee", "author", "at"]
    logged = insert(ReviewChangeRow).from_select(columns, changed).returning(ReviewChangeRow.image_id)
    others = session.scalars(logged).all()
    fresh = insert(row).from_select(columns, changed)
    given = {name: value for name, value in (("status", status), ("assignee", assignee)) if value is not None}
    session.execute(
        fresh.on_conflict_do_update(
            index_elements=["image_id"], set_={**given, "author": fresh.excluded.author, "at": fresh.excluded.at}
        )
    )
    session.expire_all()
    # Of more than anybody looks at, each is seen at the next look.
    _told(session, others[:TOLD_MAX])


def changes(session: Session, image_id: int) -> list[Change]:
    """What became of an image's status and assignee, oldest first."""
    row = ReviewChangeRow
    return [
        Change(one.image_id, status_of(one.status), one.assignee, one.author, one.at)
        for one in session.scalars(select(row).where(row.image_id == image_id).order_by(row.id))
    ]


def comment(session: Session, image_id: int, *, id: UUID, x: float, y: float, text: str, author: str) -> None:
    """Pin a comment to a place of the image; one of that id that is there already stays as it is.

    Invalid for a place beside the image, or text that is empty or longer than 4,000 characters.
    """
    image = images.get(session, image_id)
    if not (0 <= x <= image.width and 0 <= y <= image.height):
        raise Invalid(f"{x:g}, {y:g} is not in image {image_id}", remedy=f"it is {image.width} × {image.height} px")
    if not text.strip() or len(text) > TEXT_MAX or "\0" in text:
        raise Invalid(f"a comment of {len(text)} characters", remedy=f"write 1 to {TEXT_MAX}, without NUL")
    if (there := session.get(CommentRow, id)) is not None:
        if there.image_id != image_id:
            raise Invalid(f"comment {id} is another image's", remedy="give every comment an id of its own")
        return
    row = {"id": id, "image_id": image_id, "dataset_id": image.dataset_id, "x": x, "y": y}
    # Not the transaction's beginning, which would be the same for two of them.
    session.add(CommentRow(**row, text=text.strip(), author=author, at=func.clock_timestamp()))
    session.flush()
    _told(session, [image_id])


def resolve(session: Session, image_id: int, id: UUID, *, resolved: bool, author: str) -> None:
    """Say that a comment is dealt with, or no longer. NotFound if the image has no such comment."""
    row = session.get(CommentRow, id)
    if row is None or row.image_id != image_id:
        raise NotFound(f"image {image_id} has no comment {id}", remedy="take one of its review")
    if bool(row.resolved_by) == resolved:
        return  # said twice: whoever said it first, and when, stays
    row.resolved_by = author if resolved else ""
    row.resolved_at = datetime.now(UTC) if resolved else None
    session.flush()
    _told(session, [image_id])


def stamps(session: Session, image_ids: Collection[int]) -> dict[int, str]:
    """What tells the review of each image from every other state of it: of its status, assignee and comments."""
    row, remark, image = ImageReviewRow, CommentRow, ImageRow
    # A comment is only ever added, resolved, or opened again.
    said = func.concat(remark.id, remark.resolved_at, remark.resolved_by)
    remarks = (
        select(func.md5(func.string_agg(said, aggregate_order_by(literal(" "), remark.id))))
        .where(remark.image_id == image.id)
        .correlate(image)
        .scalar_subquery()
    )
    stands = select(image.id, func.concat_ws(" ", row.status, row.assignee, row.at, remarks).label("stamp"))
    found = session.execute(stands.outerjoin(row, row.image_id == image.id).where(image.id.in_(image_ids)))
    return {one.id: one.stamp for one in found}


def _told(session: Session, image_ids: Collection[int]) -> None:
    """Whoever watches the images is told once this is committed: see Database.transaction."""
    session.info.setdefault("reviewed", set()).update(image_ids)


def of_dataset(
    session: Session,
    dataset_id: int,
    part: Slice = Slice(),
    *,
    status: str | None = None,
    assignee: str | None = None,
) -> list[ReviewLine]:
    """The slice's images with their reviews, by id: all, or of one status, or of one person (empty: nobody's)."""
    row = ImageReviewRow
    remarks = (
        select(func.count())
        .where(CommentRow.image_id == ImageRow.id, CommentRow.resolved_by == "")
        .correlate(ImageRow)
        .scalar_subquery()
    )
    stands = func.coalesce(row.status, "todo")
    chosen = (
        select(ImageRow.id, ImageRow.file_name, stands, func.coalesce(row.assignee, ""), row.author, row.at, remarks)
        .outerjoin(row, row.image_id == ImageRow.id)
        .where(*slices.of_images(session, dataset_id, part))
        .order_by(ImageRow.id)
    )
    if status is not None:
        chosen = chosen.where(stands == status_of(status))
    if assignee is not None:
        chosen = chosen.where(func.coalesce(row.assignee, "") == assignee)
    return [
        ReviewLine(id_, name, status_of(stand), assignee, author or "", at, many)
        for id_, name, stand, assignee, author, at, many in session.execute(chosen)
    ]


def _comment(row: CommentRow) -> Comment:
    return Comment(row.id, row.x, row.y, row.text, row.author, row.at, row.resolved_by, row.resolved_at)
