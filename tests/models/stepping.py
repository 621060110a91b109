"""What every backend does while it encodes."""

from __future__ import annotations

import numpy as np
import pytest

from evalnb.core.ports import Pixels
from evalnb.models._sam2 import Sam2Segmenter


def encodes_in_steps(segmenter: Sam2Segmenter, picture: Pixels) -> None:
    """It says how far it is, ends when it is told to, and keeps nothing of what it left."""
    shares: list[float] = []
    segmenter.encode("told", picture, told=shares.append)
    assert len(shares) >= 4 and shares == sorted(set(shares)) and shares[0] > 0 and shares[-1] < 1

    class Moved(Exception):
        pass

    def moved(share: float) -> None:
        if share > 0.4:
            raise Moved

    other = np.ascontiguousarray(picture[::-1])
    with pytest.raises(Moved):
        segmenter.encode("left", other, told=moved)
    assert not segmenter.encoded("left")
    segmenter.encode("left", other)
    assert segmenter.encoded("left")
