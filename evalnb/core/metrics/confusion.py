"""Which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.metrics.part import Part
from evalnb.core.near import ABSENT, COUNTS, Near
from evalnb.core.records import Ints

BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts (k + 1, k + 1): rows are truths' classes, columns detections'; the last of each is the background."""

    class_id: Ints
    """(k,)"""
    counts: Ints
    iou: float
    confidence: float


def confusion(near: Near, part: Part | None = None, *, iou: float = 0.5, confidence: float = 0.25) -> Confusion:
    """Match regardless of class, and count which class met which.

    In each image the detections at or above ``confidence`` choose, best first, the free truth of the highest overlap
    at or above ``iou``, whatever its class. A detection left over is a ghost (background row) unless it lies on a
    crowd; a truth left over is a miss (background column). Invalid below the least overlap that is kept.
    """
    part = part or Part()
    matches, pairs = near.matches, near.pairs
    places = part.places(matches)
    background = len(places)
    place_of = np.full(len(matches.classes), -1)
    place_of[places] = np.arange(background)
    confidence = max(confidence, part.confidence)

    sure = matches.score >= confidence
    order = near.in_score_order
    order = order[: np.searchsorted(-matches.score[order], -confidence, side="right")]
    state = near.state((matches.truth_ignored & 1).astype(bool))
    if part.images is not None:
        sure &= part.images[matches.image]
    if part.classes is not None:
        sure &= place_of[near.class_of] >= 0
    if part.images is not None or part.classes is not None:
        order = order[sure[order]]
        state[~part.truths(matches)] = ABSENT
    # A threshold of 1 asks for a perfect overlap; COCO's own claims are a shade more lenient there.
    taken = near.take(order, state, least=iou, of_class=False)[order]

    took = taken >= 0
    truth = pairs.truth[taken[took]]
    met = state[truth] == COUNTS
    truth_class = place_of[matches.truth_class]
    detected = place_of[near.class_of[order[took]]]
    wide = background + 1
    counts = np.bincount(truth_class[truth[met]] * wide + detected[met], minlength=wide * wide).reshape(wide, wide)
    counts[background, :background] = np.bincount(near.class_of[sure], minlength=len(matches.classes))[
        places
    ] - np.bincount(detected, minlength=background)
    missed = state == COUNTS
    missed[truth] = False
    counts[:background, background] = np.bincount(truth_class[missed], minlength=background)
    return Confusion(class_id=matches.classes[places], counts=counts, iou=iou, confidence=confidence)
