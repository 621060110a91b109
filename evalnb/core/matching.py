"""Match detections to truths once; every number is an aggregation of what this finds.

The rules are COCO's (``cocoeval.py``, ``evaluateImg``), bit for bit: detections of one image and class, best first,
at most 100; each takes the free truth of the highest IoU at or above the threshold, a later truth before an earlier
one of the same IoU, and a truth that is to be ignored (a crowd, or outside the area range) only if no other will do;
crowds may be taken again and again. Detections that took an ignored truth, or took none and are outside the area
range themselves, count for nothing.

All ten IoU thresholds and all four area ranges are matched at once: bit ``10 · area + threshold`` of a 40-bit word.
"""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.kinds import MAX_DETECTIONS as MAX_DETECTIONS
from evalnb.core.kinds import Kind as Kind
from evalnb.core.kinds import areas_px, needed
from evalnb.core.kinds import overlaps as overlaps
from evalnb.core.lookup import place_of
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.core.slices import AREAS

Words: TypeAlias = NDArray[np.uint64]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The IoU thresholds. Made as COCO makes them: ``arange`` would give slightly larger numbers."""
AREA_NAMES = tuple(AREAS)

_NONE = np.uint64(0)


def bit(threshold: int, area: int) -> np.uint64:
    """The word's bit of the ``threshold``-th IoU and the ``area``-th range."""
    return np.uint64(len(THRESHOLDS) * area + threshold)


NATIVE_KINDS = ("bbox", "segm")
"""What the native library compares itself."""
LIMITS = {"lvis": (300,), "open_images": (10_000,)}
"""The limits of protocols that have their own, whatever the kind."""
CLAIMS = np.uint8(128)
"""The bit of ``Matches.flags`` that says a detection took something."""


class _Problem(native.Struct):
    _fields_ = native.fields(
        "order start image score box area unsure truth_order truth_start truth_image truth_box truth_ignored"
        " truth_crowd truth_nameless masks truth_masks pair_start pair_truth pair_overlap thresholds ranges",
        threshold_count=ctypes.c_int32,
        area_count=ctypes.c_int32,
        limit=ctypes.c_int32,
    )


class _Outcome(native.Struct):
    _fields_ = native.fields(
        "row image score rank flags claim_at claim_matched claim_ignored claim_truth kept claims"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Where a protocol's matching differs from COCO's. None changes nothing."""

    protocol: str = "coco"
    counted: NDArray[np.bool_] | None = None
    """(d,) detections that exist at all."""
    truth_counted: NDArray[np.bool_] | None = None
    """(t,) likewise."""
    unsure: NDArray[np.bool_] | None = None
    """(d,) detections that count for nothing unless they take a truth."""
    group: NDArray[np.int8] | None = None
    """(k,) the group of each class, ascending by class id: LVIS's frequency. -1 for none."""


COCO = Rules()


@dataclass(frozen=True, eq=False)
class Matches:
    """What was matched with what. Detections are sorted once by class, −score, image and rank: an order that any
    subset of images, classes or scores keeps, so that no number ever sorts again.

    A detection costs 18 bytes. Only one that took something (its *claim*, a quarter of them or fewer) has words."""

    kind: Kind
    images: Ints
    """(i,) ids of the images evaluated, in the order that breaks ties between them."""
    classes: Ints
    """(k,) ids of the classes evaluated, ascending."""
    image: NDArray[np.int32]
    """(d,) the detection's place in ``images``."""
    start: Ints
    """(k + 1,) where each class's detections begin."""
    score: Floats
    """(d,)"""
    rank: NDArray[np.uint8]
    """(d,) 0 for the best detection of its image and class; 255 stands for all from there on."""
    flags: NDArray[np.uint8]
    """(d,) bit a: outside the ``a``-th area range; bit 7: it has a claim."""
    row: NDArray[np.int32]
    """(d,) the detection's row in the records it came from."""
    claim_at: NDArray[np.int32]
    """(c,) the rows of this table that have a claim, ascending."""
    claim_matched: Words
    """(c,) bits where it took a truth (other than annotation id 0, which COCO takes for none)."""
    claim_ignored: Words
    """(c,) bits where it counts for nothing."""
    claim_truth: NDArray[np.int32]
    """(c,) the row of the truth taken at IoU 0.5 over all areas, -1 for none."""
    truth_image: NDArray[np.int32]
    """(t,) the truth's place in ``images``; -1 for truths of images or classes that are not evaluated."""
    truth_class: NDArray[np.int32]
    """(t,) the truth's place in ``classes``; -1 likewise."""
    truth_ignored: NDArray[np.uint8]
    """(t,) bit a is set where the truth does not count in the ``a``-th area range."""
    protocol: str = "coco"
    """Whose rules it was matched by, and whose numbers it gives: coco, lvis or open_images."""
    group: NDArray[np.int8] | None = None
    """(k,) LVIS's frequency group of each class: 0 rare, 1 common, 2 frequent, -1 not said."""
    sigmas: Floats | None = None
    """(k,) the keypoints' deviations, where they were given."""

    @property
    def limits(self) -> tuple[int, ...]:
        """How many detections count, at the most, in ascending order; the last is how many were matched."""
        return LIMITS.get(self.protocol) or MAX_DETECTIONS[self.kind]

    def __len__(self) -> int:
        return len(self.score)

    @cached_property
    def matched(self) -> Words:
        """(d,) bits where it took a truth."""
        out = np.zeros(len(self), np.uint64)
        out[self.claim_at] = self.claim_matched
        return out

    @cached_property
    def ignored(self) -> Words:
        """(d,) bits where it counts for nothing: it took an ignored truth, or took none and is outside the range."""
        outside: Words = np.array([words(bits[:, None])[0] for bits in _BITS], dtype=np.uint64)
        out: Words = outside[self.flags & ~CLAIMS]
        out[self.claim_at] = self.claim_ignored
        return out

    @cached_property
    def truth_at_50(self) -> NDArray[np.int32]:
        """(d,) the row of the truth taken at IoU 0.5 over all areas, -1 for none."""
        out = np.full(len(self), -1, np.int32)
        out[self.claim_at] = self.claim_truth
        return out

    @cached_property
    def claim_start(self) -> Ints:
        """(k + 1,) where each class's claims begin."""
        return np.searchsorted(self.claim_at, self.start).astype(np.int64)

    @cached_property
    def truths_by_class(self) -> tuple[Ints, Ints]:
        """The rows of the truths evaluated, by class, and (k + 1,) where each class's begin among them."""
        start, order = by_class(self.truth_class, self.truth_image, len(self.classes))
        return order.astype(np.int64), start

    @cached_property
    def by_image(self) -> tuple[NDArray[np.int32], Ints]:
        """The table's rows by image, ascending within each, and (i + 1,) where each image's begin among them."""
        start, order = by_class(self.image, self.image, len(self.images))
        return order, start

    @cached_property
    def truths_by_image(self) -> tuple[NDArray[np.int32], Ints]:
        """The rows of the truths evaluated, by image, and (i + 1,) where each image's begin among them."""
        start, order = by_class(self.truth_image, self.truth_image, len(self.images))
        return order, start

    def counts(self) -> NDArray[np.int32]:
        """(i, k, 4) how many truths count, by image, class and area range."""
        out = np.zeros((len(self.images), len(self.classes), len(AREA_NAMES)), np.int32)
        for area in range(len(AREA_NAMES)):
            of = np.flatnonzero((self.truth_image >= 0) & ((self.truth_ignored >> area) & 1 == 0))
            np.add.at(out[..., area], (self.truth_image[of], self.truth_class[of]), 1)
        return out


def match(
    truths: Truths,
    detections: Detections,
    *,
    kind: Kind,
    images: Ints,
    classes: Ints,
    detection_area: Floats | None = None,
    sigmas: Floats | None = None,
    rules: Rules = COCO,
) -> Matches:
    """Match every detection of these images and classes; rows of others are left out, as COCO leaves them out.

    ``images`` come in the order in which equal scores of different images are to stand; COCO's is ascending by id.
    ``detection_area`` (d,) px² overrides what is computed from the boxes (bbox), masks (segm) or keypoints' extent.
    ``sigmas`` (k,) are the keypoints' deviations; COCO's for 17 keypoints, 1/k otherwise. ``rules`` are another
    protocol's.
    """
    image_ids, class_ids = np.asarray(images, dtype=np.int64), np.unique(classes)
    areas = np.array(list(AREAS.values()))
    truth_image, truth_class = place_of(image_ids, truths.image), place_of(class_ids, truths.class_id)
    outside = (truth_image < 0) | (truth_class < 0)
    if rules.truth_counted is not None:
        outside |= ~rules.truth_counted
    truth_image[outside] = truth_class[outside] = -1
    ignore = truths.crowd if truths.ignore is None else truths.crowd | truths.ignore
    if kind == "keypoints":
        ignore = ignore | ~(needed(truths.keypoints, "truths", kind)[:, :, 2] > 0).any(axis=1)
    truth_out = (truths.area < areas[:, :1]) | (truths.area > areas[:, 1:]) | ignore
    truth_ignored = np.packbits(truth_out, axis=0, bitorder="little")[0]

    det_image, det_class = place_of(image_ids, detections.image), place_of(class_ids, detections.class_id)
    if rules.counted is not None:
        det_class[~rules.counted] = -1
    start, order = by_class(det_class, det_image, len(class_ids))
    truth_start, truth_order = by_class(truth_class, truth_image, len(class_ids))
    if detection_area is None and kind != "bbox":
        detection_area = areas_px(detections, kind)
    measured: dict[str, Any] = {}
    if kind not in NATIVE_KINDS:
        of = det_image, det_class, truth_image, truth_class
        measured = _pairs(truths, detections, *of, kind=kind, sigmas=sigmas)
    problem = _Problem(
        order=order,
        start=start,
        image=det_image,
        score=native.as_array(detections.score, np.float64),
        area=None if detection_area is None else native.as_array(detection_area, np.float64),
        unsure=None if rules.unsure is None else native.as_array(rules.unsure, np.uint8),
        truth_order=truth_order,
        truth_start=truth_start,
        truth_image=truth_image,
        truth_ignored=truth_ignored,
        truth_nameless=native.as_array(truths.id == 0, np.uint8),
        thresholds=np.minimum(THRESHOLDS, 1 - 1e-10),
        ranges=areas,
        threshold_count=len(THRESHOLDS),
        area_count=len(areas),
        limit=(LIMITS.get(rules.protocol) or MAX_DETECTIONS[kind])[-1],
        **_shapes(truths, detections, kind),
        **measured,
    )
    columns = _solve(problem, start)
    return Matches(
        kind=kind,
        images=image_ids,
        classes=class_ids,
        truth_image=truth_image,
        truth_class=truth_class,
        truth_ignored=truth_ignored,
        protocol=rules.protocol,
        group=rules.group,
        sigmas=None if sigmas is None else np.asarray(sigmas, dtype=np.float64),
        **columns,
    )


def compared(truths: Truths, detections: Detections, *, kind: Kind, **columns: NDArray[Any]) -> native.Struct:
    """The records as the native library compares them, boxes or masks; ``columns`` are the problem's others."""
    return _Problem(**_shapes(truths, detections, kind), **columns)


def _shapes(truths: Truths, detections: Detections, kind: Kind) -> dict[str, Any]:
    shapes: dict[str, Any] = {
        "box": native.as_array(detections.box, np.float64),
        "truth_box": native.as_array(truths.box, np.float64),
        "truth_crowd": native.as_array(truths.crowd, np.uint8),
    }
    if kind == "segm":
        shapes["masks"] = PackedMasks.of(needed(detections.masks, "detections", kind)).struct
        shapes["truth_masks"] = PackedMasks.of(needed(truths.masks, "truths", kind)).struct
    return shapes


def _solve(problem: _Problem, start: Ints) -> dict[str, Any]:
    """The table's columns: classes side by side on all cores, then moved together where detections were cut."""
    many, classes = int(start[-1]), len(start) - 1
    table: dict[str, NDArray[Any]] = {
        "row": np.empty(many, np.int32),
        "image": np.empty(many, np.int32),
        "score": np.empty(many, np.float64),
        "rank": np.empty(many, np.uint8),
        "flags": np.empty(many, np.uint8),
    }
    kept, claims = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    claimed = (("at", np.int32), ("matched", np.uint64), ("ignored", np.uint64), ("truth", np.int32))

    def work(low: int, high: int) -> dict[str, NDArray[Any]]:
        room = int(start[high] - start[low])
        # Pages that nothing is written to cost nothing; what is, is copied out when it is known how much there is.
        mine = {f"claim_{name}": np.empty(room, dtype) for name, dtype in claimed}
        outcome = _Outcome(kept=kept, claims=claims, **table, **mine)
        native.checked(native.library().evalnb_match(native.address(problem), low, high, native.address(outcome)))
        some = int(claims[low:high].sum())
        return {name: column[:some].copy() for name, column in mine.items()}

    ranges = native.in_parts(np.diff(start), least=5_000)
    found = native.spread(work, ranges)
    cut = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    new_start = np.concatenate(([0], np.cumsum(kept)))
    if new_start[-1] < many:
        for place, (low, high) in enumerate(ranges):
            # Each range stands without gaps from its own beginning on; the gaps are between ranges.
            size, to = int(kept[low:high].sum()), int(new_start[low])
            moved = int(start[low]) - to
            if moved:
                for column in table.values():
                    column[to : to + size] = column[start[low] : start[low] + size]
                found[place]["claim_at"] -= moved
        cut["claim_at"] = np.concatenate([one["claim_at"] for one in found])
        table = {name: column[: new_start[-1]].copy() for name, column in table.items()}
    return {"start": new_start, **table, **cut}


def _pairs(
    truths: Truths,
    detections: Detections,
    det_image: NDArray[np.int32],
    det_class: NDArray[np.int32],
    truth_image: NDArray[np.int32],
    truth_class: NDArray[np.int32],
    *,
    kind: Kind,
    sigmas: Floats | None,
) -> dict[str, Any]:
    """Overlaps computed before the matching: for kinds that the native library does not compare itself."""
    images = int(max(det_image.max(initial=0), truth_image.max(initial=0))) + 1
    det_rows = np.flatnonzero((det_image >= 0) & (det_class >= 0))
    truth_rows = np.flatnonzero(truth_image >= 0)
    d, t = pairs_within(
        det_class[det_rows].astype(np.int64) * images + det_image[det_rows],
        truth_class[truth_rows].astype(np.int64) * images + truth_image[truth_rows],
    )
    d, t = det_rows[d], truth_rows[t]
    least = float(THRESHOLDS[0])
    overlap = overlaps(truths, detections, d, t, kind=kind, sigmas=sigmas, at_least=least)
    near = np.flatnonzero(overlap >= least)
    return {
        "pair_start": np.searchsorted(d[near], np.arange(len(detections) + 1)).astype(np.int64),
        "pair_truth": t[near].astype(np.int32),
        "pair_overlap": np.ascontiguousarray(overlap[near]),
    }


def by_class(place: NDArray[np.int32], image: NDArray[np.int32], classes: int) -> tuple[Ints, NDArray[np.int32]]:
    """(k + 1,) where each class's rows begin, and the rows by class in their order; those at -1 are left out."""
    start = np.empty(classes + 1, np.int64)
    order = np.empty(len(place), np.int32)
    native.library().evalnb_by_class(
        native.address(native.as_array(place, np.int32)),
        native.address(native.as_array(image, np.int32)),
        len(place),
        classes,
        native.address(start),
        native.address(order),
    )
    return start, order[: start[-1]]


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """Who took what: (d,) words over thresholds × ranges, and the truth's row at the first bit (-1: none)."""

    matched: Words
    ignored: Words
    truth: NDArray[np.int32]


def claim(
    *,
    detection: Ints,
    truth: Ints,
    overlap: Floats,
    group: Ints,
    truth_ignored: Words,
    crowd: NDArray[np.bool_],
    thresholds: Floats,
    ranges: int,
    nameless: NDArray[np.bool_],
) -> Claims:
    """Greedy claiming, all groups and all bits at once.

    ``detection`` (p,) and ``truth`` (p,) are the pairs whose ``overlap`` (p,) reaches the lowest threshold; ``group``
    (d,) gives each detection's group, detections of one group standing together, best first. ``truth_ignored`` (t,)
    words and ``crowd`` (t,) are the truths'; a ``nameless`` (t,) truth is taken but leaves its taker unmatched.

    Two detections of the same turn are never of one group, so numpy takes a whole turn in one stroke: a turn is the
    n-th detection that has a candidate at all, and its candidates go by from the best down.
    """
    claims = Claims(
        matched=np.zeros(len(group), np.uint64),
        ignored=np.zeros(len(group), np.uint64),
        truth=np.full(len(group), -1, np.int32),
    )
    # Best overlap first; of equals the later truth, since COCO replaces its candidate by one just as good.
    order = np.lexsort((-truth, -overlap, detection))
    detection, truth, overlap = detection[order], truth[order], overlap[order]
    preference = _rank_in_group(detection)
    heads = np.flatnonzero(preference == 0)
    turn = np.repeat(_rank_in_group(group[detection[heads]]), np.diff(np.append(heads, len(detection))))
    order = np.lexsort((preference, turn))
    detection, truth, overlap = detection[order], truth[order], overlap[order]
    turn, preference = turn[order], preference[order]
    every = np.uint64(2 ** (len(thresholds) * ranges) - 1)
    open_bits = words(np.tile(overlap >= np.minimum(thresholds, 1 - 1e-10)[:, None], (ranges, 1)), width=1)
    always = np.where(crowd, every, _NONE)
    free = np.full(len(crowd), every)
    wanting = np.full(len(group), every)
    named = ~nameless
    turns = np.flatnonzero(np.diff(turn, prepend=-1))
    steps = np.flatnonzero((np.diff(turn, prepend=-1) != 0) | (np.diff(preference, prepend=-1) != 0))
    bounds = [*steps.tolist(), len(detection)]
    first_step = [*np.searchsorted(steps, turns).tolist(), len(steps)]
    for begin, end in itertools.pairwise(first_step):
        for second_choice in (False, True):
            for step in range(begin, end):
                some = slice(bounds[step], bounds[step + 1])
                d, t = detection[some], truth[some]
                allowed = truth_ignored[t] if second_choice else ~truth_ignored[t]
                take = wanting[d] & open_bits[some] & (free[t] | always[t]) & allowed
                wanting[d] &= ~take
                free[t] &= ~take
                claims.matched[d] |= np.where(named[t], take, _NONE)
                if second_choice:
                    claims.ignored[d] |= take
                took = (take & np.uint64(1)).astype(bool)
                claims.truth[d[took]] = t[took]
    return claims


def pairs_within(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows whose groups are equal: by left row, then by right row in its own order."""
    order = np.argsort(right, kind="stable")
    line = right[order]
    first, last = np.searchsorted(line, left, side="left"), np.searchsorted(line, left, side="right")
    many = last - first
    at = np.repeat(np.arange(len(left)), many)
    inside = np.arange(len(at)) - np.repeat(np.cumsum(many) - many, many)
    return at, order[np.repeat(first, many) + inside]


def _rank_in_group(group: Ints) -> Ints:
    """(n,) 0, 1, 2, … within each run of equal values."""
    heads = np.flatnonzero(np.diff(group, prepend=group[0] - 1)) if len(group) else np.empty(0, np.int64)
    return np.arange(len(group)) - np.repeat(heads, np.diff(np.append(heads, len(group))))


def words(flags: NDArray[np.bool_], *, width: int = len(THRESHOLDS)) -> Words:
    """(n,) words from (m, n) flags; each row of flags fills ``width`` bits."""
    out = np.zeros(flags.shape[1], np.uint64)
    every = np.uint64(2**width - 1)
    for place, row in enumerate(flags):
        out |= np.where(row, every << np.uint64(place * width), _NONE)
    return out


_BITS = np.unpackbits(np.arange(16, dtype=np.uint8)[:, None], axis=1, bitorder="little")[:, : len(AREA_NAMES)] != 0
