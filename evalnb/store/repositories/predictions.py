"""Prediction runs: packed arrays in by COPY, columns out without a loop over detections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from evalnb.core import masks as rle
from evalnb.core import rotated
from evalnb.core.records import Detections, Floats, Ints
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.store.repositories import datasets, slices
from evalnb.store.repositories.copying import copy_in
from evalnb.store.tables import DatasetRow, ImageRow, ModelRow, ModelVersionRow, PredictionRow, PredictionRunRow

if TYPE_CHECKING:
    import pandas as pd

_IMAGES_AT_ONCE = 4000


@dataclass(frozen=True, slots=True, eq=False)
class ImagePredictions:
    """The predictions of one image, best first."""

    box: Floats
    """(n, 4) x, y, w, h in pixels."""
    score: Floats
    """(n,) in [0, 1] from evalnb's own models; any finite number from a result file."""
    class_id: Ints
    """(n,) class ids of the dataset's taxonomy."""
    rles: Sequence[str] | None = None
    """n compressed COCO run strings of the image's size, for masks."""
    corners: Floats | None = None
    """(n, 4, 2) x, y of rotated boxes' corners as ``rotated.convex`` orders them; ``box`` encloses each."""


@dataclass(frozen=True, slots=True, repr=False)
class PredictionRun:
    """One pass of one model over a dataset or a slice of it, or one imported result file."""

    id: int
    dataset_id: int
    model_version_id: int | None
    """None for an imported result file."""
    name: str
    parameters: Mapping[str, Any]
    image_count: int
    """How many images it is to cover."""
    job_id: UUID | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether it went to its end."""
        return self.finished_at is not None

    def __repr__(self) -> str:
        """Its id, name and size, and what is missing of it."""
        unfinished = "" if self.finished else ", unfinished: predict(…, resume=run) goes on"
        return f"PredictionRun({self.id}: {self.name}, {self.image_count:,} images{unfinished})"


def create(
    session: Session,
    dataset_id: int,
    name: str,
    *,
    image_count: int,
    model_version_id: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    job_id: UUID | None = None,
) -> int:
    """A new, empty run; its id."""
    row = PredictionRunRow(
        dataset_id=dataset_id,
        model_version_id=model_version_id,
        name=name,
        parameters=dict(parameters or {}),
        image_count=image_count,
        job_id=job_id,
    )
    session.add(row)
    session.flush()
    return row.id


def get(session: Session, run_id: int) -> PredictionRun:
    """The run of that id; NotFound otherwise."""
    row = session.get(PredictionRunRow, run_id)
    if row is None:
        raise NotFound(f"there is no prediction run {run_id}", remedy="list the runs with project.runs()")
    return _record(row)


def runs(session: Session, dataset_id: int) -> list[PredictionRun]:
    """The dataset's runs, newest first."""
    chosen = select(PredictionRunRow).where(PredictionRunRow.dataset_id == dataset_id)
    return [_record(row) for row in session.scalars(chosen.order_by(PredictionRunRow.id.desc()))]


def page(
    session: Session, project_id: int, *, dataset_id: int | None = None, after: int = 0, limit: int = 100
) -> list[PredictionRun]:
    """The project's runs (of one dataset), newest first: those before ``after``, or from the newest one on."""
    chosen = (
        select(PredictionRunRow)
        .join(DatasetRow, DatasetRow.id == PredictionRunRow.dataset_id)
        .where(DatasetRow.project_id == project_id)
    )
    if dataset_id is not None:
        chosen = chosen.where(PredictionRunRow.dataset_id == dataset_id)
    if after:
        chosen = chosen.where(PredictionRunRow.id < after)
    return [_record(row) for row in session.scalars(chosen.order_by(PredictionRunRow.id.desc()).limit(limit))]


def table(session: Session, project_id: int) -> pd.DataFrame:
    """The project's runs as a table, newest first."""
    import pandas as pd

    done = (
        select(func.count()).where(PredictionRow.run_id == PredictionRunRow.id).correlate(PredictionRunRow)
    ).scalar_subquery()
    rows = session.execute(
        select(
            PredictionRunRow.id,
            PredictionRunRow.name,
            DatasetRow.name.label("dataset"),
            ModelRow.name.label("model"),
            ModelVersionRow.number.label("version"),
            PredictionRunRow.image_count.label("images"),
            done.label("done"),
            PredictionRunRow.finished_at.is_not(None).label("finished"),
            PredictionRunRow.created_at.label("created"),
        )
        .join(DatasetRow, DatasetRow.id == PredictionRunRow.dataset_id)
        .outerjoin(ModelVersionRow, ModelVersionRow.id == PredictionRunRow.model_version_id)
        .outerjoin(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(DatasetRow.project_id == project_id)
        .order_by(PredictionRunRow.id.desc())
    )
    return pd.DataFrame([tuple(row) for row in rows], columns=list(rows.keys()))


def finish(session: Session, run_id: int, *, parameters: Mapping[str, Any] | None = None) -> None:
    """Mark a run as gone to its end; ``parameters`` are merged into its own."""
    row = session.get_one(PredictionRunRow, run_id)
    if parameters:
        row.parameters = {**row.parameters, **parameters}
    session.flush()
    session.execute(update(PredictionRunRow).where(PredictionRunRow.id == run_id).values(finished_at=func.now()))


def reopen(session: Session, run_id: int) -> None:
    """Mark a run as going on."""
    session.execute(update(PredictionRunRow).where(PredictionRunRow.id == run_id).values(finished_at=None))


def write(session: Session, run_id: int, images: Iterable[tuple[int, ImagePredictions]]) -> None:
    """Append the predictions of images that the run does not have yet, by COPY.

    Invalid (naming the image) if arrays disagree in length, or a number is not finite.
    """
    columns = ("run_id", "image_id", "count", "boxes", "scores", "class_ids", "rles", "corners")
    copy_in(session, PredictionRow.__tablename__, columns, (_packed(run_id, *one) for one in images))


def of_image(session: Session, run_id: int, image_id: int) -> ImagePredictions:
    """The predictions of one image; empty where the run has none for it."""
    row = session.get(PredictionRow, (run_id, image_id))
    if row is None:
        return ImagePredictions(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
    return ImagePredictions(
        np.frombuffer(row.boxes, "<f8").reshape(-1, 4),
        np.frombuffer(row.scores, "<f8"),
        np.frombuffer(row.class_ids, "<i8"),
        row.rles,
        None if row.corners is None else np.frombuffer(row.corners, "<f8").reshape(-1, 4, 2),
    )


def locked_images(session: Session, run_id: int, image_ids: Sequence[int]) -> set[int]:
    """Which of these images the run has already. The run is locked until the transaction ends, so that it stays true.

    NotFound if the run was deleted meanwhile.
    """
    chosen = select(PredictionRunRow.id).where(PredictionRunRow.id == run_id).with_for_update(key_share=True)
    if session.scalars(chosen).one_or_none() is None:
        raise NotFound(f"there is no prediction run {run_id} any more", remedy="start a new one")
    there = select(PredictionRow.image_id).where(
        PredictionRow.run_id == run_id, PredictionRow.image_id.in_(list(image_ids))
    )
    return set(session.scalars(there))


def covered(session: Session, run: PredictionRun, image_ids: Sequence[int]) -> list[int]:
    """Which of these images the run answers for, in their order; a result file answers for every one."""
    if run.model_version_id is None:
        return list(image_ids)
    there = select(PredictionRow.image_id).where(
        PredictionRow.run_id == run.id, PredictionRow.image_id.in_(list(image_ids))
    )
    known = set(session.scalars(there))
    return [one for one in image_ids if one in known]


def missing(session: Session, run_id: int, dataset_id: int, part: Slice) -> list[int]:
    """The ids of the slice's images that the run has no predictions for, ascending."""
    has = exists().where(PredictionRow.run_id == run_id, PredictionRow.image_id == ImageRow.id)
    chosen = select(ImageRow.id).where(*slices.of_images(session, dataset_id, part), ~has).order_by(ImageRow.id)
    return list(session.scalars(chosen))


def detections(session: Session, run_id: int, part: Slice = Slice()) -> Detections:
    """The run's predictions as columns, by image and within an image best first.

    ``part`` chooses images by tags, ids and text, and predictions by class; area ranges are the evaluation's affair
    (a prediction outside a range is ignored there, not absent). Masks and corners are there if any of them has some.
    """
    run = get(session, run_id)
    images: list[Ints] = []
    packed: list[tuple[bytes, bytes, bytes]] = []
    counts: list[Ints] = []
    for ids, count, *arrays in _blocks(session, _chosen(run, part)):
        images.append(np.repeat(np.array(ids, np.int64), count))
        counts.append(np.array(count, np.int64))
        packed.append((arrays[0], arrays[1], arrays[2]))
    image = np.concatenate(images) if images else np.empty(0, np.int64)
    box = np.frombuffer(b"".join(one[0] for one in packed), "<f8").astype(np.float64).reshape(-1, 4)
    score = np.frombuffer(b"".join(one[1] for one in packed), "<f8").astype(np.float64)
    class_id = np.frombuffer(b"".join(one[2] for one in packed), "<i8").astype(np.int64)
    masks = _masks(session, run, part, len(image))
    corners = _corners(session, run, part, box)
    if part.classes is not None:
        taxonomy = datasets.taxonomy(session, run.dataset_id)
        keep = np.isin(class_id, [taxonomy.named(name).id for name in sorted(part.classes)])
        image, class_id, box, score = image[keep], class_id[keep], box[keep], score[keep]
        masks = [one for one, kept in zip(masks, keep.tolist(), strict=True) if kept] if masks is not None else None
        corners = corners[keep] if corners is not None else None
    return Detections(image=image, class_id=class_id, box=box, score=score, masks=masks, corners=corners)


def _chosen(run: PredictionRun, part: Slice) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [PredictionRow.run_id == run.id]
    if slices.narrows_images(part):
        conditions.append(PredictionRow.image_id.in_(slices.image_ids(run.dataset_id, part)))
    return conditions


def _blocks(session: Session, conditions: list[ColumnElement[bool]]) -> Iterator[tuple[Any, ...]]:
    """Blocks of images, their arrays joined by the server: one value instead of thousands of rows."""
    row = PredictionRow
    after = 0
    while True:
        page = (
            select(row.image_id, row.count, row.boxes, row.scores, row.class_ids)
            .where(*conditions, row.image_id > after)
            .order_by(row.image_id)
            .limit(_IMAGES_AT_ONCE)
            .subquery()
        )
        joined = [
            func.string_agg(one, b"").aggregate_order_by(page.c.image_id)
            for one in (page.c.boxes, page.c.scores, page.c.class_ids)
        ]
        ids = func.array_agg(page.c.image_id).aggregate_order_by(page.c.image_id)
        count = func.array_agg(page.c.count).aggregate_order_by(page.c.image_id)
        block = session.execute(select(ids, count, *joined)).one()
        if block[0] is None:
            return
        yield tuple(block)
        after = block[0][-1]


def _masks(session: Session, run: PredictionRun, part: Slice, total: int) -> list[rle.Rle] | None:
    row = PredictionRow
    some = select(exists().where(*_chosen(run, part), row.rles.is_not(None)))
    if not session.scalars(some).one():
        return None
    chosen = (
        select(row.count, row.rles, ImageRow.height, ImageRow.width)
        .join(ImageRow, ImageRow.id == row.image_id)
        .where(*_chosen(run, part))
        .order_by(row.image_id)
    )
    out: list[rle.Rle] = []
    for count, strings, height, width in session.execute(chosen).yield_per(1000):
        if strings is None:
            nothing = rle.Rle((height, width), np.array([height * width], np.uint32))
            out += [nothing] * count
        else:
            out += [rle.from_string(one, (height, width)) for one in strings]
    if len(out) != total:
        raise AssertionError(f"run {run.id} has {len(out)} masks for {total} predictions")
    return out


def _corners(session: Session, run: PredictionRun, part: Slice, box: Floats) -> Floats | None:
    """(n, 4, 2) the corners of every prediction; of an image without any, those of its upright boxes."""
    row = PredictionRow
    some = select(exists().where(*_chosen(run, part), row.corners.is_not(None)))
    if not session.scalars(some).one():
        return None
    out = rotated.upright(box)
    place = 0
    chosen = select(row.count, row.corners).where(*_chosen(run, part)).order_by(row.image_id)
    for count, raw in session.execute(chosen).yield_per(1000):
        if raw is not None:
            out[place : place + count] = np.frombuffer(raw, "<f8").reshape(-1, 4, 2)
        place += count
    return out


def _packed(run_id: int, image_id: int, found: ImagePredictions) -> tuple[Any, ...]:
    n = len(found.score)
    rles = found.rles
    if found.box.shape != (n, 4) or found.class_id.shape != (n,) or (rles is not None and len(rles) != n):
        raise Invalid(
            f"the predictions of image {image_id} have {len(found.box)} boxes, {n} scores and "
            f"{len(found.class_id)} classes",
            remedy="give as many of each",
        )
    corners = found.corners
    if corners is not None and corners.shape != (n, 4, 2):
        raise Invalid(
            f"the predictions of image {image_id} have corners of shape {corners.shape} and {n} scores",
            remedy="give (n, 4, 2): four corners x, y for each",
        )
    if corners is not None and not np.isfinite(corners).all():
        raise Invalid(
            f"the predictions of image {image_id} hold a corner that is not finite",
            remedy="check the model: its weights may have diverged in training",
        )
    if not np.isfinite(found.box).all() or not np.isfinite(found.score).all():
        raise Invalid(
            f"the predictions of image {image_id} hold a number that is not finite",
            remedy="check the model: its weights may have diverged in training",
        )
    return (
        run_id,
        image_id,
        n,
        np.ascontiguousarray(found.box, "<f8").tobytes(),
        np.ascontiguousarray(found.score, "<f8").tobytes(),
        np.ascontiguousarray(found.class_id, "<i8").tobytes(),
        orjson.dumps(list(rles)).decode() if rles is not None else None,
        np.ascontiguousarray(corners, "<f8").tobytes() if corners is not None else None,
    )


def _record(row: PredictionRunRow) -> PredictionRun:
    return PredictionRun(
        id=row.id,
        dataset_id=row.dataset_id,
        model_version_id=row.model_version_id,
        name=row.name,
        parameters=row.parameters,
        image_count=row.image_count,
        job_id=row.job_id,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
