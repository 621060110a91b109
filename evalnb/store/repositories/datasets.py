"""Datasets and their taxonomies."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from evalnb.core.datasets import DatasetCounts, DatasetRecord
from evalnb.core.taxonomy import Attribute, Class, Taxonomy
from evalnb.errors import Conflict, NotFound
from evalnb.store.tables import (
    AnnotationRow,
    ClassRow,
    DatasetRow,
    EditRow,
    ImageRow,
    ImageTagRow,
    ImportRow,
    PredictionRunRow,
    ProjectRow,
    TaxonomyRow,
)


def create(
    session: Session,
    project_id: int,
    name: str,
    *,
    classes: Iterable[Class] = (),
    source: Mapping[str, Any] | None = None,
) -> int:
    """A new, empty dataset with a taxonomy of its own; Conflict where the name is taken."""
    taxonomy = TaxonomyRow(project_id=project_id, name=name)
    session.add(taxonomy)
    session.flush()
    # One statement: of two who ask for the same name at once, the second waits for the first and is told.
    made = session.scalars(
        insert(DatasetRow)
        .values(project_id=project_id, taxonomy_id=taxonomy.id, name=name, source=dict(source or {}))
        .on_conflict_do_nothing(index_elements=[DatasetRow.project_id, DatasetRow.name])
        .returning(DatasetRow.id)
    ).one_or_none()
    if made is None:
        raise _taken(name)
    add_classes(session, made, classes)
    return made


def rename(session: Session, dataset_id: int, name: str) -> None:
    """Call it otherwise; Conflict where its project has a dataset of that name, NotFound if it is not there."""
    project_id = get(session, dataset_id).project_id
    taken = exists().where(DatasetRow.project_id == project_id, DatasetRow.name == name, DatasetRow.id != dataset_id)
    try:
        # In a savepoint: somebody else may take the name between the look and the write.
        with session.begin_nested():
            done = session.execute(update(DatasetRow).where(DatasetRow.id == dataset_id, ~taken).values(name=name))
    except IntegrityError as error:
        raise _taken(name) from error
    if not cast("CursorResult[Any]", done).rowcount:
        raise _taken(name)


def _taken(name: str) -> Conflict:
    return Conflict(f"the project has a dataset {name!r} already", remedy="choose another name")


def remove(session: Session, dataset_id: int) -> None:
    """Delete the dataset with all that is in it, its runs and their evaluations. Blobs stay, others may have them.

    What hangs on a row is found by one query for each kind, not by one for each image.
    """
    taxonomy_id = session.scalars(select(DatasetRow.taxonomy_id).where(DatasetRow.id == dataset_id)).one()
    images = select(ImageRow.id).where(ImageRow.dataset_id == dataset_id)
    session.execute(delete(PredictionRunRow).where(PredictionRunRow.dataset_id == dataset_id))
    session.execute(delete(EditRow).where(EditRow.image_id.in_(images)))
    session.execute(delete(AnnotationRow).where(AnnotationRow.dataset_id == dataset_id))
    session.execute(delete(DatasetRow).where(DatasetRow.id == dataset_id))
    shared = exists().where(DatasetRow.taxonomy_id == taxonomy_id)
    session.execute(delete(TaxonomyRow).where(TaxonomyRow.id == taxonomy_id, ~shared))
    session.expire_all()


def find(session: Session, project_id: int, name: str) -> DatasetRecord | None:
    """The dataset of that name, or None."""
    row = session.execute(
        select(DatasetRow, _complete()).where(DatasetRow.project_id == project_id, DatasetRow.name == name)
    ).one_or_none()
    return None if row is None else _record(*row)


def by_name(session: Session, project_id: int, name: str) -> DatasetRecord:
    """The dataset of that name; NotFound says which ones are near."""
    found = find(session, project_id, name)
    if found is None:
        names = session.scalars(select(DatasetRow.name).where(DatasetRow.project_id == project_id)).all()
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        raise NotFound(
            f"the project has no dataset {name!r}",
            remedy=f"use one of {', '.join(map(repr, near))}" if near else "import one first",
        )
    return found


def get(session: Session, dataset_id: int) -> DatasetRecord:
    """The dataset of that id; NotFound otherwise."""
    row = session.execute(select(DatasetRow, _complete()).where(DatasetRow.id == dataset_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no dataset {dataset_id}", remedy="list the project's datasets to see their ids")
    return _record(*row)


def all(session: Session, project_id: int) -> list[DatasetRecord]:
    """The project's datasets, by name."""
    rows = session.execute(
        select(DatasetRow, _complete()).where(DatasetRow.project_id == project_id).order_by(DatasetRow.name)
    )
    return [_record(*row) for row in rows]


def page(session: Session, project_id: int, *, after: int = 0, limit: int = 100) -> list[DatasetCounts]:
    """The project's datasets whose id is greater than ``after``, by id, with their counts."""
    images = select(func.count()).where(ImageRow.dataset_id == DatasetRow.id).scalar_subquery()
    annotations = (
        select(func.count())
        .where(AnnotationRow.dataset_id == DatasetRow.id, ~AnnotationRow.deleted)
        .scalar_subquery()
    )
    classes = select(func.count()).where(ClassRow.taxonomy_id == DatasetRow.taxonomy_id).scalar_subquery()
    rows = session.execute(
        select(DatasetRow, _complete(), ProjectRow.name, images, annotations, classes)
        .join(ProjectRow, ProjectRow.id == DatasetRow.project_id)
        .where(DatasetRow.project_id == project_id, DatasetRow.id > after)
        .order_by(DatasetRow.id)
        .limit(limit)
    )
    return [
        DatasetCounts(_record(row, complete), project, images=images, annotations=annotations, classes=classes)
        for row, complete, project, images, annotations, classes in rows
    ]


def taxonomy(session: Session, dataset_id: int) -> Taxonomy:
    """The classes of a dataset, in the source's order."""
    rows = session.scalars(
        select(ClassRow)
        .join(DatasetRow, DatasetRow.taxonomy_id == ClassRow.taxonomy_id)
        .where(DatasetRow.id == dataset_id)
        .order_by(ClassRow.place)
    )
    return Taxonomy(
        tuple(
            Class(
                id=row.class_id,
                name=row.name,
                color=row.color,
                supercategory=row.supercategory,
                keypoints=tuple(row.keypoints),
                skeleton=tuple((int(a), int(b)) for a, b in row.skeleton),
                attributes=tuple(map(_attribute, row.attributes)),
                extra=row.extra,
            )
            for row in rows
        )
    )


def named_classes(session: Session, dataset_id: int, ids: Collection[int]) -> set[int]:
    """Those of the class ids that the dataset's taxonomy names."""
    possible = [one for one in ids if -(2**63) <= one < 2**63]
    if not possible:
        return set()
    return set(
        session.scalars(
            select(ClassRow.class_id)
            .join(DatasetRow, DatasetRow.taxonomy_id == ClassRow.taxonomy_id)
            .where(DatasetRow.id == dataset_id, ClassRow.class_id.in_(possible))
        )
    )


def _attribute(stored: Mapping[str, Any]) -> Attribute:
    return Attribute(**{**stored, "choices": tuple(stored["choices"])})


def add_classes(session: Session, dataset_id: int, classes: Iterable[Class]) -> None:
    """Append classes to the dataset's taxonomy. Their ids and names must be new to it."""
    taxonomy_id = session.scalars(select(DatasetRow.taxonomy_id).where(DatasetRow.id == dataset_id)).one()
    place = session.scalars(
        select(func.coalesce(func.max(ClassRow.place) + 1, 0)).where(ClassRow.taxonomy_id == taxonomy_id)
    ).one()
    session.add_all(
        ClassRow(
            taxonomy_id=taxonomy_id,
            class_id=one.id,
            place=place + step,
            name=one.name,
            color=one.color,
            supercategory=one.supercategory,
            keypoints=list(one.keypoints),
            skeleton=[list(pair) for pair in one.skeleton],
            attributes=[asdict(attribute) for attribute in one.attributes],
            extra=dict(one.extra),
        )
        for step, one in enumerate(classes)
    )
    session.flush()


def set_class(session: Session, dataset_id: int, one: Class) -> None:
    """Write a class of the dataset's taxonomy anew, all but its id and place. Conflict where its name is taken."""
    row = session.scalars(
        select(ClassRow)
        .join(DatasetRow, DatasetRow.taxonomy_id == ClassRow.taxonomy_id)
        .where(DatasetRow.id == dataset_id, ClassRow.class_id == one.id)
        .with_for_update()
    ).one()
    row.name, row.color, row.supercategory = one.name, one.color, one.supercategory
    row.keypoints = list(one.keypoints)
    row.skeleton = [list(pair) for pair in one.skeleton]
    row.attributes = [asdict(attribute) for attribute in one.attributes]
    session.flush()


def per_class(session: Session, dataset_id: int) -> dict[int, int]:
    """How many annotations (deleted ones left out) each class id has; classes without any are absent."""
    rows = session.execute(
        select(AnnotationRow.class_id, func.count())
        .where(AnnotationRow.dataset_id == dataset_id, ~AnnotationRow.deleted)
        .group_by(AnnotationRow.class_id)
    )
    return {class_id: count for class_id, count in rows}


def per_tag(session: Session, dataset_id: int) -> dict[str, int]:
    """How many images bear each tag, by tag."""
    rows = session.execute(
        select(ImageTagRow.tag, func.count())
        .where(ImageTagRow.dataset_id == dataset_id)
        .group_by(ImageTagRow.tag)
        .order_by(ImageTagRow.tag)
    )
    return {tag: count for tag, count in rows}


def tag_names(session: Session, dataset_id: int, *, limit: int) -> list[str]:
    """The first ``limit`` tags that images of the dataset have, by name."""
    # Each is sought behind the one before: a step of the index for each tag, however many images have it.
    walk = text(
        """WITH RECURSIVE walk AS (
            (SELECT tag FROM image_tag WHERE dataset_id = :dataset ORDER BY tag LIMIT 1)
            UNION ALL
            SELECT (SELECT tag FROM image_tag WHERE dataset_id = :dataset AND tag > walk.tag ORDER BY tag LIMIT 1)
            FROM walk WHERE walk.tag IS NOT NULL
        ) SELECT tag FROM walk WHERE tag IS NOT NULL LIMIT :most"""
    )
    return list(session.scalars(walk, {"dataset": dataset_id, "most": limit}))


def _complete() -> Any:
    return ~exists().where(ImportRow.dataset_id == DatasetRow.id, ImportRow.finished_at.is_(None))


def _record(row: DatasetRow, complete: bool) -> DatasetRecord:
    return DatasetRecord(
        id=row.id,
        project_id=row.project_id,
        taxonomy_id=row.taxonomy_id,
        name=row.name,
        source=row.source,
        created_at=row.created_at,
        complete=complete,
    )
