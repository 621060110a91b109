"""A matching problem laid out for the native library, and solved under one set of thresholds and ranges or many.

Thresholds and ranges fill one word together: ``evalnb.core.matching`` asks for COCO's ten and four.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.claiming import pairs_within
from evalnb.core.kinds import Kind, areas_px, needed, overlaps
from evalnb.core.lookup import place_of
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths

NATIVE_KINDS = ("bbox", "segm")
"""What the native library compares itself; the overlaps of other kinds are computed before."""
Flags = NDArray[np.bool_]


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


@dataclass(frozen=True, eq=False)
class Layout:
    """Who may be matched with whom, whatever the thresholds."""

    columns: dict[str, Any]
    start: Ints
    """(k + 1,) where each class's detections begin."""
    truth_image: NDArray[np.int32]
    """(t,) the truth's place among the images; -1 for truths that do not take part."""
    truth_class: NDArray[np.int32]
    truth_area: Floats
    images: Ints
    classes: Ints

    def solve(
        self, *, ignore: Flags, thresholds: Floats, ranges: Floats, limit: int, unsure: Flags | None = None
    ) -> dict[str, Any]:
        """The columns of a match table.

        ``ignore`` (t,) truths count in no range. At most 4 ``ranges`` (a, 2) px² and 64 bits for ranges times
        ``thresholds``, which ascend. ``limit`` detections of an image and class take part; the ``unsure`` (d,) of
        them count for nothing unless they take a truth.
        """
        outside = (self.truth_area < ranges[:, :1]) | (self.truth_area > ranges[:, 1:]) | ignore
        truth_ignored = np.packbits(outside, axis=0, bitorder="little")[0]
        problem = _Problem(
            **self.columns,
            truth_ignored=truth_ignored,
            unsure=None if unsure is None else native.as_array(unsure, np.uint8),
            thresholds=np.minimum(thresholds, 1 - 1e-10),
            ranges=native.as_array(ranges, np.float64),
            threshold_count=len(thresholds),
            area_count=len(ranges),
            limit=limit,
        )
        return {
            "images": self.images,
            "classes": self.classes,
            "truth_image": self.truth_image,
            "truth_class": self.truth_class,
            "truth_ignored": truth_ignored,
            **_solve(problem, self.start),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """(p,) pairs of rows of the detections and the truths whose overlap is known, by detection."""

    detection: Ints
    truth: Ints
    overlap: Floats


def lay_out(
    truths: Truths,
    detections: Detections,
    *,
    kind: Kind,
    images: Ints,
    classes: Ints,
    detection_area: Floats | None = None,
    sigmas: Floats | None = None,
    least: float,
    counted: Flags | None = None,
    truth_counted: Flags | None = None,
    known: Known | None = None,
) -> Layout:
    """Lay these images and classes out; rows of others take no part, nor do those not ``counted``.

    ``least`` is the lowest threshold that will be asked for. ``known`` pairs stand for all that overlap by so much;
    without them boxes and masks are compared as they are matched.
    """
    truth_image, truth_class = place_of(images, truths.image), place_of(classes, truths.class_id)
    outside = (truth_image < 0) | (truth_class < 0)
    if truth_counted is not None:
        outside |= ~truth_counted
    truth_image[outside] = truth_class[outside] = -1
    image, class_ = place_of(images, detections.image), place_of(classes, detections.class_id)
    if counted is not None:
        class_[~counted] = -1
    start, order = by_class(class_, image, len(classes))
    truth_start, truth_order = by_class(truth_class, truth_image, len(classes))
    if detection_area is None and kind != "bbox":
        detection_area = areas_px(detections, kind)
    columns: dict[str, Any] = {
        "order": order,
        "start": start,
        "image": image,
        "score": native.as_array(detections.score, np.float64),
        "area": None if detection_area is None else native.as_array(detection_area, np.float64),
        "truth_order": truth_order,
        "truth_start": truth_start,
        "truth_image": truth_image,
        "truth_nameless": native.as_array(truths.id == 0, np.uint8),
    }
    if known is None and kind not in NATIVE_KINDS:
        known = _measured(truths, detections, (image, class_), (truth_image, truth_class), kind, sigmas, least)
    if known is not None:
        columns |= {
            "pair_start": np.searchsorted(known.detection, np.arange(len(detections) + 1)).astype(np.int64),
            "pair_truth": native.as_array(known.truth, np.int32),
            "pair_overlap": native.as_array(known.overlap, np.float64),
        }
    columns |= _shapes(truths, detections, kind if known is None else "bbox")
    return Layout(columns, start, truth_image, truth_class, truths.area, images, classes)


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


def _measured(
    truths: Truths,
    detections: Detections,
    of: tuple[NDArray[np.int32], NDArray[np.int32]],
    truths_of: tuple[NDArray[np.int32], NDArray[np.int32]],
    kind: Kind,
    sigmas: Floats | None,
    least: float,
) -> Known:
    """The overlaps of all pairs of one image and class; ``of`` and ``truths_of`` are their places."""
    images = int(max(of[0].max(initial=0), truths_of[0].max(initial=0))) + 1
    rows = np.flatnonzero((of[0] >= 0) & (of[1] >= 0))
    truth_rows = np.flatnonzero(truths_of[0] >= 0)
    d, t = pairs_within(
        of[1][rows].astype(np.int64) * images + of[0][rows],
        truths_of[1][truth_rows].astype(np.int64) * images + truths_of[0][truth_rows],
    )
    d, t = rows[d], truth_rows[t]
    overlap = overlaps(truths, detections, d, t, kind=kind, sigmas=sigmas, at_least=least)
    near = np.flatnonzero(overlap >= min(least, 1 - 1e-10))
    return Known(d[near], t[near], overlap[near])


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
