"""Many run-length masks end to end, so that the native library can compare them without a Python object for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.masks import Rle
from evalnb.core.records import Floats, Ints


class _Masks(native.Struct):
    _fields_ = native.fields("counts start stop size area box")


@dataclass(frozen=True, eq=False)
class PackedMasks(Sequence[Rle]):
    """n masks; it reads as a sequence of ``Rle``, each made when it is asked for."""

    counts: NDArray[np.uint32]
    """The runs of all masks, in any order; there may be others between them."""
    start: Ints
    """(n,) where each mask's runs begin."""
    stop: Ints
    """(n,) where they end."""
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
        """From runs end to end, (n + 1,) where each mask's begin, and their (n, 2) sizes."""
        return cls.between(counts, start[:-1], start[1:], size)

    @classmethod
    def between(cls, counts: NDArray[np.uint32], start: Ints, stop: Ints, size: NDArray[np.int32]) -> PackedMasks:
        """From runs, where each mask's begin and end, and their (n, 2) sizes; areas and boxes are computed."""
        many = len(start)
        counts, size = native.as_array(counts, np.uint32), native.as_array(size, np.int32)
        start, stop = native.as_array(start, np.int64), native.as_array(stop, np.int64)
        area, box, sound = np.zeros(many, np.int64), np.zeros((many, 4)), np.zeros(many, bool)
        where = [native.address(one) for one in (counts, start, stop, size)]
        measure, out = native.library().evalnb_mask_measure, [native.address(one) for one in (area, box, sound)]
        native.spread(
            lambda low, high: measure(*where, low, high, *out), native.in_parts(stop - start, least=1_000_000)
        )
        return cls(counts=counts, start=start, stop=stop, size=size, area=area, box=box, sound=sound)

    @classmethod
    def made(
        cls,
        make: Callable[[int, int, int, int, int], int],
        size: NDArray[np.int32],
        expected: Ints,
        *,
        least: int,
    ) -> PackedMasks:
        """Masks of (n, 2) sizes that the native library makes one after the other, on all cores.

        ``make(from, to, out, room, ends)`` writes the runs of masks ``from`` … ``to`` and returns the one that it
        stopped before for want of room, or -1 without memory. ``expected`` (n,) is about how many runs each may have;
        ``least`` is what is worth a thread.
        """
        ends = np.zeros(len(size), np.int64)

        def work(low: int, high: int) -> list[NDArray[np.uint32]]:
            pieces: list[NDArray[np.uint32]] = []
            room, at = int(expected[low:high].sum()) + 4096, low
            while at < high:
                piece = np.empty(room, np.uint32)
                reached = make(at, high, piece.ctypes.data, room, ends.ctypes.data)
                native.checked(native.NO_MEMORY if reached < 0 else native.OK)
                if reached > at:
                    pieces.append(piece[: ends[reached - 1]].copy())
                    ends[at:reached] = np.diff(ends[at:reached], prepend=0)
                else:
                    room *= 4
                at = reached
            return pieces

        found = native.spread(work, native.in_parts(expected, least=least)) if len(size) else []
        pieces = [one for several in found for one in several]
        counts = np.concatenate(pieces) if pieces else np.empty(0, np.uint32)
        return cls.measured(counts, np.concatenate(([0], np.cumsum(ends))), size)

    @cached_property
    def struct(self) -> native.Struct:
        """What the native library takes."""
        columns = {name: getattr(self, name) for name in ("counts", "start", "stop", "size", "area", "box")}
        return _Masks(**columns)

    def take(self, rows: Ints) -> PackedMasks:
        """The masks of these rows, in their order; they share the runs."""
        own = ("start", "stop", "size", "area", "box", "sound")
        return replace(self, **{name: getattr(self, name)[rows] for name in own})

    def together(self) -> PackedMasks:
        """The same masks, their runs end to end and nothing between them."""
        many = self.stop - self.start
        start = np.concatenate(([0], np.cumsum(many)))
        if start[-1] == len(self.counts) and np.array_equal(start[:-1], self.start):
            return self
        runs = [self.counts[low:high] for low, high in zip(self.start.tolist(), self.stop.tolist(), strict=True)]
        counts = np.concatenate(runs) if runs else self.counts[:0]
        return replace(self, counts=counts, start=start[:-1], stop=start[1:])

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, at: int) -> Rle: ...

    @overload
    def __getitem__(self, at: slice) -> PackedMasks: ...

    def __getitem__(self, at: int | slice) -> Rle | PackedMasks:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        at = range(len(self))[at]
        height, width = self.size[at].tolist()
        return Rle((height, width), self.counts[self.start[at] : self.stop[at]])


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
