"""The built browser halves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from evalnb.errors import Unavailable

_STATIC = Path(__file__).parent / "static"


@cache
def read(name: str) -> str:
    """The text of one built file, for instance ``annotator.js``; Unavailable says how to build it."""
    path = _STATIC / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Unavailable(
            f"the widget's browser half {path} is not built", remedy="run `make setup` in the clone of evalnb"
        ) from error
