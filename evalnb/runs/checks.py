"""What a field of COCO's files must be. Each check answers None, or what is wrong with the value in a few words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from evalnb.core.numbers import LIST as LIST
from evalnb.core.numbers import NUMBER as NUMBER
from evalnb.core.numbers import is_number as is_number

FARTHEST_PX = 1e9
"""A coordinate beyond this is a mistake; scan.c has the same."""


def known_id(value: Any, known: Mapping[int, Any], what: str) -> str | None:
    """Of an id that ought to be among the known ones."""
    # What is no id may not even be hashable: it is looked up only when it is one.
    return is_id(value) or (None if value in known else what)


def is_id(value: Any) -> str | None:
    """Of a whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, NUMBER):
        return "missing" if value is None else "not an integer"
    if value != value or math.isinf(value) or int(value) != value or abs(value) >= 2**63:
        return "not an integer of 64 bits"
    return None


def is_coordinate(value: Any) -> str | None:
    """Of a number that a picture can hold."""
    return is_number(value) or (None if abs(value) <= FARTHEST_PX else f"{value}: no picture is that large")


def is_area(value: Any) -> str | None:
    """Of a finite number that is not negative."""
    return is_number(value) or (None if value >= 0 else f"negative: {value}")


def is_flag(value: Any) -> str | None:
    """Of 0, 1, or nothing."""
    return None if value is None or (isinstance(value, (bool, *NUMBER)) and value in (0, 1)) else "not 0 or 1"


def is_tags(value: Any) -> str | None:
    """Of a list, or nothing."""
    return None if value is None or isinstance(value, LIST) else "not a list"


def is_box(value: Any) -> str | None:
    """Of [x, y, width, height]."""
    if value is None:
        return "missing"
    if not isinstance(value, LIST) or len(value) != 4:
        return "not [x, y, width, height]"
    for one in value:
        if what := is_coordinate(one):
            return what
    if value[2] < 0 or value[3] < 0:
        return f"inverted: width {value[2]}, height {value[3]}"
    return None


def is_triples(value: Any) -> str | None:
    """Of x, y and visibility for each keypoint."""
    if not isinstance(value, LIST) or not len(value) or len(value) % 3:
        return "missing" if value is None else "not x, y, visibility for each keypoint"
    return next((what for one in value if (what := is_coordinate(one))), None)
