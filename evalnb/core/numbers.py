"""What a number of a file or a notebook must be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Results made in a notebook are full of numpy's own numbers.
NUMBER: tuple[Any, ...] = (int, float, np.integer, np.floating)
LIST: tuple[Any, ...] = (list, tuple, np.ndarray)


def is_number(value: Any) -> str | None:
    """Of a finite number: None, or what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, NUMBER):
        return "missing" if value is None else "not a number"
    return None if math.isfinite(value) else f"{value}, which is not finite"
