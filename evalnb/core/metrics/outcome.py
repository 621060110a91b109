"""What became of each detection at one threshold: the common ground of every explanation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from evalnb.core.matching import AREA_NAMES
from evalnb.core.metrics.part import Part
from evalnb.core.near import COUNTS, Flags, Near
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid

_KEPT = 8
"""How many answers stay with the pairs: 5 MB each for 400,000 detections."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """(d,) what each detection of the table is at one IoU, of truths and detections of one area range."""

    hit: Flags
    """It found a truth that counts: a true positive."""
    ignored: Flags
    """It counts for nothing."""
    pair: Ints
    """The pair it took, -1 for none."""
    used: Flags
    """(t,) truths that count and are taken."""

    @property
    def counts(self) -> Flags:
        """True and false positives."""
        return ~self.ignored


def outcome(near: Near, *, iou: float = 0.5, area: str = "all") -> Outcome:
    """COCO's matching at any IoU that overlaps are kept for; at COCO's own thresholds it is the match table's.

    Invalid below the least overlap that is kept.
    """

    def make() -> Outcome:
        matches, at = near.matches, AREA_NAMES.index(area)
        ignored = (matches.truth_ignored >> at & 1).astype(bool)
        return outcome_of(near, iou=iou, ignored=ignored, outside=(matches.flags >> at & 1).astype(bool))

    return remembered(near, ("outcome", iou, area), make)


def remembered(near: Near, key: tuple[object, ...], make: Callable[[], _T]) -> _T:
    """What ``make`` gives, made once: the last few stay with the pairs, so that a slider that cuts confidences or
    images does not ask for them again."""
    cache: dict[tuple[object, ...], Any] = near.__dict__.setdefault("_remembered", {})
    known: _T | None = cache.get(key)
    if known is None:
        known = make()
        # Threads may ask at the same time: what one takes out, another may have taken already.
        for old in list(cache)[: max(0, len(cache) + 1 - _KEPT)]:
            cache.pop(old, None)
        cache[key] = known
    return known


def outcome_of(near: Near, *, iou: float, ignored: Flags, outside: Flags) -> Outcome:
    """The same where truths ``ignored`` (t,) do not count, nor detections ``outside`` (d,) that find nothing."""
    state = near.state(ignored)
    least = min(iou, 1 - 1e-10)
    pair = near.take(near.in_class_order, state, least=least, of_class=True)
    took = np.flatnonzero(pair >= 0)
    truth = near.pairs.truth[pair[took]]
    counting = state[truth] == COUNTS
    named = counting & ~near.nameless[truth]
    hit = np.zeros(len(pair), bool)
    hit[took[named]] = True
    lost = outside.copy()
    lost[took[counting]] &= ~named[counting]
    lost[took[~counting]] = True
    used = np.zeros(len(state), bool)
    used[truth[counting]] = True
    return Outcome(hit=hit, ignored=lost, pair=pair, used=used)


def kept(near: Near, part: Part) -> Flags:
    """(d,) the detections of the part's images at or above its confidence, whatever their class.

    Invalid for a part that counts images more than once.
    """
    if part.weights is not None:
        raise Invalid("explanations count every image once", remedy="leave the weights out")
    matches = near.matches
    keep: Flags = matches.score >= part.confidence
    if part.images is not None:
        keep &= part.images[matches.image]
    return keep


def to_find(near: Near, part: Part, *, area: str) -> Flags:
    """(t,) the truths of the part's images that count in an area range, whatever their class."""
    matches = near.matches
    keep: Flags = (matches.truth_image >= 0) & (matches.truth_ignored >> AREA_NAMES.index(area) & 1 == 0)
    if part.images is not None:
        keep &= part.images[matches.truth_image]
    return keep


def overlap_of(near: Near, found: Outcome, rows: Ints) -> Floats:
    """(n,) how well the true positives ``rows`` lie on their truths."""
    out: Floats = near.pairs.overlap[found.pair[rows]]
    return out
