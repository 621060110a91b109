"""What COCO has no word for, beside what it has: the key ``evalnb`` of an annotation or a category.

Readers that do not know the key see COCO: a rotated box as the polygon of its corners, an ellipse as a polygon within
0.05 px of it, a polygon with holes as run lengths, a polyline or points as the box around them. evalnb reads the key
as long as the rest still says what was written; a file that another tool has edited means what COCO says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from uuid import UUID

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.records import Geometry, Track, Turned
from evalnb.core.sources import LIMIT_PX
from evalnb.core.taxonomy import Attribute, AttributeKind

KEY = "evalnb"
LOSSES = {
    "rotated": "is a rotated box: other readers than evalnb see the polygon of its corners",
    "ellipse": "is an ellipse: other readers than evalnb see a polygon within 0.05 px of it",
    "polygon": "is a polygon with holes: other readers than evalnb see its pixels as run lengths",
    "polyline": "is a polyline: other readers than evalnb see the box around it",
    "points": "is unnamed points: other readers than evalnb see the box around them",
}
"""What an export says of a kind that stands under the key."""
_SLACK_PX = 1e-6
"""How far the numbers of what was written may have been rounded since."""
_FIELDS = {"kind", "turned", "parts", "holes", "z", "track"}
PLACE_LOSS = "has a z-order or a track: other readers than evalnb do not see it"


def is_ours(value: Any) -> bool:
    """Whether a key of that name is one that evalnb wrote, and not another tool's."""
    return isinstance(value, dict) and bool(value) and value.keys() <= _FIELDS


def said(geometry: Geometry, z: int, track: Track) -> dict[str, Any]:
    """The value of the key for a shape; empty where COCO says it all."""
    out: dict[str, Any] = {}
    match geometry.kind:
        case "rotated" | "ellipse":
            turned = geometry.turned
            assert turned is not None
            out = {"kind": geometry.kind, "turned": [*turned.center, *turned.size, turned.angle]}
        case "polygon" if geometry.holes:
            out = {"kind": "polygon", "parts": _lists(geometry.parts), "holes": _lists(geometry.holes)}
        case "polyline" | "points":
            out = {"kind": geometry.kind, "parts": _lists(geometry.parts)}
        case _:
            pass
    if z:
        out["z"] = z
    if track.id is not None:
        out["track"] = {"id": str(track.id), "keyframe": track.keyframe, "outside": track.outside}
    return out


def segmentation(geometry: Geometry, size: tuple[int, int]) -> Any:
    """COCO's own ``segmentation`` of a kind that COCO does not know, in an image of ``size`` (height, width)."""
    match geometry.kind:
        case "rotated" | "ellipse":
            return _lists(shapes.outline(geometry))
        case "polygon":
            mask = shapes.mask_of(geometry, size)
            return {"size": list(mask.size), "counts": rle.to_string(mask)}
        case _:
            return []


def read(value: Any, one: Mapping[str, Any], size: tuple[int, int]) -> Geometry | None:
    """The geometry that the key names. None if it names none, is no value of ours, or the annotation's own
    ``segmentation`` (of a polyline or points its ``bbox``) has been changed since."""
    try:
        geometry = _geometry(value)
    except (KeyError, TypeError, ValueError):
        return None
    if geometry is None:
        return None
    if geometry.kind in ("polyline", "points"):
        return geometry if _close(one.get("bbox"), geometry.box) else None
    stands, expected = one.get("segmentation"), segmentation(geometry, size)
    if isinstance(expected, dict):
        return geometry if stands == expected else None
    same = isinstance(stands, list) and len(stands) == 1 and _close(stands[0], expected[0])
    return geometry if same else None


def read_place(value: Any) -> tuple[int, Track]:
    """z-order and track of the key; what is not there, or nothing that evalnb writes, is the default."""
    if not isinstance(value, dict):
        return 0, Track()
    z, track = value.get("z"), value.get("track", {})
    known = z if type(z) is int and -(2**31) <= z < 2**31 else 0
    try:
        return known, Track(UUID(track["id"]), track["keyframe"] is True, track["outside"] is True)
    except (KeyError, TypeError, ValueError, AttributeError):
        return known, Track()


def attributes_said(attributes: Sequence[Attribute]) -> list[dict[str, Any]]:
    """The attribute schemas of a class, as a category's key holds them."""
    fields = ("name", "kind", "choices", "default", "low", "high")
    said = [{name: getattr(one, name) for name in fields} for one in attributes]
    return [{name: value for name, value in one.items() if value not in (None, ())} for one in said]


def read_attributes(value: Any) -> tuple[Attribute, ...] | None:
    """The attribute schemas of a category's key; None if it is no value of ours."""
    try:
        return tuple(_attribute(one) for one in value["attributes"])
    except (KeyError, TypeError, ValueError):
        return None


def _attribute(one: Mapping[str, Any]) -> Attribute:
    if not isinstance(one["name"], str) or one["kind"] not in get_args(AttributeKind):
        raise ValueError("no attribute of ours")
    choices = tuple(str(choice) for choice in one.get("choices", ()))
    kind = cast(AttributeKind, one["kind"])
    return Attribute(one["name"], kind, choices, one.get("default"), one.get("low"), one.get("high"))


def _geometry(value: Any) -> Geometry | None:
    kind = value["kind"]
    box = (0.0, 0.0, 0.0, 0.0)
    if kind in ("rotated", "ellipse"):
        x, y, w, h, angle = _numbers(value["turned"])
        if w <= 0 or h <= 0:
            raise ValueError("no sides")
        geometry = Geometry(kind, box, turned=Turned((x, y), (w, h), angle))
    elif kind in ("polygon", "polyline", "points"):
        least = {"polygon": 6, "polyline": 4, "points": 2}[kind]
        parts = _runs(value["parts"], least)
        if not parts or (kind == "points" and len(parts) != 1):
            raise ValueError("no parts")
        geometry = Geometry(kind, box, parts=parts, holes=_runs(value.get("holes", ()), 6))
    else:
        return None
    return Geometry(kind, shapes.box_around(geometry), geometry.parts, geometry.holes, turned=geometry.turned)


def _runs(value: Any, least: int) -> tuple[tuple[float, ...], ...]:
    runs = tuple(_numbers(one) for one in value)
    if any(len(one) < least or len(one) % 2 for one in runs):
        raise ValueError("too few points")
    return runs


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ValueError("no list")
    for one in value:
        if type(one) not in (int, float):
            raise ValueError("no numbers")
        if not -LIMIT_PX <= one <= LIMIT_PX:  # nor is NaN
            raise ValueError("out of range")
    return tuple(map(float, value))


def _close(stands: Any, expected: Sequence[float]) -> bool:
    if not isinstance(stands, list) or len(stands) != len(expected):
        return False
    for one, other in zip(stands, expected, strict=True):
        # NaN and a text are close to nothing.
        if type(one) not in (int, float) or not abs(one - other) <= _SLACK_PX:
            return False
    return True


def _lists(parts: Sequence[Sequence[float]]) -> list[list[float]]:
    return [list(part) for part in parts]
