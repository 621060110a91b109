"""Who takes which truth: greedy claiming under the rules for crowds, thresholds and equal overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from evalnb.core.claiming import claim, pairs_within
from evalnb.core.matching import THRESHOLDS
from evalnb.core.metrics.dialects.boxes import Boxes
from evalnb.core.metrics.dialects.chosen import Chosen
from evalnb.core.metrics.dialects.overlap import overlap
from evalnb.core.metrics.dialects.rules import Overlap, Rules, Thresholds
from evalnb.core.records import Floats, Ints
from evalnb.core.slices import AREAS

_Kind = TypeVar("_Kind", bound=np.generic)
_HUNDREDTHS = np.arange(50, 100, 5) / 100


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """(p,) chosen detections and truths of one image and class that overlap by half or more."""

    at: Ints
    """Places among the chosen."""
    to: Ints
    """Rows of the truths."""
    overlap: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of the chosen detections at each of ten thresholds."""

    hit: NDArray[np.bool_]
    """(n, 10) it took a truth that counts."""
    counts: NDArray[np.bool_]
    """(n, 10) it is a hit or false; otherwise it lies on a truth that does not count, or has no size that does."""
    truths: Ints
    """(k,) how many truths of each class count."""


def pairs(boxes: Boxes, chosen: Chosen, *, rule: Overlap) -> Pairs:
    """All pairs that any threshold could join. The overlap of a crowd is that over the detection's own area."""
    images = len(boxes.size) + 1
    at, to = pairs_within(chosen.class_of * images + chosen.image, boxes.truth_class * images + boxes.truth_image)
    value = overlap(
        boxes.box[chosen.row],
        boxes.truth_box,
        at,
        to,
        boxes.crowd,
        rule=rule,
        side=boxes.size[chosen.image],
    )
    near = np.flatnonzero(value >= THRESHOLDS[0])
    return Pairs(at=at[near], to=to[near], overlap=value[near])


def claims(boxes: Boxes, chosen: Chosen, found: Pairs, rules: Rules) -> Outcome:
    """Best first, each detection takes the free truth of the highest overlap, one that counts before one that does
    not; a crowd is never used up (``cocoeval.py``, ``evaluateImg``)."""
    least, most = AREAS["all"]
    area = boxes.box[chosen.row, 2] * boxes.box[chosen.row, 3]
    ignored, outside = boxes.crowd | boxes.ignore, np.zeros(len(area), bool)
    if rules.sizes == "up to 1e10":
        ignored = ignored | (boxes.truth_area < least) | (boxes.truth_area > most)
        outside = (area < least) | (area > most)
    at, to, value = found.at, found.to, found.overlap
    if rules.crowds == "dropped":
        there = ~boxes.crowd[to]
        at, to, value = at[there], to[there], value[there]
    elif rules.crowds == "ignored above":
        # Above a threshold is at or above it for the next smaller number.
        value = np.where(boxes.crowd[to], np.nextafter(value, 0), value)
    if rules.choice == "best only":
        best = np.lexsort((-to, -value, at))
        best = best[np.flatnonzero(np.diff(at[best], prepend=-1))]
        at, to, value = at[best], to[best], value[best]
    backward = rules.choice == "earlier"
    taken = claim(
        detection=at,
        # Of equal overlaps the later row is taken; numbered backwards, that is the earlier one.
        truth=len(ignored) - 1 - to if backward else to,
        overlap=value,
        group=chosen.class_of * (len(boxes.size) + 1) + chosen.image,
        truth_ignored=_backward(ignored.astype(np.uint64) * np.uint64(2**10 - 1), backward),
        crowd=_backward(boxes.crowd, backward),
        thresholds=thresholds(rules.thresholds),
        ranges=1,
        nameless=_backward(boxes.nameless & (rules.nameless == "never matched"), backward),
    )
    bits = np.arange(10, dtype=np.uint64)
    matched = (taken.matched[:, None] >> bits & np.uint64(1)).astype(bool)
    aside = (taken.ignored[:, None] >> bits & np.uint64(1)).astype(bool) | (outside[:, None] & ~matched)
    return Outcome(
        hit=matched & ~aside,
        counts=~aside,
        truths=np.bincount(boxes.truth_class[~ignored], minlength=boxes.classes),
    )


def thresholds(rule: Thresholds) -> Floats:
    """(10,) the IoU thresholds, as float64 whatever they were made in: 0.7 in float32 is less than 0.7."""
    if rule == "float32":
        return THRESHOLDS.astype(np.float32).astype(np.float64)
    return _HUNDREDTHS if rule == "hundredths" else THRESHOLDS


def _backward(column: NDArray[_Kind], really: bool) -> NDArray[_Kind]:
    return column[::-1] if really else column
