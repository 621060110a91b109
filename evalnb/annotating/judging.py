"""An evaluation in sight: what became of a run's predictions on the images of a canvas, of the truth as it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from evalnb.core.images import ImageRecord
from evalnb.core.metrics.verdicts import Verdicts, judge
from evalnb.core.records import Detections, Truths
from evalnb.core.slices import Slice
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets, images, predictions

FEWEST, MOST = 32, 1024
"""How many images are judged at once on the way to a mistake: few at first, for it is seldom far."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Verdicts with the records whose rows they speak of."""

    verdicts: Verdicts
    truths: Truths
    detections: Detections
    kind: Literal["bbox", "segm"]
    """Masks are compared where the run has masks."""
    covered: bool
    """Whether the run answers for any of the images."""


def judged(session: Session, dataset_id: int, run_id: int, image_ids: Sequence[int], iou: float) -> Judged:
    """Judge a run's predictions on these images. NotFound without such a run, Invalid for an IoU out of range."""
    run = predictions.get(session, run_id)
    covered = predictions.covered(session, run, image_ids)
    part = Slice().where(images=covered)
    detections = predictions.detections(session, run_id, part)
    kind: Literal["bbox", "segm"] = "bbox" if detections.masks is None else "segm"
    # As an evaluation does: COCO's overwrites the annotations' own ``ignore``.
    truths = replace(annotation_rows.truths(session, dataset_id, part, masks=kind == "segm"), ignore=None)
    verdicts = judge(
        truths,
        detections,
        kind=kind,
        images=np.array(covered, dtype=np.int64),
        classes=np.array(sorted(datasets.taxonomy(session, dataset_id).by_id), dtype=np.int64),
        iou=iou,
    )
    return Judged(verdicts, truths, detections, kind, bool(covered))


def nearest_mistake(
    session: Session,
    dataset_id: int,
    part: Slice,
    run_id: int,
    *,
    place: int,
    forward: bool,
    iou: float,
    confidence: float,
    stale: Callable[[], bool],
) -> tuple[ImageRecord | None, int, int]:
    """The image nearest to ``place`` of the slice, beyond it, on which the run makes a mistake; its place; how many
    were judged. None where there is none, or where it became ``stale`` to ask."""
    looked, many = 0, FEWEST
    while not stale():
        first = place + 1 if forward else max(place - many, 0)
        count = many if forward else place - first
        some = images.by_place(session, dataset_id, part, first, count) if count > 0 else []
        if not some:
            break
        found = judged(session, dataset_id, run_id, [one.id for one in some], iou)
        wrong = set(found.verdicts.mistakes(found.detections, found.truths, confidence).tolist())
        looked += len(some)
        for at, one in enumerate(some) if forward else reversed(list(enumerate(some))):
            if one.id in wrong:
                return one, first + at, looked
        place = first + len(some) - 1 if forward else first
        many = min(2 * many, MOST)
    return None, -1, looked
