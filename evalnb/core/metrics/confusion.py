"""Which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.matching import Matches, claim, overlaps, pairs_within
from evalnb.core.metrics.part import Part
from evalnb.core.records import Detections, Floats, Ints, Truths

BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts (k + 1, k + 1): rows are truths' classes, columns detections'; the last of each is the background."""

    class_id: Ints
    """(k,)"""
    counts: Ints
    iou: float
    confidence: float


def confusion(
    matches: Matches,
    truths: Truths,
    detections: Detections,
    part: Part | None = None,
    *,
    iou: float = 0.5,
    confidence: float = 0.25,
    sigmas: Floats | None = None,
) -> Confusion:
    """Match regardless of class, and count which class met which.

    In each image the detections at or above ``confidence`` choose, best first, the free truth of the highest overlap
    at or above ``iou``, whatever its class. A detection left over is a ghost (background row) unless it lies on a
    crowd; a truth left over is a miss (background column). The records are those the table was matched from.
    """
    part = part or Part()
    rows, start = part.detections(matches)
    places = part.places(matches)
    class_of = np.repeat(np.arange(len(places)), np.diff(start))
    score = matches.score[rows]
    sure = np.flatnonzero(score >= confidence)
    # By image, best first; lexsort is stable, and the table's own order breaks the ties.
    sure = sure[np.lexsort((-score[sure], matches.image[rows][sure]))]
    image, row, class_of = matches.image[rows][sure].astype(np.int64), matches.row[rows][sure], class_of[sure]
    kept = np.flatnonzero(part.truths(matches))
    ignored = (matches.truth_ignored[kept] & 1).astype(bool)
    at, to = pairs_within(image, matches.truth_image[kept].astype(np.int64))
    sigmas = matches.sigmas if sigmas is None else sigmas
    overlap = overlaps(
        truths, detections, row[at], kept[to], kind=matches.kind, sigmas=sigmas, at_least=min(iou, 1.0)
    )
    near = overlap >= iou
    claims = claim(
        detection=at[near],
        truth=to[near],
        overlap=overlap[near],
        group=image,
        truth_ignored=ignored.astype(np.uint64),
        crowd=truths.crowd[kept],
        thresholds=np.array([iou]),
        ranges=1,
        nameless=np.zeros(len(kept), bool),
    )
    background = len(places)
    place_of = np.full(len(matches.classes) + 1, -1)
    place_of[places] = np.arange(background)
    truth_class = place_of[matches.truth_class[kept]]
    counts = np.zeros((background + 1, background + 1), np.int64)
    counting = claims.ignored == 0
    met = counting & (claims.truth >= 0)
    np.add.at(counts, (truth_class[claims.truth[met]], class_of[met]), 1)
    np.add.at(counts, (background, class_of[counting & ~met]), 1)
    missed = ~ignored
    missed[claims.truth[met]] = False
    np.add.at(counts, (truth_class[missed], background), 1)
    return Confusion(class_id=matches.classes[places], counts=counts, iou=iou, confidence=confidence)
