"""Numbers from a match table. None of them matches anything again; see ``evalnb.core.matching``."""

from evalnb.core.metrics.accumulate import Accumulated, accumulate, numbers, per_class, summary, summary_keys
from evalnb.core.metrics.bearing import bearing, range_of
from evalnb.core.metrics.confusion import BACKGROUND, Confusion, confusion
from evalnb.core.metrics.counts import by_confidence, by_image
from evalnb.core.metrics.part import Part
from evalnb.core.metrics.replicates import Replicates, replicates
from evalnb.core.metrics.tally import RECALLS, Tally, tally

__all__ = [
    "BACKGROUND",
    "RECALLS",
    "Accumulated",
    "Confusion",
    "Part",
    "Replicates",
    "Tally",
    "accumulate",
    "bearing",
    "by_confidence",
    "by_image",
    "confusion",
    "numbers",
    "per_class",
    "range_of",
    "replicates",
    "summary",
    "summary_keys",
    "tally",
]
