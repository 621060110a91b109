"""The truths and detections of a part, before any rule has touched them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Matches
from evalnb.core.metrics.part import Part
from evalnb.core.records import Detections, Floats, Ints, Truths


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Columns of t truths and d detections in the order of their source, of images and classes that are evaluated.

    The match table does not do here: it has left out the detections that COCO's limit leaves out.
    """

    truth_image: Ints
    """(t,) places in the table's images."""
    truth_class: Ints
    """(t,) places in the table's classes."""
    truth_box: Floats
    """(t, 4) x, y, w, h."""
    truth_area: Floats
    """(t,) px², as the source states it."""
    crowd: NDArray[np.bool_]
    """(t,)"""
    ignore: NDArray[np.bool_]
    """(t,) the source's own ``ignore`` flag."""
    nameless: NDArray[np.bool_]
    """(t,) it has annotation id 0."""
    image: Ints
    """(d,)"""
    class_of: Ints
    """(d,)"""
    box: Floats
    """(d, 4)"""
    score: Floats
    """(d,)"""
    size: Ints
    """(i, 2) height and width of every image, 0 where nobody said."""
    images: int
    """How many images are evaluated: those without boxes among them."""
    classes: int


def boxes_of(matches: Matches, truths: Truths, detections: Detections, part: Part, *, size: Ints) -> Boxes:
    """The boxes of a part of a match table. The records are those that the table was matched from."""
    kept_image = np.ones(len(matches.images), bool) if part.images is None else part.images
    kept_class = np.zeros(len(matches.classes), bool)
    kept_class[part.places(matches)] = True

    def rows(image: Ints, class_id: Ints) -> tuple[Ints, Ints, Ints]:
        at, of = _place(matches.images, image), _place(matches.classes, class_id)
        some = np.flatnonzero((at >= 0) & (of >= 0))
        some = some[kept_image[at[some]] & kept_class[of[some]]]
        return some, at[some], of[some]

    some, truth_image, truth_class = rows(truths.image, truths.class_id)
    sure, image, class_of = rows(detections.image, detections.class_id)
    above = detections.score[sure] >= part.confidence
    return Boxes(
        truth_image=truth_image,
        truth_class=truth_class,
        truth_box=truths.box[some],
        truth_area=truths.area[some],
        crowd=truths.crowd[some],
        ignore=np.zeros(len(some), bool) if truths.ignore is None else truths.ignore[some],
        nameless=truths.id[some] == 0,
        image=image[above],
        class_of=class_of[above],
        box=detections.box[sure[above]],
        score=detections.score[sure[above]],
        size=size,
        images=int(kept_image.sum()),
        classes=len(matches.classes),
    )


def _place(ids: Ints, wanted: Ints) -> Ints:
    """(n,) the place of each wanted id among distinct ids, -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1)
    order = np.argsort(ids)
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1)
