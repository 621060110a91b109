"""What an edit changed, in words: each property as it was and as it became."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalnb.core.shapes import area_of
from evalnb.edits import Edit
from evalnb.wire.review import PastChange
from evalnb.wire.shapes import Geometry, MaskGeometry, Patch

NOTHING = "–"
LONGEST = 80
"""So many characters of a value are told."""


def told(edit: Edit, classes: Mapping[int, str]) -> list[PastChange]:
    """Each property that the edit set, before and after; ``classes`` by id. Of attributes only those that differ."""
    before, after = Patch.model_validate(edit.before), Patch.model_validate(edit.patch)
    found: list[PastChange] = []
    if after.class_id is not None:
        found.append(_change("class", *(_class(one.class_id, classes) for one in (before, after))))
    if after.geometry is not None:
        found.append(_change("outline", *(_outline(one.geometry) for one in (before, after))))
    if after.attributes is not None:
        old, new = before.attributes or {}, after.attributes
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        found += [_change(name, _value(old.get(name)), _value(new.get(name))) for name in names]
    if after.crowd is not None and (after.crowd or before.crowd is not None):
        found.append(_change("crowd", _value(before.crowd), _value(after.crowd)))
    if after.z is not None and (after.z or before.z is not None):
        found.append(_change("order", _value(before.z), _value(after.z)))
    if after.tags or before.tags:
        found.append(_change("tags", ", ".join(before.tags or []), ", ".join(after.tags or [])))
    if after.track is not None and (after.track.id is not None or before.track is not None):
        found.append(_change("track", *(_track(one) for one in (before, after))))
    return found


def _change(name: str, before: str, after: str) -> PastChange:
    return PastChange(name=name, before=before or NOTHING, after=after or NOTHING)


def _class(class_id: int | None, classes: Mapping[int, str]) -> str:
    return "" if class_id is None else classes.get(class_id, f"class {class_id}")


def _outline(geometry: Geometry | None) -> str:
    if geometry is None:
        return ""
    x, y, w, h = geometry.box
    where = f"{w:.0f} × {h:.0f} at {x:.0f}, {y:.0f}"
    match geometry.kind:
        case "polygon" | "polyline":
            corners = sum(len(run) // 2 for run in [*geometry.parts, *getattr(geometry, "holes", [])])
            return f"{geometry.kind} of {corners} corners, {where}"
        case "points" | "keypoints":
            return f"{len(geometry.points)} {geometry.kind}, {where}"
        case "mask":
            assert isinstance(geometry, MaskGeometry)
            return f"mask of {area_of(geometry.record()):,.0f} px, {where}"
        case "rotated":
            return f"rotated box, {where}"
        case _:
            return f"{geometry.kind} {where}"


def _track(patch: Patch) -> str:
    track = patch.track
    if track is None or track.id is None:
        return ""
    place = "out of sight" if track.outside else "keyframe" if track.keyframe else "between keyframes"
    return f"{place} ({str(track.id)[:4]})"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
