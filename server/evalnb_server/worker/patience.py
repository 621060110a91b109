"""Writes that wait out a database which is away for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from evalnb.errors import Unavailable

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def patiently(write: Callable[[], _T], *, within_s: float) -> _T:
    """``write()``, tried again while the database does not answer; Unavailable after ``within_s``."""
    ends = time.monotonic() + within_s
    while True:
        try:
            return write()
        except Unavailable as error:
            if time.monotonic() > ends:
                raise
            _log.warning("%s; trying again", error.happened)
        time.sleep(0.5)
