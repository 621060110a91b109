"""evalnb's records, written as COCO's objects. What ``coco_reader`` read and nobody edited comes out as it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evalnb.core import masks as rle
from evalnb.core.records import Geometry
from evalnb.core.sources import AS_GIVEN, SourceShape
from evalnb.core.stored import to_geometry
from evalnb.core.taxonomy import Class
from evalnb.formats import coco_extension

Json = Mapping[str, Any]

_FOREIGN = ("rotated", "ellipse", "polyline", "points")
"""Kinds that COCO does not know."""


def class_object(one: Class) -> dict[str, Any]:
    """The element of ``categories`` for a class."""
    out: dict[str, Any] = {"id": one.id, "name": one.name, "supercategory": one.supercategory}
    out["keypoints"] = list(one.keypoints)
    out["skeleton"] = [list(pair) for pair in one.skeleton]
    if not one.extra:  # a class made here says only what it has
        out = {name: value for name, value in out.items() if value or name in ("id", "name")}
    if one.color:
        out["color"] = one.color
    out = as_given(out, one.extra)
    if one.attributes:
        out[coco_extension.KEY] = {"attributes": coco_extension.attributes_said(one.attributes)}
    return out


def image_object(
    source_id: int | str, file_name: str, width: int, height: int, tags: Sequence[str], extra: Json
) -> dict[str, Any]:
    """The element of ``images`` for an image."""
    out: dict[str, Any] = {"id": source_id, "file_name": file_name, "width": width, "height": height}
    if tags:
        out["tags"] = list(tags)
    return as_given(out, extra)


def annotation_object(
    shape: SourceShape, source_id: int | str, image_id: int | str, category_id: Any, size: tuple[int, int]
) -> dict[str, Any]:
    """The element of ``annotations`` for a shape; ready for orjson (geometry is spliced in unparsed).

    ``size`` is the height and width of its image. What COCO has no word for stands under ``coco_extension.KEY``.
    """
    out: dict[str, Any] = {
        "id": source_id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(shape.box),
        "area": shape.area,
        "iscrowd": int(shape.crowd),
    }
    extra = orjson.loads(shape.extra) if shape.extra != b"{}" else {}
    own: dict[str, Any] = {}
    if shape.kind in _FOREIGN or (shape.kind == "polygon" and shape.geometry and shape.geometry.startswith(b"{")):
        stored = None if shape.geometry is None else orjson.loads(shape.geometry)
        geometry = to_geometry(shape.kind, shape.box, stored, None)
        out["segmentation"] = coco_extension.segmentation(geometry, size)
        own = coco_extension.said(geometry, shape.z, shape.track)
    elif shape.geometry is not None:
        if extra.get(AS_GIVEN, {}).get("given", {}).pop("counts", None) == "list":
            mask = orjson.loads(shape.geometry)
            runs = rle.from_string(mask["counts"], mask["size"]).counts
            out["segmentation"] = {"size": mask["size"], "counts": runs.tolist()}
        else:
            out["segmentation"] = orjson.Fragment(shape.geometry)
    if shape.keypoints is not None:
        points = orjson.loads(shape.keypoints)
        out["keypoints"] = [value for point in points for value in point]
        out["num_keypoints"] = sum(point[2] > 0 for point in points)
    if shape.attributes != b"{}":
        out["attributes"] = orjson.Fragment(shape.attributes)
    if shape.tags:
        out["tags"] = list(shape.tags)
    out = as_given(out, extra)
    if shape.z or shape.track.id is not None:
        own = own or coco_extension.said(Geometry("box", shape.box), shape.z, shape.track)
    if own:
        out[coco_extension.KEY] = own
    return out


def as_given(out: dict[str, Any], extra: Json) -> dict[str, Any]:
    """``out`` with what else the source said, and in the form that it said it."""
    form = extra.get(AS_GIVEN, {})
    for name, value in extra.items():
        if name != AS_GIVEN:
            out[name] = value
    for name in form.get("absent", ()):
        out.pop(name, None)
    out.update(form.get("given", {}))
    return out
