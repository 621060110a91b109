"""What the HTTP shapes share: refusals, and the values that travel in JSON and fit into PostgreSQL."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from evalnb.wire.base import Wire

MOST_INT = 2**63 - 1
"""The largest id that the store can hold."""


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _measured(value: object) -> object:
    # COCO's -1 says "there is no truth to find", which JSON has a word for.
    return None if isinstance(value, float | int) and value == -1 else _finite(value)


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A float that may not exist: JSON has no NaN, it has null."""

Score = Annotated[float | None, BeforeValidator(_measured)]
"""A measured number; null where there is no truth to measure it by (in Python -1 or NaN)."""

Text = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=10_000)]
"""Text that PostgreSQL can hold: it has no NUL character."""

Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=200)]
"""A name on one line."""

Key = Annotated[int, Field(strict=True, ge=1, le=MOST_INT)]
"""An id of the store's."""


def example(**values: Any) -> ConfigDict:
    """The configuration of a shape that the documentation shows filled in."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Problem(Wire):
    """RFC 9457 (application/problem+json): a refusal. ``detail`` is what happened, ``remedy`` what to do now."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str
    request_id: str = ""
    """What the log calls the request; also in the header X-Request-Id."""
