"""The JSON in which a geometry is stored: what ``AnnotationRow.geometry`` and ``SourceShape.geometry`` hold."""

from __future__ import annotations

from typing import Any

from evalnb.core import masks as rle
from evalnb.core.records import Geometry, Turned


def to_geometry(kind: str, box: tuple[float, float, float, float], stored: Any, keypoints: Any) -> Geometry:
    """The core geometry of what ``AnnotationRow.geometry`` and ``.keypoints`` hold."""
    parts: tuple[tuple[float, ...], ...] = ()
    holes: tuple[tuple[float, ...], ...] = ()
    mask = turned = None
    match kind:
        case "polygon" if isinstance(stored, dict):
            parts, holes = _runs(stored["parts"]), _runs(stored["holes"])
        case "polygon" | "polyline":
            parts = _runs(stored or ())
        case "points":
            parts = (tuple(float(value) for point in stored for value in point),)
        case "rotated" | "ellipse":
            x, y, w, h, angle = map(float, stored)
            turned = Turned((x, y), (w, h), angle)
        case "mask":
            mask = rle.from_string(stored["counts"], stored["size"])
    return Geometry(
        kind=kind,  # type: ignore[arg-type]  # the table's constraint keeps it among the kinds
        box=box,
        parts=parts,
        holes=holes,
        mask=mask,
        points=tuple((float(x), float(y), int(v)) for x, y, v in keypoints or ()),
        turned=turned,
    )


def from_geometry(geometry: Geometry) -> Any:
    """What ``AnnotationRow.geometry`` holds of it."""
    match geometry.kind:
        case "polygon" if geometry.holes:
            return {"parts": list(map(list, geometry.parts)), "holes": list(map(list, geometry.holes))}
        case "polygon" | "polyline":
            return [list(part) for part in geometry.parts]
        case "points":
            flat = geometry.parts[0]
            return [list(point) for point in zip(flat[0::2], flat[1::2], strict=True)]
        case "rotated" | "ellipse":
            assert geometry.turned is not None
            return [*geometry.turned.center, *geometry.turned.size, geometry.turned.angle]
        case "mask":
            assert geometry.mask is not None
            return {"size": list(geometry.mask.size), "counts": rle.to_string(geometry.mask)}
        case "box" | "keypoints":
            return None


def _runs(parts: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(one) for one in part) for part in parts)
