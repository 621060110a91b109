"""The native count behind every number: true positives, recalls and precisions of a part, class by class."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.matching import AREA_NAMES, CLAIMS, THRESHOLDS, Matches
from evalnb.core.metrics.every_point import PROTOCOLS, every_point
from evalnb.core.metrics.part import Part
from evalnb.core.records import Floats, Ints

RECALLS = np.linspace(0.0, 1.0, 101)
"""The recall thresholds, made as COCO makes them: 0.57 is not ``RECALLS[57]``."""
EVERY_RANK = 256
"""A limit that no rank reaches."""
NO_FEW = (0, 0)
LANES = 8
"""Sets of weights that are counted side by side; tally.c has the same."""
_SMALL = 8
"""A part with less than an eighth of the detections is copied out first: it then costs what it holds."""


class _Table(native.Struct):
    _fields_ = native.fields(
        "image score rank flags start claim_at claim_matched claim_ignored claim_start"
        " truth_image truth_ignored truth_start recalls event_start event",
        threshold_count=ctypes.c_int32,
        area_count=ctypes.c_int32,
    )


class _Asked(ctypes.Structure):
    _fields_ = [
        ("weights", ctypes.c_void_p),
        ("classes", ctypes.c_void_p),
        ("confidence", ctypes.c_double),
        ("lanes", ctypes.c_int32),
        ("limit", ctypes.c_int32),
        ("area", ctypes.c_int32),
        ("few", ctypes.c_int32 * 2),
        *((name, ctypes.c_void_p) for name in ("precision", "recall", "few_recall", "truths", "detections")),
        ("curve", ctypes.c_void_p),
        ("curve_score", ctypes.c_void_p),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What was counted, of each class of the part; -1 where a class has no truth.

    Of several sets of weights, the sets are the last axis of every array.
    """

    precision: Floats
    """(k, 4 areas, 10 IoUs) the mean precision over the 101 recalls: average precision."""
    recall: Floats
    """(k, 4 areas, 10 IoUs)"""
    few_recall: Floats
    """(k, 2, 10 IoUs) recall with the kind's two lower limits of detections, over one area range."""
    truths: Ints
    """(k, 4 areas)"""
    detections: Ints
    """(k,)"""
    curve: Floats
    """(k, 4 areas, 10 IoUs, 101) precision at each recall; empty unless asked for."""
    curve_score: Floats
    """Likewise, the confidence at which it is reached."""
    places: NDArray[np.int32] | None = None
    """(k,) the classes' places in the table; None for all of them."""

    def lane(self, at: int) -> Tally:
        """What was counted under one of several sets of weights."""
        own = {"precision", "recall", "few_recall", "truths"}
        return replace(self, **{name: np.ascontiguousarray(getattr(self, name)[..., at]) for name in own})


def tally(
    matches: Matches,
    part: Part | None = None,
    *,
    area: str = "all",
    curves: bool = False,
    limit: int = EVERY_RANK,
) -> Tally:
    """Count a part. ``area`` is the range of the recalls at few detections; detections of rank ``limit`` and beyond
    are left out."""
    part = part or Part()
    weights = _weights(matches, part)
    places = native.as_array(part.places(matches), np.int32)
    if weights is not None and (small := copied_out(matches, weights)) is not None:
        matches, weights = small
    return count(
        table_of(matches),
        matches,
        weights,
        places,
        confidence=part.confidence,
        area=AREA_NAMES.index(area),
        curves=curves,
        limit=limit,
    )


def count(
    table: native.Struct,
    matches: Matches,
    weights: NDArray[np.int32] | None,
    places: NDArray[np.int32],
    *,
    confidence: float = -np.inf,
    area: int = 0,
    curves: bool = False,
    limit: int = EVERY_RANK,
    spread: bool = True,
) -> Tally:
    """``tally`` of a table that is laid out already; ``spread`` over the cores unless the caller does that.

    ``weights`` are (i,), or (i, LANES): sets that are counted side by side, in little more time than one. Several
    sets have no curves and no count of detections.
    """
    k, a, t = len(places), len(AREA_NAMES), len(THRESHOLDS)
    lanes = () if weights is None or weights.ndim == 1 else (LANES,)
    assert weights is None or (weights.flags.c_contiguous and weights.shape[1:] == lanes and not (lanes and curves))
    shape = (k, a, t, len(RECALLS)) if curves else (0, a, t, len(RECALLS))
    out = Tally(
        precision=np.empty((k, a, t, *lanes)),
        recall=np.empty((k, a, t, *lanes)),
        few_recall=np.empty((k, 2, t, *lanes)),
        truths=np.empty((k, a, *lanes), np.int64),
        detections=np.empty((0 if lanes else k, *lanes), np.int64),
        curve=np.zeros(shape),
        curve_score=np.zeros(shape),
        places=places,
    )
    asked = _Asked(
        weights=None if weights is None else weights.ctypes.data,
        classes=places.ctypes.data,
        confidence=confidence,
        lanes=LANES if lanes else 1,
        limit=limit,
        area=area,
        few=(ctypes.c_int32 * 2)(*(matches.limits[:2] if len(matches.limits) > 2 else NO_FEW)),
        precision=out.precision.ctypes.data,
        recall=out.recall.ctypes.data,
        few_recall=out.few_recall.ctypes.data,
        truths=out.truths.ctypes.data,
        detections=None if lanes else out.detections.ctypes.data,
        curve=out.curve.ctypes.data if curves else None,
        curve_score=out.curve_score.ctypes.data if curves else None,
    )
    work, at, of = native.library().evalnb_tally, ctypes.addressof(table), ctypes.addressof(asked)
    sizes = np.diff(matches.start)[places]
    ranges = native.in_parts(sizes, least=40_000) if spread else [(0, k)]
    for status in native.spread(lambda low, high: int(work(at, of, low, high)), ranges):
        native.checked(status)
    if matches.protocol in PROTOCOLS:
        _by_every_point(out, matches, weights, places, confidence)
    return out


def _by_every_point(
    out: Tally, matches: Matches, weights: NDArray[np.int32] | None, places: NDArray[np.int32], confidence: float
) -> None:
    """Put the protocol's own precision in the place of COCO's. It knows no area ranges: all of them are the whole."""
    sets = [weights] if weights is None or weights.ndim == 1 else list(weights.T)
    for lane, one in enumerate(sets):
        part = Part(classes=places.astype(np.int64), weights=one, confidence=confidence)
        at = (...,) if len(sets) == 1 else (..., lane)
        out.precision[at] = every_point(matches, part, out.truths[:, 0][at])[:, None]


def table_of(matches: Matches) -> native.Struct:
    """The match table as the native library takes it; laid out once."""
    known = matches.__dict__.get("_table")
    if known is None:
        rows, start = matches.truths_by_class
        columns = {
            "image": matches.image,
            "score": matches.score,
            "rank": matches.rank,
            "flags": matches.flags,
            "start": matches.start,
            "claim_at": matches.claim_at,
            "claim_matched": matches.claim_matched,
            "claim_ignored": matches.claim_ignored,
            "claim_start": matches.claim_start,
            "truth_image": native.as_array(matches.truth_image[rows], np.int32),
            "truth_ignored": native.as_array(matches.truth_ignored[rows], np.uint8),
            "truth_start": start,
            "recalls": RECALLS,
            "threshold_count": len(THRESHOLDS),
            "area_count": len(AREA_NAMES),
        }
        event_start, event = _events(_Table(**columns), matches)
        known = matches.__dict__["_table"] = _Table(**columns, event_start=event_start, event=event)
    assert isinstance(known, native.Struct)
    return known


def _events(table: native.Struct, matches: Matches) -> tuple[Ints, NDArray[np.uint32]]:
    """Which claims move which bit of which class: the same for every part and every weight, so listed once."""
    bits = len(THRESHOLDS) * len(AREA_NAMES)
    many = np.zeros(len(matches.classes) * bits, np.int64)
    find, at = native.library().evalnb_events, native.address(table)
    ranges = native.in_parts(np.diff(matches.claim_start))
    native.spread(lambda low, high: find(at, low, high, many.ctypes.data, None), ranges)
    start = np.concatenate(([0], np.cumsum(many)))
    event, next_ = np.empty(int(start[-1]), np.uint32), start[:-1].copy()
    native.spread(lambda low, high: find(at, low, high, next_.ctypes.data, event.ctypes.data), ranges)
    return start, event


def _weights(matches: Matches, part: Part) -> NDArray[np.int32] | None:
    if part.images is None:
        return None if part.weights is None else native.as_array(part.weights, np.int32)
    kept = part.images.astype(np.int32)
    return kept if part.weights is None else native.as_array(part.weights * kept, np.int32)


def copied_out(matches: Matches, weights: NDArray[np.int32]) -> tuple[Matches, NDArray[np.int32]] | None:
    """A small part as a table of its own; None where looking at every row is as cheap.

    The last one is kept: a slider moves over one part again and again.
    """
    images = np.flatnonzero(weights)
    key, known = images.tobytes(), matches.__dict__.get("_part")
    if known is not None and known[0] == key:
        return known[1], weights
    start = matches.by_image[1]
    if (start[images + 1] - start[images]).sum() * _SMALL > len(matches):
        return None
    rows = _members(matches.by_image, images, len(matches))
    truths = _members(matches.truths_by_image, images, len(matches.truth_image))
    from_claim = _members(matches.claims_by_image, images, len(matches.claim_at))
    columns: dict[str, Any] = {
        name: np.empty(len(rows), getattr(matches, name).dtype) for name in ("image", "score", "rank", "flags")
    }
    copy, where = native.library().evalnb_rows, native.address(rows)
    whole = [native.address(getattr(matches, name)) for name in columns]
    own = [native.address(column) for column in columns.values()]
    native.spread(lambda low, high: copy(where, low, high, *whole, *own), native.evenly(len(rows)))
    claims = np.flatnonzero(columns["flags"] & CLAIMS)
    part = replace(
        matches,
        **columns,
        row=matches.row[:0],
        start=np.searchsorted(rows, matches.start),
        claim_at=claims.astype(np.int32),
        claim_matched=matches.claim_matched[from_claim],
        claim_ignored=matches.claim_ignored[from_claim],
        claim_truth=matches.claim_truth[:0],
        truth_image=matches.truth_image[truths],
        truth_class=matches.truth_class[truths],
        truth_ignored=matches.truth_ignored[truths],
    )
    matches.__dict__["_part"] = key, part
    return part, weights


def _members(listed: tuple[NDArray[np.int32], Ints], images: Ints, rows: int) -> NDArray[np.int32]:
    """What is listed of these images, ascending; ``rows`` is more than any of it."""
    order, start = listed
    out = np.empty(int((start[images + 1] - start[images]).sum()), np.int32)
    images = native.as_array(images, np.int64)
    where = [native.address(one) for one in (native.as_array(order, np.int32), start, images)]
    native.checked(native.library().evalnb_members(*where, len(images), rows, native.address(out)))
    return out
