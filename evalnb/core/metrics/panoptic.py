"""Panoptic quality (Kirillov et al. 2019), by the rules of COCO's panopticapi.

A predicted and a true segment of one class match where their IoU, void left out of the union, exceeds 0.5: then at
most one pair of each can. A true crowd is never missed. A predicted segment that lies for more than half in void and
in the crowd of its class counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics.classification import ratio
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid

VOID = 0
MOST = 2**24
"""Segment ids lie below: three bytes of colour."""
NUMBERS = ("PQ", "SQ", "RQ")


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The segments of one image, in the order of the source."""

    id: Ints
    """(s,) distinct, 1 to 2²⁴ − 1."""
    place: Ints
    """(s,) places of their classes."""
    crowd: NDArray[np.bool_]
    area: Floats
    """(s,) pixels as the source states them; NaN where it states none (then they are counted)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """(c,) one image's counts, for the classes that occur in it, ascending."""

    place: Ints
    counts: Floats
    """(c, 4) TP, FP, FN, and the sum of the matches' IoU."""


def ids_of_colours(pixels: NDArray[Any], what: str) -> Ints:
    """(h, w) segment ids of an (h, w, 3) colour map, R + 256 G + 256² B; (h, w) ids come back as they are."""
    if pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8:
        wide = pixels.astype(np.int64)
        return wide[:, :, 0] | (wide[:, :, 1] << 8) | (wide[:, :, 2] << 16)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu":
        raise Invalid(
            f"{what} is {pixels.dtype} of shape {pixels.shape}",
            remedy="give (h, w) segment ids, or their colours as PNG",
        )
    ids = pixels.astype(np.int64)
    if ids.size and (ids.min() < 0 or ids.max() >= MOST):
        raise Invalid(
            f"{what} has segment {ids.max() if ids.max() >= MOST else ids.min()}", remedy="use ids below 2²⁴"
        )
    return ids


def tallies(
    truth: Ints, predicted: Ints, truths: Segments, predictions: Segments, classes: int, what: str
) -> Tallies:
    """What one image adds: its (h, w) maps of segment ids, 0 for void, and what the segments are.

    Invalid, naming ``what``, for maps of two sizes, a predicted segment that is not listed or has no pixel, and a
    true one that states less area than it shares. True segments that are not listed are no void and match
    nothing, as in panopticapi.
    """
    if truth.shape != predicted.shape:
        raise Invalid(
            f"{what}: the truth has shape {truth.shape} and the prediction {predicted.shape}",
            remedy="write both in the image's size",
        )
    of_truth, of_prediction, pixels = _crossings(truth, predicted)
    at_truth, at_prediction = _places(truths.id, of_truth), _places(predictions.id, of_prediction)
    area = np.bincount(at_prediction + 1, weights=pixels, minlength=len(predictions.id) + 1)[1:]
    for stranger in of_prediction[(at_prediction < 0) & (of_prediction != VOID)][:1]:
        raise Invalid(
            f"{what} predicts segment {stranger}, which its segments_info does not list",
            remedy="list it with its category",
        )
    for ghost in predictions.id[area == 0][:1]:
        raise Invalid(f"{what} lists segment {ghost}, which has no pixel", remedy="take it out of segments_info")
    own = np.bincount(at_truth + 1, weights=pixels, minlength=len(truths.id) + 1)[1:]
    true_area = np.where(np.isnan(truths.area), own, truths.area)
    void = np.bincount(at_prediction + 1, weights=np.where(of_truth == VOID, pixels, 0), minlength=len(area) + 1)[1:]

    both = (at_truth >= 0) & (at_prediction >= 0)
    t, p, shared = at_truth[both], at_prediction[both], pixels[both]
    alike = (truths.place[t] == predictions.place[p]) & ~truths.crowd[t]
    t, p, common = t[alike], p[alike], shared[alike]
    for at in t[true_area[t] < common][:1]:
        raise Invalid(
            f"{what}: true segment {truths.id[at]} states an area of {true_area[at]:g} px and has {own[at]:g}",
            remedy="correct its area, or leave it out",
        )
    iou = ratio(common, area[p] + true_area[t] - common - void[p])
    match = iou > 0.5
    missed = ~truths.crowd
    missed[t[match]] = False
    alone = np.ones(len(area), bool)
    alone[p[match]] = False
    alone &= ratio(void + _in_crowds(truths, predictions, at_truth, at_prediction, pixels), area) <= 0.5

    def counted(place: Ints, weights: Floats | None = None) -> Floats:
        return np.bincount(place, weights=weights, minlength=classes).astype(np.float64)

    hits = truths.place[t[match]]
    counts = np.stack(
        [
            counted(hits),
            counted(predictions.place[alone]),
            counted(truths.place[missed]),
            counted(hits, iou[match]),
        ],
        axis=1,
    )
    some = np.flatnonzero(counts.any(axis=1))
    return Tallies(place=some, counts=counts[some])


def _crossings(truth: Ints, predicted: Ints) -> tuple[Ints, Ints, Floats]:
    """Each pair of a true and a predicted segment that share pixels, and how many."""
    pair = (truth * MOST + predicted).ravel()
    if not pair.size:
        nothing = np.empty(0, np.int64)
        return nothing, nothing, np.empty(0)
    # Segments are connected: a row's runs are few, and sorting them is a hundred times less work than its pixels.
    first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    length = np.diff(np.append(first, pair.size))
    found, inverse = np.unique(pair[first], return_inverse=True)
    pixels = np.bincount(inverse, weights=length, minlength=len(found)).astype(np.float64)
    return found // MOST, found % MOST, pixels


def _places(ids: Ints, wanted: Ints) -> Ints:
    """Where each wanted id stands in ``ids``; −1 where it does not."""
    if not len(ids):
        return np.full(len(wanted), -1)
    order = np.argsort(ids)
    at = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1)


def _in_crowds(
    truths: Segments, predictions: Segments, at_truth: Ints, at_prediction: Ints, pixels: Floats
) -> Floats:
    """(p,) how much of each predicted segment lies in the crowd of its class; of several crowds the last counts."""
    crowd = {int(truths.place[at]): at for at in np.flatnonzero(truths.crowd).tolist()}
    mine = np.array([crowd.get(one, -2) for one in predictions.place.tolist()], dtype=np.int64)
    inside = at_prediction >= 0
    inside[inside] = mine[at_prediction[inside]] == at_truth[inside]
    return np.bincount(at_prediction[inside], weights=pixels[inside], minlength=len(mine)).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """(i, k, 4) as a list of what is not zero: TP, FP, FN and the sum of IoU for each image and class."""

    images: int
    classes: int
    image: Ints
    """(m,) places of images, ascending."""
    place: Ints
    """(m,) places of classes."""
    counts: Floats
    """(m, 4)"""

    @staticmethod
    def of(images: list[Tallies], classes: int) -> Counts:
        """The images' tallies, put end to end."""
        return Counts(
            images=len(images),
            classes=classes,
            image=np.repeat(np.arange(len(images)), [len(one.place) for one in images]),
            place=np.concatenate([np.empty(0, np.int64), *(one.place for one in images)]),
            counts=np.concatenate([np.empty((0, 4)), *(one.counts for one in images)]),
        )

    def total(self, keep: Ints) -> Floats:
        """(k, 4) summed over these images."""
        wanted = np.zeros(self.images, bool)
        wanted[keep] = True
        rows = wanted[self.image]
        out = np.zeros((self.classes, 4))
        np.add.at(out, self.place[rows], self.counts[rows])
        return out

    def by_image(self, keep: Ints) -> Floats:
        """(i, k, 4) for these images."""
        out = np.zeros((self.images, self.classes, 4))
        out[self.image, self.place] = self.counts
        return out[keep]


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """(…, k) the three qualities of each class; NaN for one that neither occurs nor is predicted."""

    pq: Floats
    sq: Floats
    """The mean IoU of the matches; 0 without any."""
    rq: Floats
    """F1 of the matches."""

    @staticmethod
    def of(counts: Floats) -> Quality:
        """From (…, k, 4) TP, FP, FN and the sum of IoU."""
        tp, fp, fn, iou = np.moveaxis(counts, -1, 0)
        whole = tp + 0.5 * fp + 0.5 * fn
        return Quality(
            pq=ratio(iou, whole, empty=np.nan),
            sq=np.where(whole > 0, ratio(iou, tp), np.nan),
            rq=ratio(tp, whole, empty=np.nan),
        )

    def mean(self, name: str, classes: NDArray[np.bool_]) -> Floats:
        """(…,) the mean of one of ``NUMBERS`` over some of the classes, those that are NaN left out."""
        values: Floats = {"PQ": self.pq, "SQ": self.sq, "RQ": self.rq}[name][..., classes]
        some = ~np.isnan(values)
        return ratio(np.where(some, values, 0.0).sum(axis=-1), some.sum(axis=-1), empty=np.nan)
