"""The numbers of many resampled datasets, each given by how often every image stands in it.

They are counted eight at a time, side by side, so that the table is read once for all eight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.matching import AREA_NAMES, Matches
from evalnb.core.metrics.accumulate import numbers, summary_keys
from evalnb.core.metrics.part import Part
from evalnb.core.metrics.tally import LANES, copied_out, count, table_of
from evalnb.core.records import Floats
from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """What each resampled dataset gives; -1 where it has no truth to find."""

    numbers: Floats
    """(r, n) in the order of ``summary_keys``."""
    class_ap: Floats | None
    """(r, k) AP of each class of the part, where it was asked for."""


def replicates(
    matches: Matches,
    weights: NDArray[np.integer[Any]],
    part: Part | None = None,
    *,
    area: str = "all",
    classes: bool = False,
) -> Replicates:
    """``summary(matches, Part(weights=one))`` for each row of ``weights``, to the bit, on all cores.

    ``weights`` (r, i) says how often each image counts, as if it stood in the dataset that often. ``part`` narrows
    every replicate: to images, classes and a confidence; weights of its own multiply. ``classes`` also answers with
    the AP of each class. Invalid where the weights are not of these images.
    """
    part = part or Part()
    weights = _narrowed(matches, np.atleast_2d(np.asarray(weights)), part)
    small = copied_out(matches, weights.max(axis=0, initial=0))
    matches = matches if small is None else small[0]
    table, places = table_of(matches), native.as_array(part.places(matches), np.int32)
    main = AREA_NAMES.index(area)
    out = np.empty((len(weights), len(summary_keys(matches))))
    class_ap = np.empty((len(weights), len(places))) if classes else None

    def work(low: int, high: int) -> None:
        for first in range(low * LANES, min(high * LANES, len(weights)), LANES):
            some = weights[first : first + LANES]
            side_by_side = np.zeros((len(matches.images), LANES), np.int32)
            side_by_side[:, : len(some)] = some.T
            found = count(table, matches, side_by_side, places, confidence=part.confidence, area=main, spread=False)
            for lane in range(len(some)):
                one = found.lane(lane)
                out[first + lane] = numbers(matches, one, area)
                if class_ap is not None:
                    # A class without truths is -1 at every IoU, so that its mean is -1 too.
                    class_ap[first + lane] = one.precision[:, main].mean(axis=1)

    native.spread(work, native.in_parts(np.ones(-(-len(weights) // LANES), np.int64), least=1))
    return Replicates(numbers=out, class_ap=class_ap)


def _narrowed(matches: Matches, weights: NDArray[np.integer[Any]], part: Part) -> NDArray[np.int32]:
    if weights.shape[1] != len(matches.images):
        raise Invalid(
            f"these weights are of {weights.shape[1]:,} images, the evaluation has {len(matches.images):,}",
            remedy="give each image of the evaluation its weight",
        )
    if weights.size and int(weights.min()) < 0:
        raise Invalid(f"a weight is {int(weights.min())}", remedy="count every image 0 times or more")
    for factor in (part.images, part.weights):
        weights = weights if factor is None else weights * factor
    return native.as_array(weights, np.int32)
