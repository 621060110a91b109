"""Boxes to masks: a segmenter draws what is in each box of a slice, as edits that history knows and can take back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from evalnb import edits
from evalnb.core import masks
from evalnb.core.images import ImageRecord
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.records import Annotation, Floats, Geometry
from evalnb.core.segmented import Segmented
from evalnb.core.shapes import area_of
from evalnb.core.slices import AREAS, Slice
from evalnb.core.taxonomy import Taxonomy
from evalnb.errors import Cancelled, EvalnbError, Invalid
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import annotations as rows
from evalnb.store.repositories import datasets, images
from evalnb.store.repositories import edits as log
from evalnb.wire.shapes import Op, Patch, geometry_of

SCORE_MIN = 0.5
_MOST_PROBLEMS = 100


class BoxSegmenter(Protocol):
    """Draws what is in boxes."""

    def segment(self, image: NDArray[np.uint8], *, boxes: Floats) -> Segmented:
        """A mask for each of the boxes (n, 4) x0, y0, x1, y1."""


@dataclass(frozen=True, slots=True)
class Outlined:
    """What became of a slice's boxes."""

    images: int
    """How many were looked at."""
    changed: int
    """Boxes that are masks now."""
    kept: int
    """Boxes that stayed: nothing was found in them, or the model was not sure enough."""
    problems: list[str] = field(default_factory=list)
    """Images that could not be read, by name, with the reason."""

    def to_json(self) -> dict[str, Any]:
        """As a job's result."""
        return asdict(self)


def boxes_to_masks(
    store: Store,
    dataset_id: int,
    segmenter: BoxSegmenter,
    *,
    author: str,
    once: UUID,
    part: Slice = Slice(),
    score_min: float = SCORE_MIN,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outlined:
    """Turn each box of the slice into the mask that the segmenter draws in it; class, attributes and history stay.

    A box is kept where no pixel is found or the predicted IoU is below ``score_min``, and where somebody changed it
    meanwhile; crowds and tracks that are out of sight are left alone. Each image is a transaction of its own. What
    was done under the same ``once`` is not done again, even where a person has taken it back since: an interrupted
    call is repeated with its own.

    NotFound without the dataset, Invalid if no image of the slice can be read, Cancelled (what was done stays).
    """
    if not 0 <= score_min <= 1:
        raise Invalid(f"score_min is {score_min:g}", remedy="give a predicted IoU from 0 to 1, such as 0.5")
    progress = progress or NullProgress()
    with store.database.transaction() as session:
        taxonomy = datasets.taxonomy(session, dataset_id)
        wanted = images.ids(session, dataset_id, part).tolist()
    counts, problems, read = np.zeros(2, dtype=np.int64), [], 0
    progress.start(len(wanted), unit="images", what="drawing masks")
    try:
        for image_id in wanted:
            if cancelled():
                raise Cancelled("drawing masks was cancelled", remedy="what was drawn is saved; ask again to go on")
            with store.database.transaction() as session:
                image = images.find(session, image_id)
                shapes = rows.of_image(session, image_id)
                done = log.by_op(session, {uuid5(once, one.id.hex) for one in shapes})
            boxes = [one for one in _meant(shapes, part, taxonomy) if uuid5(once, one.id.hex) not in done]
            counts += len(done), 0
            try:
                if image is not None and boxes:
                    counts += _draw(store, image, boxes, segmenter, author, once, score_min)
                read += 1
            except EvalnbError as error:
                problems.append(f"{image.file_name if image else image_id}: {error}")
            progress.advance()
    finally:
        progress.close()
    if problems and not read:
        raise Invalid(
            f"no image of the slice can be read: {problems[0]}", remedy="mend the files, or widen the slice"
        )
    return Outlined(len(wanted), int(counts[0]), int(counts[1]), problems[:_MOST_PROBLEMS])


def _meant(shapes: Iterable[Annotation], part: Slice, taxonomy: Taxonomy) -> list[Annotation]:
    """The boxes that the slice names and that stand for one object each."""
    ranges = None if part.areas is None else [AREAS[name] for name in part.areas]
    return [
        one
        for one in shapes
        if one.geometry.kind == "box"
        and not one.crowd
        and not one.track.outside
        and (part.classes is None or taxonomy.by_id[one.class_id].name in part.classes)
        and (ranges is None or any(low <= _area(one) <= high for low, high in ranges))
    ]


def _area(shape: Annotation) -> float:
    return shape.area if shape.area is not None else area_of(shape.geometry)


def _draw(
    store: Store,
    image: ImageRecord,
    boxes: Sequence[Annotation],
    segmenter: BoxSegmenter,
    author: str,
    once: UUID,
    score_min: float,
) -> tuple[int, int]:
    """How many boxes of the image became masks, and how many stay."""
    shown = pixels.decode(store, image)
    height, width = shown.shape[:2]
    corners = np.array([one.geometry.box for one in boxes], dtype=np.float64)
    corners[:, 2:] += corners[:, :2]
    corners = np.clip(corners, 0, [width, height, width, height])
    inside = np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(axis=1))
    if not len(inside):
        return 0, len(boxes)
    found = segmenter.segment(shown, boxes=corners[inside])
    drawn = {
        boxes[place].id: (boxes[place], mask)
        for place, (mask, score) in zip(inside.tolist(), found, strict=True)
        if mask.area_px and score >= score_min
    }
    if not drawn:
        return 0, len(boxes)
    with store.database.transaction() as session:
        now = {one.id: one.revision for one in rows.of_image(session, image.id)}
        ops = [
            Op(
                client_op_id=uuid5(once, id.hex),
                shape_id=id,
                action="update",
                base_rev=box.revision,
                patch=Patch(geometry=geometry_of(Geometry("mask", masks.box(mask), mask=mask))),
            )
            for id, (box, mask) in drawn.items()
            if now.get(id) == box.revision
        ]
        results = edits.apply(session, image.id, ops, author=author).results
    changed = sum(one.status in ("applied", "duplicate") for one in results)
    return changed, len(boxes) - changed
