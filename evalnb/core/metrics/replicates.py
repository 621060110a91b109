"""The numbers under many sets of image weights: bootstrap replicates, slices, folds.

Sets are counted eight at a time, side by side, so that the table is read once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.matching import AREA_NAMES, MAX_DETECTIONS, Matches
from evalnb.core.metrics.accumulate import summary_keys
from evalnb.core.metrics.part import Part
from evalnb.core.metrics.tally import LANES, Tally, count, table_of
from evalnb.core.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """One row for each set of weights; -1 where there is no truth to find."""

    numbers: Floats
    """(r, n) in the order of ``summary_keys``."""
    class_ap: Floats | None
    """(r, k) the average precision of each class of the part, if it was asked for."""


def replicates(
    matches: Matches,
    weights: NDArray[np.integer[Any]],
    part: Part | None = None,
    *,
    area: str = "all",
    classes: bool = False,
) -> Replicates:
    """The summary under each of ``weights`` (r, i): of the dataset in which each image stands so many times.

    Of ``part``, its images (and their own weights), classes and confidence count. The numbers are those of
    ``summary`` of ``Part(weights=...)``, up to the order in which classes are added up (1e-15).
    """
    part = part or Part()
    table, places = table_of(matches), native.as_array(part.places(matches), np.int32)
    kept = np.ones(len(matches.images), np.int32)
    for one in (part.images, part.weights):
        kept = kept if one is None else kept * one.astype(np.int32)
    out = Replicates(
        numbers=np.empty((len(weights), len(summary_keys(matches)))),
        class_ap=np.empty((len(weights), len(places))) if classes else None,
    )
    main = AREA_NAMES.index(area)

    def work(low: int, high: int) -> None:
        for first in range(low * LANES, min(high * LANES, len(weights)), LANES):
            some = weights[first : first + LANES]
            side_by_side = np.zeros((len(kept), LANES), np.int32)
            side_by_side[:, : len(some)] = (some * kept).T
            found = count(table, matches, side_by_side, places, confidence=part.confidence, area=main, spread=False)
            rows = slice(first, first + len(some))
            for column, values in enumerate(_numbers(matches, found, main)):
                out.numbers[rows, column] = values[: len(some)]
            if out.class_ap is not None:
                out.class_ap[rows] = found.precision[:, main].mean(axis=1)[:, : len(some)].T

    blocks = np.full(-(-len(weights) // LANES), max(len(matches), 1))
    native.spread(work, native.in_parts(blocks, least=1))
    return out


def _numbers(matches: Matches, found: Tally, main: int) -> Iterator[Floats]:
    """(LANES,) of each number of ``summary_keys``, in its order."""

    def mean(values: Floats, range_: int) -> Floats:
        some = found.truths[:, range_] > 0
        many = some.sum(axis=0)
        return np.where(many > 0, (values * some).sum(axis=0) / np.maximum(many, 1), -1.0)

    shown = [main == 0 or range_ == main for range_ in range(len(AREA_NAMES))]
    for of, few in ((found.precision, False), (found.recall, True)):
        over = of.mean(axis=2)
        by_name = {
            "all": mean(over[:, main], main),
            "50": mean(of[:, main, 0], main),
            "75": mean(of[:, main, 5], main),
        }
        ranges = [
            mean(over[:, i], i) if shown[i] else np.full(LANES, -1.0)
            for i, name in enumerate(AREA_NAMES)
            if name != "all"
        ]
        if matches.kind == "keypoints":
            yield from (*by_name.values(), *ranges[1:])
        elif few:
            yield from (
                mean(found.few_recall[:, i].mean(axis=1), main) for i in range(len(MAX_DETECTIONS[matches.kind]) - 1)
            )
            yield from (by_name["all"], *ranges)
        else:
            yield from (*by_name.values(), *ranges)
