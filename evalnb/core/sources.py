"""What a format's reader hands to the store: images and shapes as a file stated them, already checked.

A source's ids may be integers or strings, and need not be contiguous. Their text form (``key_of``) keeps the two
apart, so that ``id_of`` gives back exactly what the file said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evalnb.core.records import GeometryKind, Track

LIMIT_PX = 1e7
"""No coordinate or side beyond this is believed: the largest pictures that exist are 100 times smaller."""

AS_GIVEN = "_source"
"""The key in ``extra`` under which a reader keeps how the file wrote what evalnb normalises: ``absent`` names the
keys it left out, ``given`` holds values written in another form. A writer replays it; an edit forgets the part that
it changes."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")


def key_of(source_id: int | str) -> str:
    """An id as text: 7 → ``7``; "a7" → ``a7``; the string "7" → ``"7"``, with quotes, so that it is not 7."""
    if isinstance(source_id, int):
        return str(source_id)
    return f'"{source_id}"' if _INTEGER.match(source_id) or source_id.startswith('"') else source_id


def id_of(key: str) -> int | str:
    """The id whose text form is ``key``."""
    if key.startswith('"'):
        return key[1:-1]
    return int(key) if _INTEGER.match(key) else key


def with_form(extra: dict[str, Any], absent: list[str], given: dict[str, Any]) -> dict[str, Any]:
    """``extra`` with how the file wrote things, if there is anything to say of it."""
    if AS_GIVEN in extra:  # the file's own key of that name
        given = {**given, AS_GIVEN: extra[AS_GIVEN]}
        extra = {name: value for name, value in extra.items() if name != AS_GIVEN}
    form = {name: value for name, value in (("absent", absent), ("given", given)) if value}
    whole = {**extra, AS_GIVEN: form} if form else extra
    return {name: exact(value) for name, value in whole.items()}


def exact(value: Any) -> Any:
    """JSON that survives PostgreSQL's jsonb: equal to ``value``, with great whole doubles spelled out as integers.

    jsonb keeps decimal digits. 6.839568479830094e+16 is a double's shortest name, and comes back as the integer of
    those digits, which is another number.
    """
    if isinstance(value, float):
        return int(value) if 2**53 <= abs(value) < 2**63 else value
    if isinstance(value, dict):
        return {name: exact(one) for name, one in value.items()}
    return [exact(one) for one in value] if isinstance(value, list) else value


def forget(extra: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """``extra`` without what the source said about the form of ``names``: they have changed since."""
    out = dict(extra)
    said = out.pop(AS_GIVEN, None)
    if said:
        absent = [name for name in said.get("absent", ()) if name not in names]
        given = {name: value for name, value in said.get("given", {}).items() if name not in names}
        rest = {"absent": absent, "given": given}
        kept = {name: value for name, value in rest.items() if value}
        if kept:
            out[AS_GIVEN] = kept
    return out


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image as a file stated it, with its pixels found."""

    key: str
    file_name: str
    uri: str | None
    sha256: str | None
    width: int
    height: int
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


class SourceShape(NamedTuple):
    """One annotation as a file stated it. A tuple, since an import makes a million of them."""

    key: str
    image_id: int
    """evalnb's id of the image."""
    class_id: int
    kind: GeometryKind
    box: tuple[float, float, float, float]
    area: float
    geometry: bytes | None
    """JSON, as ``AnnotationRow.geometry`` holds it."""
    keypoints: bytes | None
    """JSON [[x, y, v], …]."""
    crowd: bool
    attributes: bytes
    """A JSON object."""
    tags: tuple[str, ...]
    extra: bytes
    """A JSON object."""
    z: int = 0
    track: Track = Track()
