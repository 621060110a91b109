"""What routes have in common: which refusals they document, and pages by key."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query

from evalnb.wire.http import MOST_INT, Problem

_T = TypeVar("_T")

_WHEN = {
    400: "The body is no JSON.",
    401: "The request does not say who makes it.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller is no member of its project.",
    409: "It exists already, or somebody changed it first.",
    410: "It was here, and has expired.",
    412: "Another version of the protocol.",
    413: "The body is too large.",
    415: "A file that could run code or exhaust the machine, or a body of another type.",
    422: "A value that cannot be used.",
    423: "Another connection writes to it.",
    429: "Too many attempts; Retry-After says when the next may be made.",
    460: "The bytes have another checksum; none of them was kept.",
    503: "Something that it needs is down.",
}

Id = Annotated[int, Path(ge=1, le=MOST_INT)]
"""The id of a thing, in the path."""

After = Annotated[int, Query(ge=0, le=MOST_INT, description="The `next` of the page before; 0: from the beginning.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


CalledNow = Annotated[
    str, Query(min_length=1, max_length=200, description="Its name: what is called otherwise by now is not deleted.")
]


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route that may refuse with these, each a Problem."""
    return {
        status: {"model": Problem, "description": _WHEN.get(status) or HTTPStatus(status).phrase}
        for status in sorted(statuses)
    }


READ = answers(401, 403, 404, 422, 503)
"""The refusals of a route that reads one thing or a list of them."""

WRITE = answers(401, 403, 404, 409, 422, 503)
"""The refusals of a route that changes something."""


def cut(found: Sequence[_T], limit: int) -> tuple[Sequence[_T], _T | None]:
    """The page's own of ``limit`` + 1 that were asked for, and its last one where there are more beyond it."""
    page = found[:limit]
    return page, page[-1] if len(found) > limit else None
