"""Precision and recall under rules of one's own: any IoU thresholds, area ranges, detection limits and recalls.

The native match holds four ranges of ten thresholds, and the native count 101 recalls, the first of them 0. Rules
that ask for more are taken in several rounds of that size, the last one filled up with what it has already; what was
filled up is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.kinds import MAX_DETECTIONS, Kind
from evalnb.core.matching import AREA_NAMES, THRESHOLDS, Matches
from evalnb.core.metrics.tally import EVERY_RANK, RECALLS, Tally, count, table_of
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.core.slices import AREAS
from evalnb.core.solving import Known, lay_out
from evalnb.errors import Invalid

_RANKS = 255
"""A table tells ranks below this apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What counts. Nothing needs an order but the limits, which ascend."""

    thresholds: Floats
    """(t,) IoU, or keypoint similarity."""
    recalls: Floats
    """(r,) where precision is read."""
    ranges: Floats
    """(a, 2) px², both ends inclusive."""
    limits: tuple[int, ...]
    """How many detections of one image and class count, at the most."""

    @classmethod
    def of(cls, kind: Kind) -> Rules:
        """COCO's own, with all four area ranges."""
        return cls(THRESHOLDS, RECALLS, np.array(list(AREAS.values())), MAX_DETECTIONS[kind])


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A match table for some of the rules: which thresholds, ranges and limits (places in the rules) it answers."""

    matches: Matches
    thresholds: Ints
    ranges: Ints
    limits: Ints
    cut: int
    """How many detections of one image and class were matched."""


def match_by(
    rules: Rules,
    truths: Truths,
    detections: Detections,
    *,
    kind: Kind,
    images: Ints,
    classes: Ints,
    ignore: NDArray[np.bool_],
    detection_area: Floats | None = None,
    sigmas: Floats | None = None,
    known: Known | None = None,
) -> list[Round]:
    """Match under these rules, in as many rounds as they need.

    ``ignore`` (t,) says which truths count in no range, crowds among them; the rest is as for ``match``.
    """
    if not len(rules.thresholds) or not len(rules.ranges) or not rules.limits:
        raise Invalid("the rules name no IoU, no area range or no limit", remedy="give at least one of each")
    if rules.limits[0] < 1:
        raise Invalid(f"a limit of {rules.limits[0]} detections leaves none", remedy="use 1 or more")
    order = np.argsort(rules.thresholds, kind="stable")
    shared = [place for place, one in enumerate(rules.limits) if one <= _RANKS or one == rules.limits[-1]]
    alone = [place for place in range(len(rules.limits)) if place not in shared]
    layout = lay_out(
        truths,
        detections,
        kind=kind,
        images=images,
        classes=classes,
        detection_area=detection_area,
        sigmas=sigmas,
        least=float(rules.thresholds.min()),
        known=known,
    )
    rounds = []
    for limits in [shared, *([one] for one in alone)]:
        for some in _by(len(AREA_NAMES), np.arange(len(rules.ranges))):
            for few in _by(len(THRESHOLDS), order):
                cut = rules.limits[limits[-1]]
                ranges = _filled(rules.ranges[some], len(AREA_NAMES))
                thresholds = _filled(rules.thresholds[few], len(THRESHOLDS))
                columns = layout.solve(ignore=ignore, thresholds=thresholds, ranges=ranges, limit=cut)
                rounds.append(Round(Matches(kind=kind, **columns), few, some, np.array(limits), cut))
    return rounds


def accumulate_by(
    rounds: list[Round], rules: Rules, *, images: NDArray[np.bool_] | None = None, classes: Ints | None = None
) -> tuple[Floats, Floats, Floats]:
    """COCO's arrays under these rules: precision (t, r, k, a, m), recall (t, k, a, m) and scores (t, r, k, a, m).

    ``images`` (i,) and ``classes``, places in the tables' own, narrow what counts.
    """
    every = np.arange(len(rounds[0].matches.classes)) if classes is None else classes
    places = native.as_array(every, np.int32)
    t, r, k = len(rules.thresholds), len(rules.recalls), len(places)
    a, m = len(rules.ranges), len(rules.limits)
    precision, scores = np.full((t, r, k, a, m), -1.0), np.full((t, r, k, a, m), -1.0)
    recall = np.full((t, k, a, m), -1.0)
    weights = None if images is None else images.astype(np.int32)
    order = np.argsort(rules.recalls, kind="stable")
    for one in rounds:
        for limit in one.limits.tolist():
            at_most = EVERY_RANK if rules.limits[limit] >= one.cut else rules.limits[limit]
            for some in _by(len(RECALLS) - 1, order) or [order]:
                found = _counted(one.matches, weights, places, rules.recalls[some], at_most)
                few, wide = len(one.thresholds), len(one.ranges)
                column = np.where(rules.recalls[some] <= 0, 0, np.arange(len(some)) + 1)
                to = np.ix_(one.thresholds, np.arange(k), one.ranges, [limit])
                recall[to] = found.recall[:, :wide, :few].transpose(2, 0, 1)[..., None]
                to = np.ix_(one.thresholds, some, np.arange(k), one.ranges, [limit])
                for whole, part in ((precision, found.curve), (scores, found.curve_score)):
                    whole[to] = part[:, :wide, :few, column].transpose(2, 3, 0, 1)[..., None]
    return precision, recall, scores


def _by(size: int, places: Ints) -> list[Ints]:
    return [places[begin : begin + size] for begin in range(0, len(places), size)]


def _filled(values: Floats, size: int) -> Floats:
    return np.concatenate([values, np.repeat(values[-1:], size - len(values), axis=0)])


def _counted(
    matches: Matches, weights: NDArray[np.int32] | None, places: NDArray[np.int32], recalls: Floats, limit: int
) -> Tally:
    """Counted at recall 0, which the native count takes for granted in front, and then at these."""
    table = table_of(matches)
    filled = _filled(np.concatenate([[0.0], recalls]), len(RECALLS))
    asked = native.as_array(filled, np.float64)
    other = type(table).from_buffer_copy(table)
    other.recalls = asked.ctypes.data
    return count(other, matches, weights, places, curves=True, limit=limit)
