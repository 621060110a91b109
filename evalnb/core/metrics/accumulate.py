"""COCO's precision and recall arrays, and its twelve numbers, for any part of a match table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import AREA_NAMES, MAX_DETECTIONS, THRESHOLDS, Matches, bit
from evalnb.core.records import Floats, Ints

RECALLS = np.linspace(0.0, 1.0, 101)
"""The recall thresholds, made as COCO makes them: 0.57 is not ``RECALLS[57]``."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """What ``COCOeval.accumulate`` makes, with -1 where a class has no truth."""

    precision: Floats
    """(10 IoUs, 101 recalls, k classes, a areas, m limits)"""
    recall: Floats
    """(10 IoUs, k classes, a areas, m limits)"""
    scores: Floats
    """(10 IoUs, 101 recalls, k classes, a areas, m limits): the confidence at which each precision is reached."""
    areas: tuple[str, ...]
    limits: tuple[int, ...]


def accumulate(
    matches: Matches, part: Part | None = None, *, areas: Sequence[str] = AREA_NAMES, limits: Sequence[int] = ()
) -> Accumulated:
    """Precision and recall of a part, for these area ranges and detection limits (default: the kind's own)."""
    part = part or Part()
    limits = tuple(limits) or MAX_DETECTIONS[matches.kind]
    rows, start = part.detections(matches)
    whole = _Table(matches.matched[rows], matches.ignored[rows], matches.score[rows], start)
    rank = matches.rank[rows]
    shape = (len(THRESHOLDS), len(RECALLS), len(start) - 1, len(areas), len(limits))
    precision, scores = np.full(shape, -1.0), np.full(shape, -1.0)
    recall = np.full((shape[0], *shape[2:]), -1.0)
    for m, limit in enumerate(limits):
        table = whole if limit >= MAX_DETECTIONS[matches.kind][-1] else whole.only(rank < limit)
        for a, area in enumerate(areas):
            counts = part.truth_counts(matches, AREA_NAMES.index(area))
            some, needed = counts > 0, _true_positives_needed(counts)
            for t in range(len(THRESHOLDS)):
                found, precise, score = table.at(bit(t, AREA_NAMES.index(area)), counts, needed)
                recall[t, some, a, m] = found[some]
                precision[t][:, some, a, m] = precise[some].T
                scores[t][:, some, a, m] = score[some].T
    return Accumulated(precision, recall, scores, tuple(areas), limits)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    matched: NDArray[np.uint64]
    ignored: NDArray[np.uint64]
    score: Floats
    start: Ints

    def only(self, keep: NDArray[np.bool_]) -> _Table:
        rows = np.flatnonzero(keep)
        return _Table(self.matched[rows], self.ignored[rows], self.score[rows], np.searchsorted(rows, self.start))

    def at(self, which: np.uint64, counts: Ints, needed: Ints) -> tuple[Floats, Floats, Floats]:
        """One IoU and area: (k,) recall, (k, 101) precision and (k, 101) scores.

        Recall moves, and precision rises, at true positives alone: only they are looked at. COCO's backward running
        maximum is then a maximum over the stretch between two recall thresholds, and a running one over 101 of them.
        """
        mask = np.uint64(1) << which
        counting = (self.ignored & mask) == 0
        hits = np.flatnonzero(((self.matched & mask) != 0) & counting)
        start = np.searchsorted(hits, self.start)
        many = np.diff(start)
        of = np.repeat(np.arange(len(counts)), many)
        true = (np.arange(len(hits)) - start[of] + 1).astype(np.float64)
        seen = np.concatenate(([0], np.cumsum(counting)))
        false = (seen[hits + 1] - seen[self.start[of]]) - true
        # A zero behind every class's hits: what is not reached reads it, and no stretch runs into the next class.
        places = np.arange(len(hits)) + of
        precise, score = np.zeros(len(hits) + len(counts)), np.zeros(len(hits) + len(counts))
        precise[places] = true / (false + true + np.spacing(1))
        score[places] = self.score[hits]
        at = (start[:-1] + np.arange(len(counts)))[:, None] + np.minimum(needed - 1, many[:, None])
        peaks = np.maximum.reduceat(precise, at.ravel()).reshape(at.shape)
        precision = np.maximum.accumulate(peaks[:, ::-1], axis=1)[:, ::-1]
        scores = score[at]
        # Recall 0 is reached by the very first detection, right or wrong.
        some = np.diff(self.start) > 0
        scores[some, 0] = self.score[self.start[:-1][some]]
        return many / np.maximum(counts, 1), precision, scores


def _true_positives_needed(counts: Ints) -> Ints:
    """(k, 101) the least number of true positives, at least 1, whose share of ``counts`` reaches each recall."""
    of = np.maximum(counts, 1)[:, None]
    guess = np.maximum(np.ceil(RECALLS * of), 1.0)
    # The division decides, as in COCO; the product is off by one where it rounds the other way.
    guess = np.where((guess > 1) & ((guess - 1) / of >= RECALLS), guess - 1, guess)
    return np.where(guess / of < RECALLS, guess + 1, guess).astype(np.int64)


def summary_keys(matches: Matches) -> tuple[str, ...]:
    """The names of the numbers, in COCO's order."""
    if matches.kind == "keypoints":
        return ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
    return ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def summary(matches: Matches, part: Part | None = None, *, area: str = "all") -> dict[str, float]:
    """The twelve numbers of COCO (ten for keypoints) for a part, -1 where there is no truth to find.

    ``area`` restricts the numbers that name no range of their own; those of other ranges are then -1.
    """
    limits = MAX_DETECTIONS[matches.kind]
    ranges = AREA_NAMES if area == "all" else (area,)
    full = accumulate(matches, part, areas=ranges, limits=limits[-1:])
    precision, recall = full.precision[..., 0], full.recall[..., 0]

    def mean(values: Floats) -> float:
        some = values[values > -1]
        return float(np.mean(some)) if len(some) else -1.0

    main = ranges.index(area)
    numbers = {
        "AP": mean(precision[..., main]),
        "AP50": mean(precision[0, ..., main]),
        "AP75": mean(precision[5, ..., main]),
    }
    for name in ("small", "medium", "large"):
        at = ranges.index(name) if name in ranges else None
        numbers[f"AP{name[0]}"] = -1.0 if at is None else mean(precision[..., at])
        numbers[f"AR{name[0]}"] = -1.0 if at is None else mean(recall[..., at])
    if matches.kind == "keypoints":
        numbers["AR"] = mean(recall[..., main])
        numbers["AR50"], numbers["AR75"] = mean(recall[0, :, main]), mean(recall[5, :, main])
    else:
        for limit in limits[:-1]:
            numbers[f"AR{limit}"] = mean(recall_at(matches, part, area=area, limit=limit))
        numbers[f"AR{limits[-1]}"] = mean(recall[..., main])
    return {key: numbers[key] for key in summary_keys(matches)}


def recall_at(matches: Matches, part: Part | None, *, area: str, limit: int) -> Floats:
    """(10 IoUs, k) recall with at most ``limit`` detections of each image and class; -1 without truths."""
    part = part or Part()
    rows, start = part.detections(matches)
    counts = part.truth_counts(matches, AREA_NAMES.index(area))
    few = np.flatnonzero(matches.rank[rows] < limit)
    start = np.searchsorted(few, start)
    true = matches.matched[rows][few] & ~matches.ignored[rows][few]
    out = np.full((len(THRESHOLDS), len(counts)), -1.0)
    for t in range(len(THRESHOLDS)):
        hits = np.flatnonzero(true & (np.uint64(1) << bit(t, AREA_NAMES.index(area))))
        found = np.diff(np.searchsorted(hits, start))
        out[t] = np.where(counts > 0, found / np.maximum(counts, 1), -1.0)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class ClassNumbers:
    """(k,) numbers of each class; -1 where it has no truth."""

    class_id: Ints
    ap: Floats
    ap50: Floats
    ap75: Floats
    ar: Floats
    truths: Ints
    detections: Ints


def per_class(matches: Matches, part: Part | None = None, *, area: str = "all") -> ClassNumbers:
    """AP, AP50, AP75, AR, and the number of truths and of detections of each class."""
    part = part or Part()
    full = accumulate(matches, part, areas=(area,), limits=MAX_DETECTIONS[matches.kind][-1:])
    _, start = part.detections(matches)
    # A class without truths is -1 throughout, so that its mean is -1 too.
    return ClassNumbers(
        class_id=matches.classes[part.places(matches)],
        ap=full.precision[..., 0, 0].mean(axis=(0, 1)),
        ap50=full.precision[0, ..., 0, 0].mean(axis=0),
        ap75=full.precision[5, ..., 0, 0].mean(axis=0),
        ar=full.recall[..., 0, 0].mean(axis=0),
        truths=part.truth_counts(matches, AREA_NAMES.index(area)),
        detections=np.diff(start),
    )
