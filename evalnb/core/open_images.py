"""Open Images: groups in one box, labels verified for the whole image, classes that contain each other.

Source of the rules: https://storage.googleapis.com/openimages/web/evaluation.html and the evaluator that it names, in
TensorFlow's Object Detection API. A detection of a class that was not verified in its image, present or absent, does
not exist. The others look, best first, at the one truth that they overlap most: the first to reach the threshold has
it, a later one is a ghost, and no one gets a second choice. What took nothing and lies within a group-of box (by the
part of its own area that is inside) belongs to it: the first is the group's one true positive, and the rest count for
nothing. Areas play no part, and 10,000 detections of an image and class are the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.claiming import Words, pairs_within
from evalnb.core.kinds import overlaps
from evalnb.core.lookup import among, place_of
from evalnb.core.matching import AREA_NAMES, CLAIMS, LIMITS, THRESHOLDS, Matches
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which classes contain which, whatever lies between; a class may have several parents."""

    above: Mapping[str, frozenset[str]] = field(default_factory=dict)
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Hierarchy:
        """From the published JSON: nodes of ``LabelName`` and ``Subcategory``. Its root is no class."""
        above: dict[str, set[str]] = {}
        below: dict[str, set[str]] = {}

        def walk(node: Any, over: tuple[str, ...]) -> None:
            if not isinstance(node, Mapping) or not isinstance(node.get("LabelName"), str):
                raise Invalid(f"the hierarchy has a node {node!r:.60} without LabelName", remedy="pass its own JSON")
            name = node["LabelName"]
            if name in over:
                raise Invalid(f"the hierarchy puts {name} below itself", remedy="mend the file")
            above.setdefault(name, set()).update(over)
            below.setdefault(name, set())
            for one in over:
                below[one].add(name)
            for child in node.get("Subcategory") or ():
                walk(child, (*over, name))

        for child in tree.get("Subcategory") or ():
            walk(child, ())
        return cls({k: frozenset(v) for k, v in above.items()}, {k: frozenset(v) for k, v in below.items()})

    def up(self, name: str) -> Iterable[str]:
        """The class and all that contain it."""
        return (name, *sorted(self.above.get(name, ())))

    def down(self, name: str) -> Iterable[str]:
        """The class and all that it contains."""
        return (name, *sorted(self.below.get(name, ())))


def match_open_images(
    truths: Truths,
    detections: Detections,
    verified: Ints,
    *,
    images: Ints,
    classes: Ints,
    group_of: bool = True,
) -> Matches:
    """Match boxes as Open Images does; ``images`` and ``classes`` are ascending ids.

    ``truths.crowd`` are the group-of boxes; ``verified`` (n, 2) are image and class ids beside those of the truths.
    ``group_of`` counts each group as one truth to find, as the challenge does; without it groups only absorb.
    """
    truth_image, truth_class = place_of(images, truths.image), place_of(classes, truths.class_id)
    outside = (truth_image < 0) | (truth_class < 0)
    truth_image[outside] = truth_class[outside] = -1
    det_image, det_class = place_of(images, detections.image), place_of(classes, detections.class_id)
    also = place_of(images, verified[:, 0]), place_of(classes, verified[:, 1])
    known = among(det_image, det_class, truth_image, truth_class) | among(det_image, det_class, *also)
    sound = (detections.box[:, 2:] > 0).all(axis=1)
    rows = np.flatnonzero((det_image >= 0) & (det_class >= 0) & known & sound)
    rows = rows[np.lexsort((det_image[rows], -detections.score[rows], det_class[rows]))]
    many = len(images)
    rank = _rank(det_class[rows].astype(np.int64) * many + det_image[rows])
    rows, rank = (one[rank < LIMITS["open_images"][-1]] for one in (rows, rank))
    image, of = det_image[rows], det_class[rows].astype(np.int64)
    kept = np.flatnonzero(truth_image >= 0)
    at, to = pairs_within(of * many + image, truth_class[kept].astype(np.int64) * many + truth_image[kept])
    truth = kept[to]
    value = overlaps(truths, detections, rows[at], truth, kind="bbox")
    single, single_value = _best(at, truth, value, ~truths.crowd[truth], len(rows))
    group, group_value = _best(at, truth, value, truths.crowd[truth], len(rows))
    matched, ignored, first = _claims(single, single_value, group, group_value, group_of=group_of)

    claims = np.flatnonzero((matched != 0) | (ignored != 0))
    flags = np.zeros(len(rows), np.uint8)
    flags[claims] = CLAIMS
    return Matches(
        kind="bbox",
        images=images,
        classes=classes,
        image=image,
        start=np.searchsorted(of, np.arange(len(classes) + 1)).astype(np.int64),
        score=detections.score[rows],
        rank=np.minimum(rank, 255).astype(np.uint8),
        flags=flags,
        row=rows.astype(np.int32),
        claim_at=claims.astype(np.int32),
        claim_matched=matched[claims],
        claim_ignored=ignored[claims],
        claim_truth=first[claims],
        truth_image=truth_image,
        truth_class=truth_class,
        truth_ignored=np.where(truths.crowd & (not group_of), 2 ** len(AREA_NAMES) - 1, 0).astype(np.uint8),
        protocol="open_images",
    )


def _claims(
    single: NDArray[np.int32], single_value: Floats, group: NDArray[np.int32], group_value: Floats, *, group_of: bool
) -> tuple[Words, Words, NDArray[np.int32]]:
    """(d,) words of what each detection took and of where it counts for nothing, and the truth at IoU 0.5.

    Detections come best first within each class and image. The bits of a threshold are alike in all area ranges.
    """
    matched, ignored = np.zeros(len(single), np.uint64), np.zeros(len(single), np.uint64)
    first = np.full(len(single), -1, np.int32)
    for place, threshold in enumerate(THRESHOLDS):
        bits = np.uint64(sum(1 << (place + len(THRESHOLDS) * area) for area in range(len(AREA_NAMES))))
        hit = _first_of_each(single, single_value >= threshold)
        inside = (group_value >= threshold) & ~hit
        found = _first_of_each(group, inside) & group_of
        matched[hit | inside] |= bits
        ignored[inside & ~found] |= bits
        if place == 0:
            first[hit], first[inside] = single[hit], group[inside]
    return matched, ignored, first


def _first_of_each(truth: NDArray[np.int32], reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    some = np.flatnonzero(reached)
    out = np.zeros(len(truth), bool)
    out[some[np.unique(truth[some], return_index=True)[1]]] = True
    return out


def _best(
    at: Ints, truth: Ints, value: Floats, among_these: NDArray[np.bool_], many: int
) -> tuple[NDArray[np.int32], Floats]:
    """(d,) the truth that each detection overlaps most, of equals the first, and by how much; -1 and -1 for none."""
    some = np.flatnonzero(among_these)
    some = some[np.lexsort((truth[some], -value[some], at[some]))]
    heads = some[np.flatnonzero(np.diff(at[some], prepend=-1))]
    best, most = np.full(many, -1, np.int32), np.full(many, -1.0)
    best[at[heads]], most[at[heads]] = truth[heads], value[heads]
    return best, most


def _rank(group: Ints) -> Ints:
    order = np.argsort(group, kind="stable")
    line = group[order]
    out = np.empty(len(group), np.int64)
    out[order] = np.arange(len(group)) - np.searchsorted(line, line)
    return out
