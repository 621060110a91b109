"""Which detections count at all, in the order in which they choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.metrics.dialects.boxes import Boxes
from evalnb.core.metrics.dialects.rules import Crowds, Limit, Scores
from evalnb.core.records import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """(n,) detections by class, image and −score; those that are equal in all three in their source's order."""

    row: Ints
    """Rows of the boxes."""
    image: Ints
    class_of: Ints
    score: Floats
    """As this rule holds it: float32 numbers are float64 that float32 can hold."""
    by_image: Ints
    """The same detections by image and −score whatever the class: places in the columns above."""


def chosen(boxes: Boxes, *, limit: Limit, scores: Scores, crowds: Crowds) -> Chosen:
    """The detections within a limit, by one of the two kinds of score."""
    score = boxes.score if scores == "float64" else boxes.score.astype(np.float32).astype(np.float64)
    if limit == "100 per class":
        row = np.lexsort((-score, boxes.image, boxes.class_of))
        row = row[_rank(boxes.class_of[row] * (len(boxes.size) + 1) + boxes.image[row]) < 100]
    else:
        row = np.lexsort((-score, boxes.image))
        many = {"100 per image": 100, "300 per image": 300}.get(limit) or _at_least_300(boxes, crowds)
        row = row[_rank(boxes.image[row]) < many]
        # Stable: within an image and class the best stays first.
        row = row[np.lexsort((boxes.image[row], boxes.class_of[row]))]
    # Equal scores of two classes of one image stand in the source's order, which is the rows' own.
    by_image = np.lexsort((row, -score[row], boxes.image[row]))
    return Chosen(row=row, image=boxes.image[row], class_of=boxes.class_of[row], score=score[row], by_image=by_image)


def _at_least_300(boxes: Boxes, crowds: Crowds) -> int:
    """300, or as many as the fullest image has truths: a limit below that would make them unreachable."""
    images = boxes.truth_image if crowds != "dropped" else boxes.truth_image[~boxes.crowd]
    return max(300, int(np.bincount(images).max(initial=0)))


def _rank(group: Ints) -> Ints:
    """(n,) 0, 1, 2 … within each run of equal values."""
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(heads, np.diff(np.append(heads, len(group))))
