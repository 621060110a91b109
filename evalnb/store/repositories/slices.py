"""What a slice means in SQL: one place, so that lists, counts and truths agree.

Lists of images are asked of the index that knows the answer in order: a tag's images of ``image_tag``, a class's of
``annotation``. Left to itself the planner would walk through all images when it guesses that enough of them match.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, any_, cast, exists, func, or_, select, true, union
from sqlalchemy.orm import Session, aliased

from evalnb.core.slices import AREAS, Slice
from evalnb.store.repositories import datasets
from evalnb.store.tables import AnnotationRow, ImageNamesRow, ImageRow, ImageTagRow

BLOCK = 256
"""How many ids share a row of names; the triggers say so too."""
_CLASSES_APART = 128
"""So many classes are asked one by one, each in order of images; more are asked together."""


def of_annotations(session: Session, dataset_id: int, part: Slice) -> list[ColumnElement[bool]]:
    """The conditions that ``part`` sets on an annotation itself: not deleted, its class, its area.

    NotFound for a class that the taxonomy does not have.
    """
    conditions = _living(dataset_id, part)
    if part.classes is not None:
        conditions.append(AnnotationRow.class_id.in_(_class_ids(session, dataset_id, part)))
    return conditions


def of_images_alone(dataset_id: int, part: Slice) -> list[ColumnElement[bool]]:
    """The conditions that ``part`` sets on an image whatever its annotations: tags, ids, text."""
    conditions: list[ColumnElement[bool]] = [ImageRow.dataset_id == dataset_id]
    for tag in sorted(part.tags):
        tagged = select(ImageTagRow.image_id).where(ImageTagRow.dataset_id == dataset_id, ImageTagRow.tag == tag)
        conditions.append(ImageRow.id.in_(tagged))
    if part.images is not None:
        conditions.append(among(ImageRow.id, part.images))
    if part.text:
        conditions.append(ImageRow.file_name.contains(part.text, autoescape=True))
    return conditions


def of_images(session: Session, dataset_id: int, part: Slice) -> list[ColumnElement[bool]]:
    """All the conditions on an image: with classes or areas, it must bear one annotation that meets both."""
    conditions = of_images_alone(dataset_id, part)
    if part.classes is not None or part.areas is not None:
        bears = of_annotations(session, dataset_id, part)
        conditions.append(exists().where(AnnotationRow.image_id == ImageRow.id, *bears))
    return conditions


def among(column: Any, ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether an id is one of ``ids``, however many: as one array, since a statement takes 65,535 parameters."""
    some: ColumnElement[bool] = column == any_(cast(sorted(ids), ARRAY(BigInteger)))
    return some


def narrows_images(part: Slice) -> bool:
    """Whether ``part`` leaves images out whatever their annotations."""
    return bool(part.tags or part.images is not None or part.text)


def image_ids(dataset_id: int, part: Slice) -> Select[Any]:
    """A subquery of the image ids that tags, ids and text leave."""
    return select(ImageRow.id).where(*of_images_alone(dataset_id, part))


def members(
    session: Session,
    dataset_id: int,
    part: Slice,
    *,
    after: int = 0,
    first: int = 0,
    limit: int | None = None,
) -> Select[Any]:
    """The ids (column ``id``) of the slice's images beyond ``after``, ascending: ``limit`` of them from ``first``."""
    reach = None if limit is None else first + limit
    if part.classes is not None or part.areas is not None:
        class_ids = _class_ids(session, dataset_id, part)
        if len(class_ids) == 1 or (reach is not None and 0 < len(class_ids) <= _CLASSES_APART):
            each = [
                _bearing(dataset_id, part, AnnotationRow.class_id == one, after).limit(reach) for one in class_ids
            ]
            if len(each) == 1:
                return each[0].limit(limit).offset(first)
            merged = union(*(select(one.subquery().c.id) for one in each)).subquery()
            return select(merged.c.id).order_by(merged.c.id).limit(limit).offset(first)
        bears = AnnotationRow.class_id.in_(class_ids)
        return _bearing(dataset_id, part, bears, after).limit(limit).offset(first)
    if part.tags:
        tag, *others = sorted(part.tags)
        chosen = select(ImageTagRow.image_id.label("id")).where(
            ImageTagRow.dataset_id == dataset_id, ImageTagRow.tag == tag, ImageTagRow.image_id > after
        )
        chosen = _narrowed(chosen, ImageTagRow.image_id, dataset_id, part, others, after)
        return chosen.order_by(ImageTagRow.image_id).limit(limit).offset(first)
    conditions = of_images(session, dataset_id, part)
    if part.text:
        return _named(dataset_id, part.text, conditions, after, reach).limit(limit).offset(first)
    return (
        select(ImageRow.id).where(*conditions, ImageRow.id > after).order_by(ImageRow.id).limit(limit).offset(first)
    )


def _named(
    dataset_id: int, text: str, conditions: list[ColumnElement[bool]], after: int, reach: int | None
) -> Select[Any]:
    """The images that meet ``conditions``, ascending: looked for in the blocks of names that have ``text``, in order,
    until there are ``reach``."""
    row = ImageNamesRow
    block = (
        select(row.block)
        .where(row.dataset_id == dataset_id, row.block >= after // BLOCK, func.strpos(row.names, text) > 0)
        .order_by(row.block)
        .subquery()
    )
    first = block.c.block * BLOCK
    inside = (
        select(ImageRow.id)
        .where(*conditions, ImageRow.id > after, ImageRow.id.between(first, first + BLOCK - 1))
        .order_by(ImageRow.id)
        .limit(reach)
        .lateral()
    )
    return select(inside.c.id).select_from(block).join(inside, true()).order_by(block.c.block, inside.c.id)


def _bearing(dataset_id: int, part: Slice, bears: ColumnElement[bool], after: int) -> Select[Any]:
    """The images of the slice that have an annotation which meets ``bears`` and the slice's areas, ascending."""
    row = AnnotationRow
    living = _living(dataset_id, part)
    chosen = select(row.image_id.label("id")).where(*living, bears, row.image_id > after)
    chosen = _narrowed(chosen, row.image_id, dataset_id, part, sorted(part.tags), after)
    return chosen.distinct().order_by(row.image_id)


def _narrowed(
    chosen: Select[Any], image_id: Any, dataset_id: int, part: Slice, tags: list[str], after: int
) -> Select[Any]:
    """``chosen`` joined to what else the slice says of images: the planner may begin at any of them."""
    for tag in tags:
        other = aliased(ImageTagRow)
        chosen = chosen.join(
            other,
            (other.dataset_id == dataset_id)
            & (other.tag == tag)
            & (other.image_id == image_id)
            & (other.image_id > after),
        )
    if part.images is not None:
        chosen = chosen.where(among(image_id, part.images))
    if part.text:
        chosen = chosen.join(ImageRow, ImageRow.id == image_id)
        chosen = chosen.where(ImageRow.file_name.contains(part.text, autoescape=True))
    return chosen


def _living(dataset_id: int, part: Slice) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [AnnotationRow.dataset_id == dataset_id, ~AnnotationRow.deleted]
    if part.areas is not None:
        conditions.append(or_(False, *(AnnotationRow.area.between(*AREAS[name]) for name in sorted(part.areas))))
    return conditions


def _class_ids(session: Session, dataset_id: int, part: Slice) -> list[int]:
    """The classes that the slice names; all of them where it names none."""
    taxonomy = datasets.taxonomy(session, dataset_id)
    if part.classes is None:
        return sorted(taxonomy.by_id)
    return sorted(taxonomy.named(name).id for name in part.classes)
