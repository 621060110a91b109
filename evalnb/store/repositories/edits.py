"""The edit log: append-only rows, ordered by each image's own sequence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, and_, cast, func, insert, or_, select, update
from sqlalchemy.orm import Session

from evalnb.core.records import Annotation
from evalnb.errors import NotFound
from evalnb.store.repositories import annotations
from evalnb.store.tables.annotations import AnnotationRow, EditRow
from evalnb.store.tables.datasets import ImageRow

Action: TypeAlias = Literal["create", "update", "delete", "restore", "tag", "untag"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One op as it was applied. ``patch`` and ``before`` hold JSON values by property."""

    image_id: int
    seq: int
    client_op_id: UUID
    shape_id: UUID
    action: Action
    base_rev: int
    rev: int
    patch: Mapping[str, Any]
    before: Mapping[str, Any]
    conflicts: tuple[str, ...]
    author: str
    at: datetime | None = field(default=None, compare=False)
    """The database's own clock; None until it is written."""

    @property
    def is_tag(self) -> bool:
        """Whether it set or took away a tag of the image, and touched no shape."""
        return self.action in ("tag", "untag")


@dataclass(frozen=True, slots=True)
class Head:
    """An image while it is locked for editing."""

    image_id: int
    dataset_id: int
    width: int
    height: int
    seq: int
    tags: tuple[str, ...]


def lock(session: Session, image_id: int, *, dataset_id: int | None = None) -> Head:
    """Hold the image until the transaction ends, so that its edits have one order. NotFound if there is none, or
    it is not the dataset's.

    FOR NO KEY UPDATE: writers of predictions and annotations that only refer to the image are not held up.
    """
    image = ImageRow
    chosen = select(image.id, image.dataset_id, image.width, image.height, image.edit_seq, image.tags).where(
        image.id == image_id
    )
    if dataset_id is not None:
        chosen = chosen.where(ImageRow.dataset_id == dataset_id)
    row = session.execute(chosen.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise _no_image(image_id)
    return Head(row.id, row.dataset_id, row.width, row.height, row.edit_seq, tuple(row.tags))


def hold(session: Session, image_ids: Sequence[int]) -> list[Head]:
    """Hold several images as ``lock`` does one, in the order of their ids: two who hold several wait for each other
    in turn."""
    image = ImageRow
    chosen = (
        select(image.id, image.dataset_id, image.width, image.height, image.edit_seq, image.tags)
        .where(image.id.in_(image_ids))
        .order_by(image.id)
        .with_for_update(key_share=True)
    )
    return [
        Head(row.id, row.dataset_id, row.width, row.height, row.edit_seq, tuple(row.tags))
        for row in session.execute(chosen)
    ]


def tags(session: Session, image_id: int) -> list[str]:
    """The image's tags, in the order in which they were set. NotFound if there is no such image."""
    found = session.execute(select(ImageRow.tags).where(ImageRow.id == image_id)).scalar_one_or_none()
    if found is None:
        raise _no_image(image_id)
    return list(found)


def write_tags(session: Session, head: Head, tags: Sequence[str]) -> None:
    """Set the locked image's tags."""
    session.execute(update(ImageRow).where(ImageRow.id == head.image_id).values(tags=list(tags)))


def sequence(session: Session, image_id: int) -> int:
    """The number of the image's last edit, 0 before the first. NotFound if there is no such image."""
    seq = session.execute(select(ImageRow.edit_seq).where(ImageRow.id == image_id)).scalar_one_or_none()
    if seq is None:
        raise _no_image(image_id)
    return seq


def sequences(session: Session, image_ids: Collection[int]) -> dict[int, int]:
    """The number of each image's last edit; images that there are no more are left out."""
    rows = session.execute(select(ImageRow.id, ImageRow.edit_seq).where(ImageRow.id.in_(image_ids)))
    return {row.id: row.edit_seq for row in rows}


def records(session: Session, ids: Collection[UUID]) -> dict[UUID, Annotation]:
    """The annotations of these ids, tombstones too, on whatever image."""
    return {one.id: one for one in annotations.of_ids(session, list(ids))}


def shape_count(session: Session, image_id: int) -> int:
    """How many shapes the image has, tombstones left out."""
    return session.scalars(
        select(func.count()).where(AnnotationRow.image_id == image_id, ~AnnotationRow.deleted)
    ).one()


def write(session: Session, head: Head, shapes: Sequence[Annotation], rows: Mapping[UUID, AnnotationRow]) -> None:
    """Write annotations of the locked image as they stand now, new ones in the order given. ``rows``: those of them
    that are there already, as ``annotations.rows_of`` found them in this transaction."""
    for one in shapes:
        if one.id in rows:
            annotations.assign(rows[one.id], one)
        else:
            session.add(annotations.new_row(one, dataset_id=head.dataset_id))
    session.flush()


def append(session: Session, head: Head, edits: Sequence[Edit]) -> None:
    """Add edits numbered ``head.seq + 1``, … to the locked image's log."""
    if not edits:
        return
    session.execute(
        insert(EditRow),
        [
            {
                "image_id": one.image_id,
                "seq": one.seq,
                "client_op_id": one.client_op_id,
                "shape_id": one.shape_id,
                "action": one.action,
                "base_rev": one.base_rev,
                "rev": one.rev,
                "patch": dict(one.patch),
                "before": dict(one.before),
                "conflicts": list(one.conflicts),
                "author": one.author,
            }
            for one in edits
        ],
    )
    session.execute(update(ImageRow).where(ImageRow.id == head.image_id).values(edit_seq=edits[-1].seq))
    # Told to whoever watches the image, once this is committed: see Database.transaction.
    session.info.setdefault("edited", {})[head.image_id] = edits[-1].seq


def by_op(session: Session, client_op_ids: Collection[UUID]) -> dict[UUID, Edit]:
    """Those of the ops that are in the log already, on whatever image."""
    return {one.client_op_id: one for one in _read(session, EditRow.client_op_id.in_(client_op_ids))}


def known(
    session: Session, client_op_ids: Collection[UUID], shape_ids: Collection[UUID], *, after_rev: int
) -> list[Edit]:
    """Those of the ops that are in the log already, on whatever image, and every edit of any of the shapes that made
    a revision above ``after_rev``; of an image, oldest first."""
    newer = and_(EditRow.shape_id.in_(shape_ids), EditRow.rev > after_rev)
    return _read(session, or_(EditRow.client_op_id.in_(client_op_ids), newer))


def last_id(session: Session) -> int:
    """The id of the newest edit of all, 0 without any."""
    return session.scalars(select(func.coalesce(func.max(EditRow.id), 0))).one()


def since(session: Session, dataset_id: int, after: int) -> list[tuple[int, int]]:
    """The ids of the dataset's edits above ``after``, each with its image.

    Ids are given before the commit: one that is lower than another may appear after it.
    """
    chosen = (
        select(EditRow.id, EditRow.image_id)
        .join(ImageRow, ImageRow.id == EditRow.image_id)
        .where(EditRow.id > after, ImageRow.dataset_id == dataset_id)
        .order_by(EditRow.id)
    )
    return [(row.id, row.image_id) for row in session.execute(chosen)]


def of_image(session: Session, image_id: int, *, after: int = 0, limit: int | None = None) -> list[Edit]:
    """The image's log beyond sequence number ``after``, oldest first: ``limit`` edits, or all of them."""
    return _read(session, EditRow.image_id == image_id, EditRow.seq > after, limit=limit)


def of_author(session: Session, image_id: int, author: str, *, limit: int) -> list[Edit]:
    """The author's latest ``limit`` edits of the image, oldest first."""
    last = (
        select(EditRow.id)
        .where(EditRow.image_id == image_id, EditRow.author == author)
        .order_by(EditRow.seq.desc())
        .limit(limit)
    )
    return _read(session, EditRow.id.in_(last))


def of_step(session: Session, dataset_id: int, author: str, head: int, *, limit: int) -> list[Edit]:
    """The author's edits whose op ids begin with the 64 bits of ``head``, on any of the dataset's images; image by
    image, oldest first: the first ``limit``."""
    own = select(ImageRow.id).where(ImageRow.dataset_id == dataset_id)
    of = (EditRow.client_op_id.between(*_ids_of(head)), EditRow.author == author, EditRow.image_id.in_(own))
    return _read(session, *of, limit=limit)


def spans(session: Session, heads: Collection[int]) -> dict[int, int]:
    """How many images have edits whose op ids begin with the 64 bits of each of ``heads``."""
    first, last = zip(*map(_ids_of, heads), strict=True) if heads else ((), ())
    ranges = (cast(list(first), ARRAY(Uuid)), cast(list(last), ARRAY(Uuid)))
    wanted = func.unnest(*ranges).table_valued("first", "last").render_derived()
    # The unique index on the ids answers each range.
    many = (
        select(func.count(EditRow.image_id.distinct()))
        .where(EditRow.client_op_id.between(wanted.c.first, wanted.c.last))
        .scalar_subquery()
    )
    return {UUID(str(id)).int >> 64: count for id, count in session.execute(select(wanted.c.first, many))}


def _ids_of(head: int) -> tuple[UUID, UUID]:
    return UUID(int=head << 64), UUID(int=head << 64 | (1 << 64) - 1)


def last_of_others(session: Session, image_id: int, author: str) -> dict[UUID, int]:
    """The number of the last edit that anybody but the author made of each of the image's shapes."""
    rows = session.execute(
        select(EditRow.shape_id, func.max(EditRow.seq))
        .where(EditRow.image_id == image_id, EditRow.author != author)
        .group_by(EditRow.shape_id)
    )
    return {shape_id: seq for shape_id, seq in rows}


def of_shape(session: Session, shape_id: UUID, *, after_rev: int = 0) -> list[Edit]:
    """The shape's edits that made revisions above ``after_rev``, oldest first."""
    return _read(session, EditRow.shape_id == shape_id, EditRow.rev > after_rev)


def of_shapes(session: Session, shape_ids: Collection[UUID], *, after_rev: int) -> list[Edit]:
    """The edits of any of the shapes that made revisions above ``after_rev``, oldest first."""
    return _read(session, EditRow.shape_id.in_(shape_ids), EditRow.rev > after_rev)


def _read(session: Session, *conditions: Any, limit: int | None = None) -> list[Edit]:
    chosen = select(EditRow).where(*conditions).order_by(EditRow.image_id, EditRow.seq).limit(limit)
    rows = session.execute(chosen).scalars()
    return [
        Edit(
            image_id=row.image_id,
            seq=row.seq,
            client_op_id=row.client_op_id,
            shape_id=row.shape_id,
            action=row.action,  # type: ignore[arg-type]  # held by the table's check
            base_rev=row.base_rev,
            rev=row.rev,
            patch=row.patch,
            before=row.before,
            conflicts=tuple(row.conflicts),
            author=row.author,
            at=row.at,
        )
        for row in rows
    ]


def _no_image(image_id: int) -> NotFound:
    return NotFound(f"there is no image {image_id}", remedy="list the dataset's images and use one of their ids")
