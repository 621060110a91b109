"""Many run-length masks end to end, so that the native library can compare them without a Python object for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.masks import Rle
from evalnb.core.records import Floats, Ints


class _Masks(native.Struct):
    _fields_ = native.fields("counts start size area box")


@dataclass(frozen=True, eq=False)
class PackedMasks(Sequence[Rle]):
    """n masks; it reads as a sequence of ``Rle``, each made when it is asked for."""

    counts: NDArray[np.uint32]
    """The runs of all masks, end to end."""
    start: Ints
    """(n + 1,) where each mask's runs begin."""
    size: NDArray[np.int32]
    """(n, 2) height, width in px."""
    area: Ints
    """(n,) px set."""
    box: Floats
    """(n, 4) the tight box x, y, w, h of the set pixels; zeros for an empty mask."""
    sound: NDArray[np.bool_]
    """(n,) whether the runs fill the size exactly."""

    @classmethod
    def of(cls, masks: Iterable[Rle]) -> PackedMasks:
        """Pack masks, in order."""
        if isinstance(masks, PackedMasks):
            return masks
        masks = list(masks)
        counts = [np.asarray(one.counts, dtype=np.uint32) for one in masks]
        return cls.measured(
            np.concatenate(counts) if counts else np.empty(0, np.uint32),
            np.concatenate(([0], np.cumsum([len(one) for one in counts]))).astype(np.int64),
            np.array([one.size for one in masks], dtype=np.int32).reshape(-1, 2),
        )

    @classmethod
    def measured(cls, counts: NDArray[np.uint32], start: Ints, size: NDArray[np.int32]) -> PackedMasks:
        """From runs, where each mask's begin, and their (n, 2) sizes; areas and boxes are computed."""
        many = len(start) - 1
        counts, size = native.as_array(counts, np.uint32), native.as_array(size, np.int32)
        start = native.as_array(start, np.int64)
        area, box, sound = np.zeros(many, np.int64), np.zeros((many, 4)), np.zeros(many, bool)
        where = [native.address(one) for one in (counts, start, size)]
        native.library().evalnb_mask_measure(*where, many, *map(native.address, (area, box, sound)))
        return cls(counts=counts, start=start, size=size, area=area, box=box, sound=sound)

    @cached_property
    def struct(self) -> native.Struct:
        """What the native library takes."""
        return _Masks(counts=self.counts, start=self.start, size=self.size, area=self.area, box=self.box)

    def take(self, rows: Ints) -> PackedMasks:
        """The masks of these rows, in their order."""
        many = (self.start[1:] - self.start[:-1])[rows]
        start = np.concatenate(([0], np.cumsum(many)))
        at = np.repeat(self.start[:-1][rows] - start[:-1], many) + np.arange(int(start[-1]))
        return PackedMasks(
            counts=self.counts[at],
            start=start,
            size=self.size[rows],
            area=self.area[rows],
            box=self.box[rows],
            sound=self.sound[rows],
        )

    def __len__(self) -> int:
        return len(self.start) - 1

    @overload
    def __getitem__(self, at: int) -> Rle: ...

    @overload
    def __getitem__(self, at: slice) -> PackedMasks: ...

    def __getitem__(self, at: int | slice) -> Rle | PackedMasks:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        at = range(len(self))[at]
        height, width = self.size[at].tolist()
        return Rle((height, width), self.counts[self.start[at] : self.start[at + 1]])


def pair_mask_iou(
    detection: PackedMasks,
    truth: PackedMasks,
    at_detection: NDArray[np.integer[Any]],
    at_truth: NDArray[np.integer[Any]],
    crowd: NDArray[np.bool_],
    *,
    at_least: float = 0.0,
) -> Floats:
    """(p,) IoU of mask pairs, equal to COCO's ``rleIou``; 0 where the two masks have different sizes.

    Pairs whose areas and boxes alone keep them below ``at_least`` are answered 0 without looking at their runs.
    """
    out = np.zeros(len(at_detection))
    left, right = native.as_array(at_detection, np.int64), native.as_array(at_truth, np.int64)
    crowds = native.as_array(crowd, np.uint8)
    ious = native.library().evalnb_mask_ious

    def work(low: int, high: int) -> None:
        ious(
            native.address(detection.struct),
            native.address(truth.struct),
            left.ctypes.data + 8 * low,
            right.ctypes.data + 8 * low,
            native.address(crowds),
            high - low,
            at_least,
            out.ctypes.data + 8 * low,
        )

    step = max(10_000, -(-len(out) // native.cores()))
    native.spread(work, [(low, min(low + step, len(out))) for low in range(0, len(out), step)])
    return out
