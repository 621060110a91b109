"""Which rows of a match table count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Matches
from evalnb.core.records import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Which rows of a match table count. None means all."""

    images: NDArray[np.bool_] | None = None
    """(i,) over ``Matches.images``."""
    classes: Ints | None = None
    """Places in ``Matches.classes``, ascending."""
    confidence: float = -np.inf
    """Detections below this are as if they had never been made: greedy matching leaves the others as they are."""
    weights: NDArray[np.int32] | None = None
    """(i,) how often each image counts, as if it stood in the dataset that often; 0 leaves it out."""

    def places(self, matches: Matches) -> Ints:
        """The places of the classes that count."""
        return np.arange(len(matches.classes)) if self.classes is None else self.classes

    def detections(self, matches: Matches) -> tuple[Ints | slice, Ints]:
        """The rows that count, in order, and (k + 1,) where each class of this part begins among them."""
        places = self.places(matches)
        whole = self.images is None and self.classes is None and self.weights is None
        if whole and self.confidence == -np.inf:
            return slice(None), matches.start
        keep = np.ones(len(matches), bool) if self.images is None else self.images[matches.image]
        if self.confidence > -np.inf:
            keep &= matches.score >= self.confidence
        if self.classes is not None:
            wanted = np.zeros(len(matches.classes), bool)
            wanted[places] = True
            keep &= np.repeat(wanted, np.diff(matches.start))
        rows = np.flatnonzero(keep)
        if self.weights is not None:
            rows = _repeated(matches, rows, self.weights)
        return rows, np.append(np.searchsorted(rows, matches.start[places]), len(rows))

    def truths(self, matches: Matches) -> NDArray[np.bool_]:
        """(t,) the truths of these images and classes."""
        keep = matches.truth_image >= 0
        if self.images is not None:
            keep &= self.images[matches.truth_image]
        if self.classes is not None:
            wanted = np.zeros(len(matches.classes), bool)
            wanted[self.classes] = True
            keep &= wanted[matches.truth_class]
        return keep

    def truth_counts(self, matches: Matches, area: int) -> Ints:
        """(k,) how many truths of each class of this part count in an area range."""
        keep = np.flatnonzero(self.truths(matches) & ((matches.truth_ignored >> area) & 1 == 0))
        if self.weights is not None:
            keep = np.repeat(keep, self.weights[matches.truth_image[keep]])
        return np.bincount(matches.truth_class[keep], minlength=len(matches.classes))[self.places(matches)]


def _repeated(matches: Matches, rows: Ints, weights: NDArray[np.int32]) -> Ints:
    """Each row as often as its image counts, in the order that real copies of the image would have."""
    image, score = matches.image[rows], matches.score[rows]
    fresh = np.diff(image, prepend=-1) != 0
    of = np.searchsorted(matches.start, rows, side="right")
    fresh[1:] |= (score[1:] != score[:-1]) | (of[1:] != of[:-1])
    # Equal scores of one image stand together: a copy of the image brings all of them before the next copy does.
    tie = np.cumsum(fresh)
    times = weights[image]
    out, tie = np.repeat(rows, times), np.repeat(tie, times)
    copy = np.arange(len(out)) - np.repeat(np.cumsum(times) - times, times)
    return out[np.lexsort((copy, tie))]
