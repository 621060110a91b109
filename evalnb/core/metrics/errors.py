"""What kinds of mistake a detector makes, and what each costs (TIDE: Bolya et al., ECCV 2020).

A false positive is one of five things, asked in this order, with IoUs to truths that count:

- *localization*: on a truth of its class, at ``background`` ≤ IoU ≤ ``iou``;
- *classification*: on a truth of another class, at IoU ≥ ``iou``;
- *duplicate*: on a truth of its class that a better detection has, at IoU ≥ ``iou``;
- *background*: on nothing, at IoU ≤ ``background`` with every truth;
- *both*: whatever is left: the wrong class, and poorly placed.

A truth that nothing found is *missed* unless a localization or classification error lies on it. The cost of a kind is
the average precision that mending it alone would bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import AREA_NAMES
from evalnb.core.metrics.average import average_precision
from evalnb.core.metrics.outcome import Outcome, kept, outcome, remembered, to_find
from evalnb.core.metrics.part import Part
from evalnb.core.metrics.tally import RECALLS
from evalnb.core.near import Bytes, Flags, Near
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid

KINDS = ("classification", "localization", "both", "duplicate", "background")
"""The kinds of a false positive; ``Kinds.kind`` is a place in here."""
ERRORS = (*KINDS, "missed", "false positives", "false negatives")
"""All that is counted: the kinds, missed truths, and the two sums that TIDE calls special."""
CLASSIFICATION, LOCALIZATION, BOTH, DUPLICATE, BACKGROUND_ERROR = (np.uint8(i) for i in range(5))
NO_ERROR = np.uint8(255)


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """(d,) why each false positive is one; the same for every part of the table."""

    kind: Bytes
    """Places in ``KINDS``; 255 for what is no error."""
    pair: Ints
    """The pair that shows it: the truth it lies on, poorly or wrongly; -1 for none."""
    found: Outcome


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """What each of ``ERRORS`` counts and costs."""

    class_id: Ints
    """(k,) of the part."""
    ap: Floats
    """(k,) average precision at the IoU as it is; -1 where a class has nothing to find."""
    count: Ints
    """(8, k) detections by their own class, truths by theirs."""
    mended: Floats
    """(8, k) average precision if that error were mended; NaN where nothing is left of the class."""
    dap: Floats
    """(8,) what mending brings to the mean over the classes; NaN if none has anything to find.

    Where the 101 recalls make a gain look negative, it is 0 (but not that of the two sums), as in TIDE."""


def kinds(near: Near, *, iou: float = 0.5, background: float = 0.1, area: str = "all") -> Kinds:
    """The kind of every false positive. Invalid unless least overlap kept ≤ ``background`` < ``iou``."""
    if not near.pairs.at_least <= background < iou <= 1:
        raise Invalid(
            f"errors need {near.pairs.at_least:g} ≤ background < iou ≤ 1, and got {background:g} and {iou:g}",
            remedy="use background=0.1 and iou=0.5, as TIDE does",
        )
    return remembered(
        near, ("kinds", iou, background, area), lambda: _kinds(near, iou=iou, background=background, area=area)
    )


def _kinds(near: Near, *, iou: float, background: float, area: str) -> Kinds:
    found = outcome(near, iou=iou, area=area)
    at, overlap = near.pairs.detection, near.pairs.overlap
    counting = (near.matches.truth_ignored >> AREA_NAMES.index(area) & 1 == 0)[near.pairs.truth]
    own = _best(at, counting & (near.same == 1), len(near.matches))
    other = _best(at, counting & (near.same == 0), len(near.matches))
    wrong = np.flatnonzero(~found.hit & ~found.ignored)
    own, other = own[wrong], other[wrong]
    # What is nowhere among the pairs overlaps by less than is kept: less than `background` in any case.
    s = np.where(own >= 0, overlap[own], 0.0) if len(overlap) else np.zeros(len(wrong))
    o = np.where(other >= 0, overlap[other], 0.0) if len(overlap) else np.zeros(len(wrong))
    kind = np.full(len(near.matches), NO_ERROR)
    pair = np.full(len(near.matches), -1, np.int64)
    kind[wrong] = np.select(
        [(s >= background) & (s <= iou), o >= iou, s >= iou, np.maximum(s, o) <= background],
        [LOCALIZATION, CLASSIFICATION, DUPLICATE, BACKGROUND_ERROR],
        BOTH,
    )
    shows = kind[wrong]
    pair[wrong] = np.where((shows == LOCALIZATION) | (shows == DUPLICATE), own, other)
    pair[wrong[shows == BACKGROUND_ERROR]] = -1
    return Kinds(kind=kind, pair=pair, found=found)


def _best(detection: NDArray[np.int32], wanted: Flags, many: int) -> Ints:
    """(d,) the best of each detection's pairs that are wanted, -1 for none; pairs stand the best first."""
    out = np.full(many, -1, np.int64)
    some = np.flatnonzero(wanted)
    of = detection[some]
    first = np.diff(of, prepend=-1) != 0
    out[of[first]] = some[first]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The errors of a part, detection by detection and truth by truth."""

    kinds: Kinds
    keep: Flags
    """(d,) the detections of the part's images and confidence, of all classes."""
    mends: Flags
    """(d,) localization and classification errors that would find their truth if they were mended."""
    truths: Flags
    """(t,) what there is to find."""
    unfound: Flags
    """(t,) of those, the false negatives."""
    missed: Flags
    """(t,) of those, the missed."""


def shown(
    near: Near, part: Part | None = None, *, iou: float = 0.5, background: float = 0.1, area: str = "all"
) -> Shown:
    """Who mends what, and which truths are missed. A part without some classes still sees their truths."""
    part = part or Part()
    one = kinds(near, iou=iou, background=background, area=area)
    keep, truths = kept(near, part), to_find(near, part, area=area)
    truth_of = near.pairs.truth
    used, matched = np.zeros(len(truths), bool), np.zeros(len(truths), bool)
    took = np.flatnonzero(keep & (one.found.pair >= 0))
    used[truth_of[one.found.pair[took]]] = True
    matched[truth_of[one.found.pair[took[one.found.hit[took]]]]] = True
    able = np.flatnonzero(keep & ((one.kind == CLASSIFICATION) | (one.kind == LOCALIZATION)))
    on = truth_of[one.pair[able]]
    able, on = able[~used[on]], on[~used[on]]
    # Of all that lie on a truth, the best scored would find it; of equals the first in the order of the table.
    best = np.full(len(truths), -np.inf)
    np.maximum.at(best, on, near.matches.score[able])
    first = np.full(len(truths), len(keep))
    top = near.matches.score[able] == best[on]
    np.minimum.at(first, on[top], able[top])
    mends = np.zeros(len(keep), bool)
    mends[first[first < len(keep)]] = True
    return Shown(
        kinds=one,
        keep=keep,
        mends=mends,
        truths=truths,
        unfound=truths & ~matched,
        missed=truths & ~used & ~np.isfinite(best),
    )


def errors(
    near: Near,
    part: Part | None = None,
    *,
    iou: float = 0.5,
    background: float = 0.1,
    area: str = "all",
    recalls: Floats = RECALLS,
) -> Errors:
    """Count the errors of a part, and mend each kind alone.

    ``where(classes=…)`` leaves other classes out of the counts and means, not out of the images: what was taken for
    something else is seen all the same. Equal to ``tidecv`` where the rules agree; they differ in four things. Here
    what is to be ignored is no error (tidecv finds errors among detections on ignore regions), a class without truths
    is in no mean (there it is one of AP 0), up to 100 detections of an image *and class* count (there 100 of an
    image), and equal scores keep the order of the table. ``recalls`` are COCO's, of which 0.57 and some others are a
    bit off tidecv's.
    """
    part = part or Part()
    matches, many = near.matches, len(near.matches.classes)
    places = part.places(matches)
    one = shown(near, part, iou=iou, background=background, area=area)
    kind = np.where(one.keep, one.kinds.kind, NO_ERROR)
    hit, counts = one.kinds.found.hit & one.keep, one.keep & ~one.kinds.found.ignored
    positives = np.bincount(matches.truth_class[one.truths], minlength=many)
    missed = np.bincount(matches.truth_class[one.missed], minlength=many)
    unfound = np.bincount(matches.truth_class[one.unfound], minlength=many)
    # One pass over the detections for all kinds.
    cell = near.class_of * np.int64(8) + np.minimum(kind, len(KINDS))
    of_kind = np.bincount(cell, minlength=8 * many).reshape(many, 8)[:, : len(KINDS)].T
    hits, ghosts = np.bincount(near.class_of[hit], minlength=many), of_kind.sum(axis=0)

    def ap(hit: Flags, counts: Flags, positives: Ints = positives) -> Floats:
        return average_precision(hit, counts, start=matches.start, positives=positives, recalls=recalls)

    def with_fewer(lost: Ints) -> Floats:
        """With fewer truths to find: 0 where only ghosts are left, NaN where nothing is."""
        out = ap(hit, counts, positives - lost)
        gone = (positives > 0) & (positives == lost)
        out[gone] = np.where((hits + ghosts)[gone] > 0, 0.0, np.nan)
        return out

    relocated = one.mends & (kind == LOCALIZATION)
    mended = [
        _reclassified(near, one, hit, counts & (kind != CLASSIFICATION), positives, recalls),
        ap(hit | relocated, (counts & (kind != LOCALIZATION)) | relocated),
        *(ap(hit, counts & (kind != place)) for place in (BOTH, DUPLICATE, BACKGROUND_ERROR)),
        with_fewer(missed),
        _without_ghosts(hits, positives, recalls),
        with_fewer(unfound),
    ]
    before, after = ap(hit, counts)[places], np.stack(mended)[:, places]
    some = before > -1
    return Errors(
        class_id=matches.classes[places],
        ap=before,
        count=np.stack([*of_kind, missed, ghosts, unfound])[:, places],
        mended=np.where(some, after, np.nan),
        dap=_gains(before[some], after[:, some]),
    )


def _without_ghosts(hits: Ints, positives: Ints, recalls: Floats) -> Floats:
    """Average precision if every false positive stood behind all true ones: precision 1 up to the recall reached."""
    reached = np.divide(hits, positives, out=np.zeros(len(hits)), where=positives > 0)
    within = np.searchsorted(recalls, reached, side="right") / len(recalls)
    return np.where(positives > 0, np.where(hits > 0, within, 0.0), -1.0)


def _reclassified(near: Near, one: Shown, hit: Flags, counts: Flags, positives: Ints, recalls: Floats) -> Floats:
    """Average precision with classification errors moved to the class of the truth they lie on, or away."""
    matches = near.matches
    moved = np.flatnonzero(one.mends & (one.kinds.kind == CLASSIFICATION))
    to = matches.truth_class[near.pairs.truth[one.kinds.pair[moved]]]
    order = np.lexsort((moved, matches.image[moved], -matches.score[moved], to))
    moved, to = moved[order], to[order]
    place = np.empty(len(moved), np.int64)
    edges = np.searchsorted(to, np.arange(len(matches.classes) + 1))
    for k in np.unique(to):
        mine, (low, high) = slice(edges[k], edges[k + 1]), matches.start[k : k + 2]
        place[mine] = low + np.searchsorted(-matches.score[low:high], -matches.score[moved[mine]], side="right")
    return average_precision(
        np.insert(hit, place, True),
        np.insert(counts, place, True),
        start=matches.start + edges,
        positives=positives,
        recalls=recalls,
    )


def _gains(before: Floats, after: Floats) -> Floats:
    if not len(before):
        return np.full(len(ERRORS), np.nan)
    left = np.isfinite(after)
    mean = np.divide(
        np.where(left, after, 0.0).sum(axis=1),
        left.sum(axis=1),
        out=np.full(len(ERRORS), np.nan),
        where=left.any(axis=1),
    )
    gain: Floats = mean - before.mean()
    gain[: len(KINDS) + 1] = np.maximum(gain[: len(KINDS) + 1], 0)
    return gain
