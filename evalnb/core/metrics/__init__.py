"""Numbers from a match table. None of them matches anything again; see ``evalnb.core.matching``."""

from evalnb.core.metrics.accumulate import (
    RECALLS,
    Accumulated,
    Part,
    accumulate,
    per_class,
    summary,
    summary_keys,
)
from evalnb.core.metrics.confusion import BACKGROUND, Confusion, confusion
from evalnb.core.metrics.counts import by_confidence, by_image

__all__ = [
    "BACKGROUND",
    "RECALLS",
    "Accumulated",
    "Confusion",
    "Part",
    "accumulate",
    "by_confidence",
    "by_image",
    "confusion",
    "per_class",
    "summary",
    "summary_keys",
]
