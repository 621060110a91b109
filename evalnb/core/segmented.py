"""What a segmenter found in one image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.candidates import Candidates
from evalnb.core.masks import Rle
from evalnb.core.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """Masks of one image: one for each object asked for, in that order, or all that were found, best first."""

    masks: tuple[Rle, ...]
    scores: Floats
    """(n,) the IoU that the model predicts for each."""
    size: tuple[int, int]
    """(height, width) of the image, in pixels."""

    @classmethod
    def of(cls, found: Candidates) -> Segmented:
        """Every one of the candidates."""
        cut = [found.cut(place) for place in range(len(found))]
        return cls(
            tuple(masks.placed(inside, window, found.size) for window, inside in cut), found.scores, found.size
        )

    def __len__(self) -> int:
        return len(self.masks)

    def __iter__(self) -> Iterator[tuple[Rle, float]]:
        """Each mask with its score."""
        return zip(self.masks, self.scores.tolist(), strict=True)

    @property
    def box(self) -> Floats:
        """(n, 4) x, y, w, h, tight around each mask; zeros for an empty one."""
        return np.array([masks.box(one) for one in self.masks], dtype=np.float64).reshape(-1, 4)

    @property
    def area(self) -> Floats:
        """(n,) px²."""
        return np.array([one.area_px for one in self.masks], dtype=np.float64)

    def arrays(self) -> NDArray[np.bool_]:
        """(n, h, w)."""
        out = np.zeros((len(self), *self.size), dtype=bool)
        for place, one in enumerate(self.masks):
            out[place] = masks.decode(one)
        return out
