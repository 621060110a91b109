"""What became of each prediction and of each truth of some images, at one IoU: what a canvas colours.

It is the evaluation's own matching (``core.matching``), asked of the truth as it stands. Predictions choose the best
first, so that what becomes of one does not hang on those below it: whoever raises the least confidence only has to
drop predictions, and to call a truth missed whose finder was dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import Kind
from evalnb.core.matching import match
from evalnb.core.metrics import errors
from evalnb.core.near import Bytes, Near
from evalnb.core.overlaps import AT_LEAST, nearby
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid

UNCOUNTED, TRUE_POSITIVE, FALSE_POSITIVE, IGNORED = (np.uint8(i) for i in range(4))
"""What a prediction is. Uncounted: beyond the limit of predictions of one image and class."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Rows are those of the records that were judged."""

    outcome: Bytes
    """(d,) ``UNCOUNTED``, ``TRUE_POSITIVE``, ``FALSE_POSITIVE`` or ``IGNORED``."""
    error: Bytes
    """(d,) why it is a false positive: a place in ``errors.KINDS``; 255 for everything else."""
    truth: NDArray[np.int32]
    """(d,) the truth that it found, or on which its error lies; -1 for none."""
    overlap: NDArray[np.float32]
    """(d,) how well it lies there; 0 for none."""
    finder: NDArray[np.int32]
    """(t,) the prediction that found it; -1 for none."""
    counts: NDArray[np.bool_]
    """(t,) whether it is there to be found at all: no crowd."""

    def mistakes(self, detections: Detections, truths: Truths, confidence: float) -> Ints:
        """(n,) ids of the images that have a false positive or a missed truth at this confidence, ascending."""
        ghosts = (self.outcome == FALSE_POSITIVE) & (detections.score >= confidence)
        sure = np.append(detections.score, -np.inf)[self.finder]
        missed = self.counts & (sure < confidence)
        return np.union1d(detections.image[ghosts], truths.image[missed]).astype(np.int64)


def judge(
    truths: Truths, detections: Detections, *, kind: Kind, images: Ints, classes: Ints, iou: float = 0.5
) -> Verdicts:
    """Judge the predictions of these images and classes. Invalid for an IoU that is not above 0.1 and at most 1."""
    if not AT_LEAST < iou <= 1:
        raise Invalid(f"an IoU of {iou:g} tells no hit from a miss", remedy=f"use one above {AT_LEAST:g}, up to 1")
    matches = match(truths, detections, kind=kind, images=images, classes=classes)
    near = Near.of(matches, truths, nearby(matches, truths, detections))
    kinds = errors.kinds(near, iou=iou)
    found, row = kinds.found, matches.row
    outcome = np.full(len(detections), UNCOUNTED)
    outcome[row] = np.where(found.hit, TRUE_POSITIVE, np.where(found.ignored, IGNORED, FALSE_POSITIVE))
    error = np.full(len(detections), errors.NO_ERROR)
    error[row] = kinds.kind
    pair = np.where(found.pair >= 0, found.pair, kinds.pair)
    some = np.flatnonzero(pair >= 0)
    truth = np.full(len(detections), -1, np.int32)
    overlap: Floats = np.zeros(len(detections))
    truth[row[some]] = near.pairs.truth[pair[some]]
    overlap[row[some]] = near.pairs.overlap[pair[some]]
    finder = np.full(len(truths), -1, np.int32)
    hits = np.flatnonzero(outcome == TRUE_POSITIVE)
    finder[truth[hits]] = hits
    counts = (matches.truth_image >= 0) & (matches.truth_ignored & 1 == 0)
    return Verdicts(outcome, error, truth, overlap.astype(np.float32), finder, counts)
