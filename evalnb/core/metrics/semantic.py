"""Semantic segmentation: a sparse confusion matrix of pixels for each image, and the numbers of any sum of them.

The numbers' names are those of Long, Shelhamer and Darrell 2015 (pixel accuracy, mean accuracy, mean and
frequency-weighted IoU).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics.classification import ratio
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid

Cells = tuple[Ints, Ints]
"""Places in a flattened (k, k + 1) confusion matrix, ascending, and how many pixels each has."""
NUMBERS = ("mIoU", "fwIoU", "pixel_accuracy", "mean_accuracy", "Dice")


@dataclass(frozen=True, slots=True)
class Labels:
    """What the numbers in a label map mean."""

    place: Mapping[int, int]
    """The class's place by its number in the map."""
    ignored: frozenset[int]
    """Numbers of pixels that do not count: in a truth the pixel is left out, in a prediction it is no class."""

    @property
    def classes(self) -> int:
        """How many classes there are, k."""
        return len(self.place)

    def places(self, values: Ints, what: str) -> Ints:
        """The place of each number, k for ignored ones; Invalid for any other, called by ``what``."""
        out = np.empty(len(values), np.int64)
        for at, value in enumerate(values.tolist()):
            found = self.place.get(value, self.classes if value in self.ignored else -1)
            if found < 0:
                raise Invalid(
                    f"{what} has pixels of {value}, which is no class",
                    remedy="name it in class_names, or pass it as ignore=",
                )
            out[at] = found
        return out


def cells(truth: NDArray[Any], predicted: NDArray[Any], labels: Labels, what: str) -> Cells:
    """The pixels of one image by true and predicted class; the last column is a prediction of no class.

    Invalid, naming ``what``, for shapes that differ, pixels that are no integers, and numbers that are no class.
    """
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise Invalid(
            f"{what}: the truth has shape {truth.shape} and the prediction {predicted.shape}",
            remedy="give two (height, width) label maps of one size",
        )
    rows, row = _numbers(truth, f"{what}: the truth")
    columns, column = _numbers(predicted, f"{what}: the prediction")
    # A pair of bytes fits 16 bits; of other numbers it may not.
    row = row if row.dtype == column.dtype == np.uint16 else row.astype(np.int64)
    joint = _histogram((row * len(columns) + column).ravel(), len(rows) * len(columns))
    joint = joint.reshape(len(rows), len(columns))
    up, along = np.nonzero(joint)
    # Only numbers that occur are looked up: the byte maps below come with all 256.
    seen_rows, seen_columns = np.unique(up), np.unique(along)
    true = np.full(len(rows), -1)
    true[seen_rows] = labels.places(rows[seen_rows], f"{what}: the truth")
    found = np.full(len(columns), -1)
    found[seen_columns] = labels.places(columns[seen_columns], f"{what}: the prediction")
    counts = joint[up, along]
    keep = true[up] < labels.classes
    place = true[up][keep] * (labels.classes + 1) + found[along][keep]
    at, inverse = np.unique(place, return_inverse=True)
    return at, np.bincount(inverse, weights=counts[keep], minlength=len(at)).astype(np.int64)


def _histogram(values: NDArray[Any], many: int) -> Ints:
    """How often each number below ``many`` occurs."""
    first = np.flatnonzero(values[1:] != values[:-1]) + 1
    if len(first) > values.size // 4:
        return np.bincount(values, minlength=many)
    # Neighbours are mostly alike: there are fewer runs to count than pixels.
    starts = np.append(0, first)
    lengths = np.diff(np.append(starts, values.size))
    return np.bincount(values[starts], weights=lengths, minlength=many).astype(np.int64)


def _numbers(pixels: NDArray[Any], what: str) -> tuple[Ints, NDArray[Any]]:
    """The numbers that may occur, and the map as places among them."""
    if pixels.dtype.kind not in "iub":
        raise Invalid(f"{what} holds {pixels.dtype}", remedy="give whole numbers, one for each pixel")
    if not pixels.size:
        raise Invalid(f"{what} has no pixels", remedy="leave the image out")
    if pixels.dtype == np.uint8 or (pixels.min() >= 0 and pixels.max() < 256):
        return np.arange(256), pixels.astype(np.uint16)
    values, inverse = np.unique(pixels, return_inverse=True)
    return values.astype(np.int64), inverse.reshape(pixels.shape).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PixelCounts:
    """The confusion matrices of i images, end to end."""

    classes: int
    start: Ints
    """(i + 1,) where each image begins."""
    cell: Ints
    """(m,) place in a flattened (k, k + 1) matrix."""
    count: Ints
    """(m,) pixels."""

    @staticmethod
    def of(images: list[Cells], classes: int) -> PixelCounts:
        """The images' cells, put end to end."""
        nothing = np.empty(0, np.int64)
        return PixelCounts(
            classes=classes,
            start=np.cumsum([0, *(len(one[0]) for one in images)]),
            cell=np.concatenate([nothing, *(one[0] for one in images)]),
            count=np.concatenate([nothing, *(one[1] for one in images)]),
        )

    def confusion(self, keep: Ints) -> Ints:
        """(k, k + 1) the sum over these images: truths by rows; the last column is a prediction of no class."""
        wanted = np.zeros(len(self.start) - 1, np.int64)
        np.add.at(wanted, keep, 1)
        times = np.repeat(wanted, np.diff(self.start))
        shape = (self.classes, self.classes + 1)
        total = np.bincount(self.cell, weights=self.count * times, minlength=shape[0] * shape[1])
        # Sums of whole numbers below 2⁵³ are exact in floating point.
        return total.reshape(shape).astype(np.int64)

    def by_image(self) -> Areas:
        """The areas of each image, (i, k)."""
        image = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        row, column = np.divmod(self.cell, self.classes + 1)
        shape = (len(self.start) - 1, self.classes)

        def summed(keep: NDArray[np.bool_], at: Ints) -> Floats:
            out = np.zeros(shape)
            np.add.at(out, (image[keep], at[keep]), self.count[keep])
            return out

        return Areas(
            both=summed(row == column, row),
            truth=summed(np.ones(len(row), bool), row),
            predicted=summed(column < self.classes, column),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """(…, k) pixels of each class, by truth, by prediction and by both. Leading axes are images or replicates."""

    both: Floats
    truth: Floats
    predicted: Floats

    @staticmethod
    def of(confusion: Ints) -> Areas:
        """The areas of a (k, k + 1) confusion matrix."""
        square = confusion[:, :-1]
        return Areas(
            both=np.diagonal(square).astype(np.float64),
            truth=confusion.sum(axis=1).astype(np.float64),
            predicted=square.sum(axis=0).astype(np.float64),
        )

    def weighted(self, weights: Floats) -> Areas:
        """(r, k) sums of (i, k) areas, each image as often as (r, i) weights say."""
        return Areas(weights @ self.both, weights @ self.truth, weights @ self.predicted)

    @property
    def iou(self) -> Floats:
        """Intersection over union; NaN for a class that neither occurs nor is predicted."""
        return ratio(self.both, self.truth + self.predicted - self.both, empty=np.nan)

    @property
    def dice(self) -> Floats:
        """Twice the intersection over the sum of both areas; NaN as for ``iou``."""
        return ratio(2 * self.both, self.truth + self.predicted, empty=np.nan)

    @property
    def accuracy(self) -> Floats:
        """The part of a class's pixels that is found; NaN for a class that does not occur."""
        return ratio(self.both, self.truth, empty=np.nan)

    @property
    def precision(self) -> Floats:
        """The part of a class's predicted pixels that is right; NaN for a class that is never predicted."""
        return ratio(self.both, self.predicted, empty=np.nan)

    def number(self, name: str) -> Floats:
        """(…,) one of ``NUMBERS``; NaN without pixels. Means leave out the classes that are NaN."""
        total = self.truth.sum(axis=-1)
        if name == "pixel_accuracy":
            return ratio(self.both.sum(axis=-1), total, empty=np.nan)
        if name == "fwIoU":
            return ratio(np.nan_to_num(self.truth * self.iou).sum(axis=-1), total, empty=np.nan)
        values = {"mIoU": self.iou, "mean_accuracy": self.accuracy, "Dice": self.dice}[name]
        some = ~np.isnan(values)
        return ratio(np.where(some, values, 0.0).sum(axis=-1), some.sum(axis=-1), empty=np.nan)
