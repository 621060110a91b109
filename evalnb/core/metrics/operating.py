"""Where to cut the confidence: precision, recall, F1 and LRP at every confidence that a detection has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.metrics.outcome import kept, outcome, overlap_of, to_find
from evalnb.core.metrics.part import Part
from evalnb.core.near import Near
from evalnb.core.records import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """(n,) the operating points of a part: one for each class and each confidence that a detection of it has.

    Sorted by class, the highest confidence first. A point takes all detections at or above its confidence."""

    class_at: Ints
    """Places in ``class_id``."""
    confidence: Floats
    hits: Ints
    ghosts: Ints
    truths: Ints
    """How many there are to find in its class."""
    looseness: Floats
    """The sum of 1 − IoU over the hits."""
    class_id: Ints
    """(k,) the classes of the part."""
    truths_of: Ints
    """(k,)"""

    @property
    def precision(self) -> Floats:
        """The share of detections that are hits."""
        out: Floats = self.hits / (self.hits + self.ghosts)
        return out

    @property
    def recall(self) -> Floats:
        """The share of truths that are found; NaN where there is none."""
        return _ratio(self.hits, self.truths)

    @property
    def f1(self) -> Floats:
        """The harmonic mean of both."""
        out: Floats = 2 * self.hits / (self.hits + self.ghosts + self.truths)
        return out

    def best(self, value: Floats) -> Ints:
        """(k,) the point of each class that has the highest ``value`` (n,): of equals that of the highest confidence;
        -1 for a class without detections."""
        out = np.full(len(self.class_id), -1, np.int64)
        if len(value):
            heads = np.flatnonzero(np.diff(self.class_at, prepend=-1))
            top = np.repeat(np.maximum.reduceat(value, heads), np.diff(np.append(heads, len(value))))
            at = np.flatnonzero(value == top)
            first = np.diff(self.class_at[at], prepend=-1) != 0
            out[self.class_at[at[first]]] = at[first]
        return out


def operating_points(
    near: Near, part: Part | None = None, *, iou: float = 0.5, area: str = "all", together: bool = False
) -> Points:
    """Every operating point of each class, or of all classes ``together`` under one confidence (one class, id -1).

    Equal confidences are one point: nobody can cut between them. What is to be ignored makes no point.
    """
    part = part or Part()
    matches, places = near.matches, part.places(near.matches)
    found = outcome(near, iou=iou, area=area)
    place_of = np.full(len(matches.classes), -1)
    place_of[places] = 0 if together else np.arange(len(places))
    rows = np.flatnonzero(kept(near, part) & ~found.ignored & (place_of >= 0)[near.class_of])
    if together:
        # The order of equals is no matter: they are one point.
        rows = rows[np.argsort(-matches.score[rows])]
    class_at, score, hit = place_of[near.class_of[rows]], matches.score[rows], found.hit[rows]
    truths = place_of[matches.truth_class[to_find(near, part, area=area)]]
    class_id = np.array([-1]) if together else matches.classes[places]
    truths_of = np.bincount(truths[truths >= 0], minlength=len(class_id))

    last = np.ones(len(rows), bool)
    last[:-1] = (score[1:] != score[:-1]) | (class_at[1:] != class_at[:-1])
    end = np.flatnonzero(last)
    start = np.searchsorted(class_at, np.arange(len(class_id)))
    hits = np.concatenate(([0], np.cumsum(hit)))
    loose = np.concatenate(([0.0], np.cumsum(1 - overlap_of(near, found, rows[hit]))))
    of, before, until = class_at[end], hits[start], hits[end + 1]
    mine = until - before[of]
    return Points(
        class_at=of,
        confidence=score[end],
        hits=mine,
        ghosts=end + 1 - start[of] - mine,
        truths=truths_of[of],
        # Of a difference of running sums rounding may be left where nothing should be.
        looseness=np.clip(loose[until] - loose[before[of]], 0.0, mine),
        class_id=class_id,
        truths_of=truths_of,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lrp:
    """(k,) optimal localisation–recall–precision errors: 0 is best, 1 worst; NaN where there is nothing to find."""

    class_id: Ints
    olrp: Floats
    localization: Floats
    """The mean of 1 − IoU over the hits at the optimum; NaN without hits, as are the next and the confidence."""
    false_positives: Floats
    """The share of detections that are ghosts, there."""
    false_negatives: Floats
    """The share of truths that are not found, there."""
    confidence: Floats
    """Where the optimum is."""
    truths: Ints


def olrp(near: Near, part: Part | None = None, *, iou: float = 0.5, area: str = "all") -> Lrp:
    """The least LRP error over all confidences, and its parts (Oksuz et al., "One Metric to Measure them All", 2021).

    LRP = (Σ (1 − IoU) / (1 − τ) over hits + ghosts + misses) / (hits + ghosts + misses), with τ = ``iou``. Equal
    confidences are one point; the authors' code, which cuts between them, may find a lower error there.
    """
    points = operating_points(near, part, iou=iou, area=area)
    missed = points.truths - points.hits
    total = points.hits + points.ghosts + missed
    error = (points.looseness / max(1 - iou, 1e-10) + points.ghosts + missed) / total
    # No hit, no optimum: cutting everything away is as good.
    at = points.best(np.where(points.hits > 0, -error, -np.inf))
    value = np.where(points.truths_of > 0, 1.0, np.nan)
    misses = value.copy()
    loose, ghosts, confidence = (np.full(len(value), np.nan) for _ in range(3))
    some = np.flatnonzero(at >= 0)
    some = some[points.hits[at[some]] > 0]
    best = at[some]
    hits = points.hits[best]
    value[some], confidence[some] = error[best], points.confidence[best]
    loose[some], ghosts[some] = points.looseness[best] / hits, points.ghosts[best] / (points.ghosts[best] + hits)
    misses[some] = missed[best] / points.truths[best]
    return Lrp(
        class_id=points.class_id,
        olrp=value,
        localization=loose,
        false_positives=ghosts,
        false_negatives=misses,
        confidence=confidence,
        truths=points.truths_of,
    )


def _ratio(above: Ints, below: Ints) -> Floats:
    out: Floats = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return out
