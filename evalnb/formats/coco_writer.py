"""evalnb's records, written as COCO's objects. What ``coco_reader`` read and nobody edited comes out as it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evalnb.core import masks as rle
from evalnb.core.sources import AS_GIVEN, SourceShape
from evalnb.core.taxonomy import Class

Json = Mapping[str, Any]


def class_object(one: Class) -> dict[str, Any]:
    """The element of ``categories`` for a class."""
    out: dict[str, Any] = {"id": one.id, "name": one.name, "supercategory": one.supercategory}
    out["keypoints"] = list(one.keypoints)
    out["skeleton"] = [list(pair) for pair in one.skeleton]
    if not one.extra:  # a class made here says only what it has
        out = {name: value for name, value in out.items() if value or name in ("id", "name")}
    if one.color:
        out["color"] = one.color
    return as_given(out, one.extra)


def image_object(
    source_id: int | str, file_name: str, width: int, height: int, tags: Sequence[str], extra: Json
) -> dict[str, Any]:
    """The element of ``images`` for an image."""
    out: dict[str, Any] = {"id": source_id, "file_name": file_name, "width": width, "height": height}
    if tags:
        out["tags"] = list(tags)
    return as_given(out, extra)


def annotation_object(
    shape: SourceShape, source_id: int | str, image_id: int | str, category_id: Any
) -> dict[str, Any]:
    """The element of ``annotations`` for a shape; ready for orjson (geometry is spliced in unparsed)."""
    out: dict[str, Any] = {
        "id": source_id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(shape.box),
        "area": shape.area,
        "iscrowd": int(shape.crowd),
    }
    extra = orjson.loads(shape.extra) if shape.extra != b"{}" else {}
    if shape.geometry is not None:
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
    return as_given(out, extra)


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
