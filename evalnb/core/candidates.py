"""What one prompt of a segmenter may mean: masks as a model draws them, coarse and with doubt, and as pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Masks of one image for one prompt, the likeliest first."""

    logits: NDArray[np.float32] | NDArray[np.bool_]
    """(n, r, c) over the whole image, of any resolution; more than 0 inside. Or masks themselves, (n, h, w) bool."""
    scores: Floats
    """(n,) the IoU that the model predicts."""
    size: tuple[int, int]
    """(height, width) of the image, in pixels."""

    def __len__(self) -> int:
        return len(self.scores)

    def cut(self, place: int) -> tuple[tuple[int, int, int, int], NDArray[np.bool_]]:
        """One mask in the image's pixels: a window x, y, w, h with all of it, and the (h, w) bool there.

        Logits are interpolated bilinearly, as SAM 2 does it (align_corners=False), but only where something can be
        inside: a small object in an image of 30 million pixels costs what the object does.
        """
        return self._drawn(place, self.size)

    def mask(self, place: int) -> NDArray[np.bool_]:
        """One mask, (h, w)."""
        (x, y, w, h), inside = self.cut(place)
        whole = np.zeros(self.size, dtype=bool)
        whole[y : y + h, x : x + w] = inside
        return whole

    def glimpse(self, place: int, longest: int) -> tuple[tuple[float, float, float, float], NDArray[np.bool_]]:
        """One mask for a quick look: its window x, y, w, h in image pixels, and (r, c) bool of any resolution there,
        with no side longer than about ``longest``."""
        _, _, w, h = self._reach(place, self.size)
        height, width = self.size
        # Each side by itself: a strip keeps its few pixels across.
        size = (max(1, round(height / max(1, h / longest))), max(1, round(width / max(1, w / longest))))
        (x, y, w, h), inside = self._drawn(place, size)
        across, down = width / size[1], height / size[0]
        return (x * across, y * down, w * across, h * down), inside

    def _reach(self, place: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The window of an image of ``size`` outside which nothing of the mask can be."""
        inside = self.logits[place] > 0
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            return 0, 0, 0, 0
        y0, y1 = _span(rows, inside.shape[0], size[0])
        x0, x1 = _span(columns, inside.shape[1], size[1])
        return x0, y0, x1 - x0, y1 - y0

    def _drawn(self, place: int, size: tuple[int, int]) -> tuple[tuple[int, int, int, int], NDArray[np.bool_]]:
        x, y, w, h = self._reach(place, size)
        if not w or not h:
            return (0, 0, 0, 0), np.zeros((0, 0), dtype=bool)
        drawn = self.logits[place]
        if drawn.shape == size:
            inside = drawn[y : y + h, x : x + w] > 0
        else:
            values = drawn.astype(np.float32) - np.float32(0.5) if drawn.dtype == np.bool_ else drawn
            left, right, across = _taps(np.arange(x, x + w), drawn.shape[1], size[1])
            upper, lower, down = _taps(np.arange(y, y + h), drawn.shape[0], size[0])
            wide = values[:, left] * (1 - across) + values[:, right] * across
            inside = wide[upper] * (1 - down[:, None]) + wide[lower] * down[:, None] > 0
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            return (0, 0, 0, 0), np.zeros((0, 0), dtype=bool)
        y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        return (x + x0, y + y0, x1 - x0, y1 - y0), inside[y0:y1, x0:x1]


def _span(places: NDArray[np.intp], count: int, length: int) -> tuple[int, int]:
    """The pixels, of ``length``, that one of the cells, of ``count``, has a share in."""
    cell = length / count
    first = int(np.floor((places[0] - 0.5) * cell - 0.5))
    last = int(np.ceil((places[-1] + 1.5) * cell - 0.5)) + 1
    return max(0, first), min(length, last)


def _taps(
    pixels: NDArray[np.intp], count: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel the two cells it lies between, and how far it is to the second."""
    at = np.float32(count / length) * (pixels.astype(np.float32) + np.float32(0.5)) - np.float32(0.5)
    at = np.maximum(at, np.float32(0))
    lower = np.minimum(at.astype(np.intp), count - 1)
    return lower, np.minimum(lower + 1, count - 1), at - lower.astype(np.float32)
