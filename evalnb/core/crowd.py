"""Detection in crowds: the log-average miss rate and the Jaccard index, as CrowdHuman's evaluation has them.

Sources: Dollár, Wojek, Schiele, Perona, "Pedestrian Detection: An Evaluation of the State of the Art" (PAMI 2012) for
the miss rate; Shao et al., "CrowdHuman" (2018), and Chu et al., "Detection in Crowded Scenes: One Proposal, Multiple
Predictions" (CVPR 2020) with its published evaluation for the rest. Boxes are cut at the image's borders where its
size is known. All detections count, however many an image has, so both numbers match anew, from the records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import boxes, native
from evalnb.core.claiming import claim
from evalnb.core.lookup import place_of
from evalnb.core.matching import Matches
from evalnb.core.metrics.part import Part
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid

FALSE_POSITIVES = (0.01, 0.0178, 0.0316, 0.0562, 0.1, 0.1778, 0.3162, 0.5623, 1.0)
"""Per image: where the miss rate is read, evenly on a logarithmic scale, rounded as the published evaluation does."""
SCORES = tuple(0.1 * step for step in range(10))
"""The confidences that the Jaccard index is taken at; the best of them counts."""
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Numbers of each class of a part; -1 where it has no truth to find."""

    class_id: Ints
    """(k,)"""
    miss_rate: Floats
    """(k,) MR⁻²: the geometric mean of the miss rates at ``FALSE_POSITIVES``."""
    jaccard: Floats
    """(k,) the best over ``SCORES`` of the mean over images of hits / (truths + detections − hits)."""
    jaccard_score: Floats
    """(k,) the confidence at which it is the best."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """Detections by class and image, best first, and the pairs that overlap by more than the threshold."""

    cell: Ints
    """(d,) class · images + image."""
    score: Floats
    ignored: NDArray[np.bool_]
    """(t,) truths that are not to be found: crowds."""
    truth_cell: Ints
    detection: Ints
    """(p,) pairs: IoU with a truth, part of the detection's own area with an ignored one."""
    truth: Ints
    overlap: Floats
    beside: NDArray[np.bool_]
    """(t,) truths to find that lie within an ignored one."""


def crowd(
    matches: Matches,
    truths: Truths,
    detections: Detections,
    part: Part | None = None,
    *,
    size: Ints | None = None,
    iou: float = 0.5,
) -> Crowd:
    """Both numbers of every class of a part, from the records that the table was matched from.

    ``size`` (i, 2) is each image's height and width, 0 where it is not known. Only boxes can be compared.
    """
    part = part or Part()
    if matches.kind != "bbox":
        raise Invalid(f"crowds are measured by boxes, not by {matches.kind}", remedy="evaluate with kind='bbox'")
    if part.weights is not None:
        raise Invalid("the numbers of crowds take no weights of images", remedy="narrow by images instead")
    images = np.flatnonzero(np.ones(len(matches.images), bool) if part.images is None else part.images)
    places = part.places(matches)
    scene = _scene(matches, truths, detections, part, size, iou)
    shape = len(places), len(images)
    labels = _labels(scene)
    miss, index, best = np.full(shape[0], -1.0), np.full(shape[0], -1.0), np.full(shape[0], -1.0)
    of, truth_of = scene.cell // max(len(images), 1), scene.truth_cell // max(len(images), 1)
    for place in range(shape[0]):
        mine = of == place
        many = int(((truth_of == place) & ~scene.ignored).sum())
        if many:
            miss[place] = _miss_rate(scene.score[mine], labels[mine], scene.cell[mine], many, len(images))
    ratios = np.stack([_jaccard(scene, score, shape) for score in SCORES])
    for place in np.flatnonzero(miss > -1).tolist():
        at = int(np.argmax(ratios[:, place]))
        index[place], best[place] = ratios[at, place], SCORES[at]
    return Crowd(class_id=matches.classes[places], miss_rate=miss, jaccard=index, jaccard_score=best)


def _miss_rate(score: Floats, label: NDArray[np.int8], cell: Ints, truths: int, images: int) -> float:
    order = np.lexsort((cell, -score))
    label = label[order][label[order] >= 0]
    if not len(label):
        return 1.0
    missed = 1.0 - np.cumsum(label == 1) / truths
    false = np.cumsum(label == 0) / images
    # Where so many false positives are never made, the last detection speaks.
    at = np.minimum(np.searchsorted(false, FALSE_POSITIVES), len(label) - 1)
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(missed[at]).mean()))


def _labels(scene: _Scene) -> NDArray[np.int8]:
    """(d,) 1 for a hit, 0 for a false positive, -1 for what lies on an ignored truth."""
    many = len(scene.ignored)
    claims = claim(
        detection=scene.detection,
        # Of equal overlaps the first truth is taken; ``claim`` prefers the last.
        truth=many - 1 - scene.truth,
        overlap=scene.overlap,
        group=scene.cell,
        truth_ignored=scene.ignored[::-1].astype(np.uint64),
        crowd=scene.ignored[::-1],
        thresholds=np.zeros(1),
        ranges=1,
        nameless=np.zeros(many, bool),
    )
    return np.where(claims.ignored != 0, -1, np.where(claims.matched != 0, 1, 0)).astype(np.int8)


def _jaccard(scene: _Scene, score: float, shape: tuple[int, int]) -> Floats:
    """(k,) the mean over images of the Jaccard index of the detections above a score."""
    cells = shape[0] * shape[1]
    sure = scene.score > score
    found = ~scene.ignored
    pairs = np.flatnonzero(sure[scene.detection] & found[scene.truth])
    taken = pairs[assigned(scene.cell[scene.detection[pairs]], *_of(scene, pairs))]
    free, missed = sure.copy(), found.copy()
    free[scene.detection[taken]] = missed[scene.truth[taken]] = False
    inside = np.zeros(len(sure), bool)
    inside[scene.detection[~found[scene.truth]]] = True
    hits = np.bincount(scene.cell[scene.detection[taken]], minlength=cells)
    m = np.bincount(scene.truth_cell[found & ~(missed & scene.beside)], minlength=cells)
    n = np.bincount(scene.cell[sure & ~(free & inside)], minlength=cells)
    ratio = (hits / (m + n - hits + _EPSILON)).reshape(shape)
    some = ((m > 0) | (n > 0)).reshape(shape).sum(axis=1)
    mean: Floats = ratio.sum(axis=1) / np.maximum(some, 1)
    return mean


def _of(scene: _Scene, pairs: Ints) -> tuple[Ints, Ints, Floats]:
    return scene.detection[pairs], scene.truth[pairs], scene.overlap[pairs]


def assigned(group: Ints, left: Ints, right: Ints, weight: Floats) -> Ints:
    """The pairs that are chosen so that none of left or right stands twice and the weights (above 0) add up to the
    most; ``group`` (p,) is ascending, and pairs of different groups share nothing."""
    start = np.append(np.flatnonzero(np.diff(group, prepend=-1)), len(group)).astype(np.int64)
    chosen = np.zeros(len(group), np.uint8)
    columns = native.as_array(left, np.int32), native.as_array(right, np.int32), native.as_array(weight, np.float64)
    where = [native.address(one) for one in columns]
    solve = native.library().evalnb_assign
    native.checked(solve(start.ctypes.data, len(start) - 1, *where, chosen.ctypes.data))
    return np.flatnonzero(chosen)


def _scene(
    matches: Matches, truths: Truths, detections: Detections, part: Part, size: Ints | None, iou: float
) -> _Scene:
    shown = np.arange(len(matches.images)) if part.images is None else np.flatnonzero(part.images)
    classes = matches.classes[part.places(matches)]
    det_at, truth_at = (place_of(matches.images[shown], one.image) for one in (detections, truths))
    det_of, truth_of = (place_of(classes, one.class_id).astype(np.int64) for one in (detections, truths))
    rows = np.flatnonzero((det_at >= 0) & (det_of >= 0) & (detections.score >= part.confidence))
    cell = det_of[rows] * len(shown) + det_at[rows]
    order = np.lexsort((-detections.score[rows], cell))
    rows, cell = rows[order], cell[order]
    kept = np.flatnonzero((truth_at >= 0) & (truth_of >= 0))
    truth_cell = truth_of[kept] * len(shown) + truth_at[kept]
    kept, truth_cell = (one[np.argsort(truth_cell, kind="stable")] for one in (kept, truth_cell))
    ignored = (truths.crowd if truths.ignore is None else truths.crowd | truths.ignore)[kept]
    sides = None if size is None else size[shown]
    box, truth_box = _cut(detections.box[rows], det_at[rows], sides), _cut(truths.box[kept], truth_at[kept], sides)
    left, right, overlap = _pairs(cell, box, truth_cell, truth_box, ignored, iou)
    # A truth that nobody found is forgiven where it lies within an ignored one.
    own, other, _ = _pairs(truth_cell, truth_box, truth_cell, truth_box, ignored, iou)
    beside = np.zeros(len(kept), bool)
    beside[own[ignored[other]]] = True
    return _Scene(
        cell=cell,
        score=detections.score[rows],
        ignored=ignored,
        truth_cell=truth_cell,
        detection=left,
        truth=right,
        overlap=overlap,
        beside=beside,
    )


def _cut(box: Floats, image: NDArray[np.integer[Any]], size: Ints | None) -> Floats:
    """Boxes within their images; a box that begins behind the border keeps the last pixel."""
    if size is None:
        return box
    high, wide = (np.where(one > 0, one, np.inf) for one in size[image].T.astype(np.float64))
    known = np.isfinite(wide)
    x0, y0 = np.clip(box[:, 0], 0, wide - 1), np.clip(box[:, 1], 0, high - 1)
    x1, y1 = np.clip(box[:, 0] + box[:, 2], 0, wide), np.clip(box[:, 1] + box[:, 3], 0, high)
    cut: Floats = np.where(known[:, None], np.stack([x0, y0, x1 - x0, y1 - y0], axis=1), box)
    return cut


def _pairs(
    cell: Ints, box: Floats, truth_cell: Ints, truth_box: Floats, ignored: NDArray[np.bool_], iou: float
) -> tuple[Ints, Ints, Floats]:
    """All pairs of one cell that overlap by more than ``iou``; both lists stand by cell. In bounded memory."""
    first, last = (np.searchsorted(truth_cell, cell, side=side) for side in ("left", "right"))
    many = last - first
    before = np.concatenate(([0], np.cumsum(many)))
    found: list[tuple[Ints, Ints, Floats]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    begin = 0
    while begin < len(cell):
        end = max(begin + 1, int(np.searchsorted(before, before[begin] + boxes.PAIRS_AT_ONCE, side="right")) - 1)
        some = np.arange(begin, end)
        at = np.repeat(some, many[begin:end])
        to = np.arange(len(at)) + np.repeat(first[begin:end] - (before[begin:end] - before[begin]), many[begin:end])
        value = boxes.pair_iou(box, truth_box, at, to, ignored)
        near = np.flatnonzero(value > iou)
        found.append((at[near], to[near], value[near]))
        begin = end
    left, right, overlap = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return left, right, overlap
