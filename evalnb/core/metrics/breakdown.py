"""Where recall is lost: by the size of objects, by how crowded they stand; and how scores part hits from ghosts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from evalnb.core import boxes
from evalnb.core.claiming import pairs_within
from evalnb.core.metrics.average import average_precision
from evalnb.core.metrics.outcome import kept, outcome, outcome_of, to_find
from evalnb.core.metrics.part import Part
from evalnb.core.near import Flags, Near
from evalnb.core.records import Floats, Ints, Truths

SIDES_PX = (0.0, 8.0, 16.0, 32.0, 64.0, 96.0, 128.0, 256.0, 1e5)
"""Edges of size: the square root of the area in px. COCO's own are 0, 32, 96, 1e5."""


@dataclass(frozen=True, slots=True, eq=False)
class BySize:
    """(b,) of objects of each range of areas, both ends in it, as if COCO had been asked for that range."""

    low: Floats
    """px²"""
    high: Floats
    truths: Ints
    found: Ints
    """True positives among all detections of the part."""
    ap: Floats
    """The mean over the classes that have truths of that size; NaN where none has."""


def by_size(
    near: Near,
    truth_area: Floats,
    detection_area: Floats,
    part: Part | None = None,
    *,
    iou: float = 0.5,
    sides: tuple[float, ...] = SIDES_PX,
) -> BySize:
    """AP and recall by size: the pairs that overlap are claimed anew for each range, since a smaller neighbour that
    does not count leaves its detection to another. ``truth_area`` (t,) and ``detection_area`` (d, by the table's
    rows) in px²; ``sides`` are the ranges' ends, as square roots.
    """
    part = part or Part()
    matches, places = near.matches, part.places(near.matches)
    ends = np.asarray(sides, dtype=np.float64) ** 2
    keep, never = kept(near, part), ~to_find(near, Part(), area="all")
    wanted = part.truths(matches)
    # Outside of the range of all areas: what nobody looked for (LVIS).
    unsure = (matches.flags & 1).astype(bool)
    truths, found, ap = [], [], []
    for low, high in itertools.pairwise(ends.tolist()):
        ignored = never | (truth_area < low) | (truth_area > high)
        outside = unsure | (detection_area < low) | (detection_area > high)
        one = outcome_of(near, iou=iou, ignored=ignored, outside=outside)
        positives = np.bincount(matches.truth_class[wanted & ~ignored], minlength=len(matches.classes))
        each = average_precision(one.hit & keep, keep & ~one.ignored, start=matches.start, positives=positives)[
            places
        ]
        some = positives[places] > 0
        hits = np.bincount(near.class_of[one.hit & keep], minlength=len(matches.classes))
        truths.append(int(positives[places].sum()))
        found.append(int(hits[places].sum()))
        ap.append(float(each[some].mean()) if some.any() else np.nan)
    return BySize(ends[:-1], ends[1:], np.array(truths), np.array(found), np.array(ap))


@dataclass(frozen=True, slots=True, eq=False)
class Crowding:
    """(t,) how close each truth's neighbours stand; truths of other images, and crowds, have none."""

    overlap: Floats
    """The highest IoU of its box with another truth's."""
    neighbours: Ints
    """How many others overlap it by a tenth or more."""


def crowding(near: Near, truths: Truths, *, of_class: bool = False, at_least: float = 0.1) -> Crowding:
    """How close truths stand to each other, by their boxes, of any class or ``of_class`` alone (as CrowdHuman counts
    its pairs: Shao et al., 2018)."""
    matches = near.matches
    rows = np.flatnonzero((matches.truth_image >= 0) & ~near.crowd)
    left, right = pairs_within(matches.truth_image[rows].astype(np.int64), matches.truth_image[rows].astype(np.int64))
    left, right = rows[left], rows[right]
    apart = left != right
    if of_class:
        apart &= matches.truth_class[left] == matches.truth_class[right]
    left, right = left[apart], right[apart]
    overlap = boxes.pair_iou(truths.box, truths.box, left, right, np.zeros(len(truths), bool))
    highest = np.zeros(len(truths))
    np.maximum.at(highest, left, overlap)
    return Crowding(overlap=highest, neighbours=np.bincount(left[overlap >= at_least], minlength=len(truths)))


@dataclass(frozen=True, slots=True, eq=False)
class ByScore:
    """(b,) how many detections of each confidence are hits, and how many ghosts."""

    edges: Floats
    """(b + 1,) of equal width over 0 … 1; a bin holds its lower edge, the last both."""
    hits: Ints
    ghosts: Ints


def by_score(near: Near, part: Part | None = None, *, iou: float = 0.5, area: str = "all", bins: int = 20) -> ByScore:
    """Histograms of the confidences of true and of false positives; what is to be ignored is in neither."""
    part = part or Part()
    found = outcome(near, iou=iou, area=area)
    wanted: Flags = np.zeros(len(near.matches.classes), bool)
    wanted[part.places(near.matches)] = True
    rows = kept(near, part) & ~found.ignored & wanted[near.class_of]
    edges = np.linspace(0.0, 1.0, bins + 1)
    at = np.searchsorted(edges[1:-1], near.matches.score, side="right")
    return ByScore(
        edges=edges,
        hits=np.bincount(at[rows & found.hit], minlength=bins),
        ghosts=np.bincount(at[rows & ~found.hit], minlength=bins),
    )
