"""LVIS: a dataset that says of each image which classes were looked for, and nothing of the others.

Source of the rules: Gupta, Dollár, Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation"
(CVPR 2019), and its API's ``eval.py`` and ``results.py``. The best 300 detections of an image count, whatever their
classes. A detection of a class that was not looked for in its image does not exist; one of a class that is not
labelled exhaustively there counts for nothing unless it takes a truth. There are no crowds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import Kind, areas_px
from evalnb.core.lookup import among, place_of
from evalnb.core.matching import LIMITS, Matches, Rules, match
from evalnb.core.records import Detections, Floats, Ints, Truths

FREQUENCIES = ("r", "c", "f")
"""Rare, common and frequent classes: in fewer than 10, fewer than 100, and more images of the training set."""
_NO_PAIRS = np.empty((0, 2), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Federation:
    """What is known of which image."""

    negative: Ints = field(default_factory=lambda: _NO_PAIRS)
    """(n, 2) image id, id of a class that is verified not to be there."""
    not_exhaustive: Ints = field(default_factory=lambda: _NO_PAIRS)
    """(n, 2) image id, id of a class of which some instances have no annotation."""
    frequency: Mapping[int, str] = field(default_factory=dict)
    """Class id → r, c or f; classes without one are in none of the three means."""


def match_lvis(
    truths: Truths,
    detections: Detections,
    federation: Federation,
    *,
    kind: Kind,
    images: Ints,
    classes: Ints,
    detection_area: Floats | None = None,
) -> Matches:
    """Match as LVIS does. ``Matches.row`` and the truths' columns are of the records given.

    The truths' ``crowd`` is as if unset; their ``ignore`` counts. ``detection_area`` (d,) is as in ``match``.
    """
    truths = without_crowds(truths)
    area = areas_px(detections, kind) if detection_area is None else detection_area
    # Whatever has no area is nowhere in LVIS: its index asks for an area above 0.
    truth_counted = truths.area > 0
    class_ids = np.unique(classes)

    def at(image: Ints, class_id: Ints) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return place_of(images, image), place_of(class_ids, class_id)

    where = at(detections.image, detections.class_id)
    labelled = at(truths.image[truth_counted], truths.class_id[truth_counted])
    verified = among(*where, *labelled) | among(*where, *at(*federation.negative.T))
    best = best_of_image(detections.image, detections.score, LIMITS["lvis"][-1])
    places = {name: place for place, name in enumerate(FREQUENCIES)}
    rules = Rules(
        protocol="lvis",
        counted=best & verified & (area > 0),
        truth_counted=truth_counted,
        unsure=among(*where, *at(*federation.not_exhaustive.T)),
        group=np.array([places.get(federation.frequency.get(one, ""), -1) for one in class_ids.tolist()], np.int8),
    )
    return match(truths, detections, kind=kind, images=images, classes=classes, detection_area=area, rules=rules)


def without_crowds(truths: Truths) -> Truths:
    """The same truths, none of them a crowd."""
    return replace(truths, crowd=np.zeros(len(truths), bool))


def best_of_image(image: Ints, score: Floats, limit: int) -> NDArray[np.bool_]:
    """(d,) the best ``limit`` detections of each image; of equal scores the earlier ones."""
    ids, many = np.unique(image, return_counts=True)
    out = np.ones(len(image), bool)
    # Few images are over full, and only those need be sorted.
    rows = np.flatnonzero(place_of(ids[many > limit], image) >= 0)
    rows = rows[np.lexsort((-score[rows], image[rows]))]
    heads = np.flatnonzero(np.diff(image[rows], prepend=image[rows][:1] - 1))
    rank = np.arange(len(rows)) - np.repeat(heads, np.diff(np.append(heads, len(rows))))
    out[rows[rank >= limit]] = False
    return out
