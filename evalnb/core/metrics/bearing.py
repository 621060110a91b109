"""How many images, or groups of images, the truths of each class come from."""

from __future__ import annotations

import numpy as np

from evalnb.core.matching import AREA_NAMES, Matches
from evalnb.core.metrics.accumulate import summary_keys
from evalnb.core.metrics.part import Part
from evalnb.core.records import Ints


def bearing(matches: Matches, part: Part | None = None, unit: Ints | None = None) -> Ints:
    """(k, 4) how many units bear a truth that counts, for each class of the part and each area range.

    ``unit`` (i,) is each image's unit, by default its own.
    """
    part = part or Part()
    kept = np.flatnonzero(part.truths(matches))
    place = matches.truth_image[kept].astype(np.int64)
    of = place if unit is None else unit[place]
    classes = len(matches.classes)
    out = np.empty((classes, len(AREA_NAMES)), np.int64)
    for area in range(len(AREA_NAMES)):
        counting = (matches.truth_ignored[kept] >> area) & 1 == 0
        pairs = np.unique(of[counting] * classes + matches.truth_class[kept][counting])
        out[:, area] = np.bincount(pairs % max(classes, 1), minlength=classes)
    return out[part.places(matches)]


def range_of(matches: Matches, area: str = "all") -> tuple[int, ...]:
    """The area range that each of ``summary_keys`` is taken over."""
    by_letter = {name[0]: place for place, name in enumerate(AREA_NAMES) if place}
    return tuple(by_letter.get(key[2:], AREA_NAMES.index(area)) for key in summary_keys(matches))
