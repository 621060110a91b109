"""True and false positives and misses: over confidence, and image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalnb.core.matching import AREA_NAMES, Matches, bit
from evalnb.core.metrics.part import Part
from evalnb.core.records import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class ByConfidence:
    """(n,) what an operating point at each confidence gives, over all classes of the part together."""

    confidence: Floats
    precision: Floats
    """NaN where nothing is detected."""
    recall: Floats
    """0 without truths."""
    f1: Floats


def by_confidence(
    matches: Matches,
    part: Part | None = None,
    *,
    area: str = "all",
    threshold: int = 0,
    points: Floats | None = None,
) -> ByConfidence:
    """Precision, recall and F1 of every detection at or above each of ``points`` (default 0, 0.01 … 1)."""
    part = part or Part()
    points = np.linspace(0, 1, 101) if points is None else points
    rows, _ = part.detections(matches)
    word = np.uint64(1) << bit(threshold, AREA_NAMES.index(area))
    score, matched, ignored = matches.score[rows], matches.matched[rows], matches.ignored[rows]
    counting = (ignored & word) == 0
    true = np.sort(score[((matched & word) != 0) & counting])
    false = np.sort(score[((matched & word) == 0) & counting])
    hits = (len(true) - np.searchsorted(true, points, side="left")).astype(np.float64)
    ghosts = len(false) - np.searchsorted(false, points, side="left")
    truths = int(part.truth_counts(matches, AREA_NAMES.index(area)).sum())
    precision = np.divide(hits, hits + ghosts, out=np.full_like(hits, np.nan), where=hits + ghosts > 0)
    recall = hits / truths if truths else np.zeros_like(hits)
    f1 = np.divide(2 * hits, hits + ghosts + truths, out=np.zeros_like(hits), where=hits + ghosts + truths > 0)
    return ByConfidence(confidence=points, precision=precision, recall=recall, f1=f1)


@dataclass(frozen=True, slots=True, eq=False)
class ByImage:
    """(i,) for every image of the table, those outside the part included (their counts are 0)."""

    image: Ints
    tp: Ints
    fp: Ints
    fn: Ints
    f1: Floats
    """1 where there is nothing to find and nothing was found."""


def by_image(
    matches: Matches,
    part: Part | None = None,
    *,
    confidence: float = 0.25,
    area: str = "all",
    threshold: int = 0,
) -> ByImage:
    """Hits, ghosts and misses of each image at a confidence, classes respected, at IoU 0.5 unless said otherwise."""
    part = part or Part()
    rows, _ = part.detections(matches)
    word = np.uint64(1) << bit(threshold, AREA_NAMES.index(area))
    counting = ((matches.ignored[rows] & word) == 0) & (matches.score[rows] >= confidence)
    hit = (matches.matched[rows] & word) != 0
    image = matches.image[rows]
    many = len(matches.images)
    tp = np.bincount(image[counting & hit], minlength=many)
    fp = np.bincount(image[counting & ~hit], minlength=many)
    of = part.truths(matches) & ((matches.truth_ignored >> AREA_NAMES.index(area)) & 1 == 0)
    fn = np.bincount(matches.truth_image[of], minlength=many) - tp
    f1 = np.divide(2.0 * tp, 2 * tp + fp + fn, out=np.ones(many), where=2 * tp + fp + fn > 0)
    return ByImage(image=matches.images, tp=tp, fp=fp, fn=fn, f1=f1)
