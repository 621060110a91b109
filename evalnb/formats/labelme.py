"""LabelMe: a JSON file beside each image (github.com/wkentaro/labelme, version 5).

``shapes`` hold a label, a ``shape_type`` and points; polygons or points of one label and one ``group_id`` are one
object, as LabelMe's own converter to COCO has it. ``flags`` of the file are tags of the image, ``flags`` and
``description`` of a shape its attributes.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation, Geometry
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import Invalid
from evalnb.formats.labelled import (
    Drawn,
    Losses,
    Picture,
    Refused,
    believable,
    box_of,
    digest_of,
    files_below,
    geometry,
    mask_geometry,
    numbered,
    turned_of,
)
from evalnb.formats.problems import Problems

OWNED = ("data",)
_MOST_BYTES = 64 << 20
_MOST_PX = 1 << 28
"""Of an image, on which a mask is laid out."""
_JOINED = {"polygon": "polygon", "linestrip": "polyline", "line": "polyline", "point": "points", "points": "points"}
"""Shape types whose shapes of one group are one object, and its kind."""
_LEAST = {"polygon": 3, "polyline": 2, "points": 1}


class LabelMeReader:
    """A folder of LabelMe's files; Invalid if it holds none. Classes are numbered in the order of their names."""

    format = "labelme"

    def __init__(self, folder: Path, images: Path | None, problems: Problems) -> None:
        self.source = folder
        if not folder.is_dir():
            raise Invalid(f"{folder} is not a folder", remedy="pass the folder of LabelMe's JSON files")
        self.root = images or folder
        self._files: list[Path] = []
        names: set[str] = set()
        for path in files_below(folder, ".json"):
            try:
                one = _object(path)
            except Refused:
                self._files.append(path)  # listed when its picture is read
                continue
            if "shapes" in one:
                self._files.append(path)
                names.update(_label(shape) for shape in _list(one["shapes"]))
        if not self._files:
            raise Invalid(f"{folder} has no JSON files of LabelMe", remedy="pass the folder that holds them")
        names.discard("")
        self.digest = digest_of(self._files, folder)
        self.classes: Sequence[Class] = numbered(sorted(names))
        self._numbers = {one.name: one.id for one in self.classes}
        self.about: Mapping[str, Any] = {"folder": folder.name}

    def __len__(self) -> int:
        return len(self._files)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """One for each file."""
        for path in self._files[first:]:
            key = path.relative_to(self.source).as_posix()
            try:
                yield self._picture(path, key, problems)
            except Refused as error:
                problems.add("image", key, error.field, error.reason, error.detail)
                yield None

    def _picture(self, path: Path, key: str, problems: Problems) -> Picture:
        one = _object(path)
        said = one.get("imagePath")
        if not isinstance(said, str) or not said or "\0" in said:
            raise Refused("imagePath", "is missing or not text", said)
        below = path.parent.relative_to(self.source) if self.root == self.source else Path()
        name = posixpath.normpath((below / said.replace("\\", "/")).as_posix())
        size = _size(one)
        flags = one.get("flags")
        tags = tuple(tag for tag, on in flags.items() if on is True) if isinstance(flags, dict) else ()
        drawn: list[Drawn] = []
        groups: dict[tuple[str, Any, str], list[int]] = {}
        values = _list(one.get("shapes"))
        for place, value in enumerate(values):
            groups.setdefault(_group(place, value), []).append(place)
        for places in groups.values():
            try:
                drawn.append(self._drawn(str(places[0] + 1), [values[place] for place in places], size))
            except Refused as error:
                problems.add("annotation", f"{key}:{places[0] + 1}", error.field, error.reason, error.detail)
        return Picture(name, drawn, tags=tags)

    def _drawn(self, key: str, values: Sequence[Any], size: tuple[int, int]) -> Drawn:
        one = values[0]
        if not isinstance(one, dict):
            raise Refused("", "is not an object", one)
        label = _label(one)
        if not label:
            raise Refused("label", "is missing or not text", one.get("label"))
        flags = one.get("flags")
        attributes = (
            {name: on for name, on in flags.items() if isinstance(on, bool)} if isinstance(flags, dict) else {}
        )
        if isinstance(one.get("description"), str) and one["description"]:
            attributes["description"] = one["description"]
        return Drawn(key, self._numbers[label], _geometry(values, size), attributes=attributes)


def _geometry(values: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> Geometry:
    kind = values[0].get("shape_type") or "polygon"
    runs = [_points(one) for one in values]
    flat = runs[0]
    if kind in _JOINED:
        joined = _JOINED[kind]
        if min(map(len, runs)) < 2 * _LEAST[joined]:
            raise Refused("points", f"has fewer than {_LEAST[joined]} points", min(map(len, runs)) // 2)
        return geometry(joined, field="points", parts=tuple(runs) if joined != "points" else (sum(runs, ()),))
    if kind in ("rectangle", "circle", "mask") and len(flat) != 4:
        raise Refused("points", "are not two", len(flat) // 2)
    match kind:
        case "rectangle":
            x0, x1, y0, y1 = min(flat[0::2]), max(flat[0::2]), min(flat[1::2]), max(flat[1::2])
            return box_of(x0, y0, x1 - x0, y1 - y0, field="points")
        case "circle":
            across = 2 * math.dist(flat[:2], flat[2:])
            return turned_of("ellipse", flat[0], flat[1], across, across, 0.0, field="points")
        case "mask":
            return mask_geometry(_mask(values[0].get("mask"), flat, size), field="mask")
        case "oriented_rectangle" if len(flat) == 8:
            return geometry("polygon", field="points", parts=(flat,))
        case _:
            raise Refused("shape_type", "is unknown", kind)


def _mask(text: Any, flat: Sequence[float], size: tuple[int, int]) -> rle.Rle:
    if not isinstance(text, str):
        raise Refused("mask", "is missing")
    try:
        data = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            width, height = image.size
            if width > size[0] or height > size[1]:
                raise Refused("mask", "is greater than its image", image.size)
            cut = np.asarray(image.convert("L")) > 0
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        raise Refused("mask", "is no PNG file", str(error)) from None
    x, y = round(flat[0]), round(flat[1])
    if x < 0 or y < 0 or x + width > size[0] or y + height > size[1]:
        raise Refused("mask", "reaches beyond its image", (x, y, width, height))
    whole = np.zeros((size[1], size[0]), bool)
    whole[y : y + height, x : x + width] = cut
    return rle.encode(whole)


def _group(place: int, value: Any) -> tuple[str, Any, str]:
    """What shapes of one object have in common; a shape of its own has its place."""
    if isinstance(value, dict) and type(value.get("group_id")) is int:
        kind = _JOINED.get(value.get("shape_type") or "polygon")
        if kind is not None and isinstance(value.get("points"), list):
            return (_label(value), value["group_id"], kind)
    return ("", place, "")


def _points(one: Any) -> tuple[float, ...]:
    points = one.get("points") if isinstance(one, dict) else None
    if not isinstance(points, list) or not points:
        raise Refused("points", "are missing")
    if not all(isinstance(two, list) and len(two) == 2 for two in points):
        raise Refused("points", "are not pairs")
    flat = tuple(value for two in points for value in two)
    if not all(type(value) in (int, float) for value in flat):
        raise Refused("points", "have a coordinate that is not a number")
    believable(flat, "points")
    return tuple(map(float, flat))


def _size(one: Mapping[str, Any]) -> tuple[int, int]:
    width, height = one.get("imageWidth"), one.get("imageHeight")
    if type(width) is int and type(height) is int and width > 0 and height > 0 and width * height <= _MOST_PX:
        return (width, height)
    return (0, 0)


def _object(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise Refused("file", f"is greater than {_MOST_BYTES:,} bytes")
    try:
        one = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Refused("file", "is broken JSON", str(error)) from None
    if not isinstance(one, dict):
        raise Refused("file", "is not an object")
    return one


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _label(value: Any) -> str:
    label = value.get("label") if isinstance(value, dict) else None
    return label if isinstance(label, str) and "\0" not in label else ""


class LabelMeWriter:
    """Writes a JSON file beside each image."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out / OWNED[0], taxonomy, losses
        self._out.mkdir()
        losses.classes(taxonomy)

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """One file; shapes that lie higher come later."""
        content: dict[str, Any] = {"version": "5.5.0", "flags": dict.fromkeys(image.tags, True), "shapes": []}
        count = 0
        for one in sorted(drawn, key=lambda one: one.z):
            written = self._shapes(image, one, count + 1)
            content["shapes"] += written
            count += bool(written)
        content |= {"imagePath": Path(name).name, "imageData": None}
        content |= {"imageHeight": image.height, "imageWidth": image.width}
        path = (self._out / name).with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return count

    def finish(self) -> None:
        """Everything stands in the files already."""

    def _shapes(self, image: ImageRecord, one: Annotation, group: int) -> list[dict[str, Any]]:
        self._losses.common(one)
        drawn = self._drawn(image, one)
        attributes = dict(one.attributes)
        described = attributes.get("description")
        description = attributes.pop("description") if isinstance(described, str) and described else ""
        flags = {name: attributes.pop(name) for name, on in one.attributes.items() if isinstance(on, bool)}
        self._losses.attributes(one, list(attributes))
        joined = len(drawn) > 1
        return [
            {
                "label": self._taxonomy.by_id[one.class_id].name,
                "points": points,
                "group_id": group if joined else None,
                "description": description,
                "shape_type": kind,
                "flags": flags,
                "mask": mask,
            }
            for kind, points, mask in drawn
        ]

    def _drawn(self, image: ImageRecord, one: Annotation) -> list[tuple[str, list[list[float]], str | None]]:
        """(shape type, points, mask) of each shape that the object becomes."""
        shape = one.geometry
        x, y, w, h = shape.box
        match shape.kind:
            case "mask":
                return self._mask(image, one)
            case "polygon" if shape.holes:
                self._losses.shape(one, "is a polygon with holes: it became the mask of its pixels")
                return self._mask(image, one)
            case "polygon":
                return [("polygon", _pairs(part), None) for part in shape.parts]
            case "polyline":
                return [("linestrip" if len(part) > 4 else "line", _pairs(part), None) for part in shape.parts]
            case "points":
                return [("point", [pair], None) for pair in _pairs(shape.parts[0])]
            case "ellipse" if shape.turned is not None and shape.turned.size[0] == shape.turned.size[1]:
                cx, cy = shape.turned.center
                if shape.turned.angle:
                    self._losses.shape(one, "is a turned circle: it became one that is not")
                return [("circle", [[cx, cy], [cx + shape.turned.size[0] / 2, cy]], None)]
            case "rotated" | "ellipse":
                self._losses.shape(one, f"is of kind {shape.kind}: it became a polygon")
                return [("polygon", _pairs(part), None) for part in shapes.outline(shape)]
            case _:
                if shape.kind == "keypoints":
                    self._losses.shape(one, "lost its keypoints; its box was written")
                return [("rectangle", [[x, y], [x + w, y + h]], None)]

    def _mask(self, image: ImageRecord, one: Annotation) -> list[tuple[str, list[list[float]], str | None]]:
        mask = shapes.mask_of(one.geometry, (image.height, image.width))
        if mask.area_px == 0:
            self._losses.shape(one, "is an empty mask; it was left out")
            return []
        x, y, w, h = (int(value) for value in rle.box(mask))
        cut = rle.decode(mask)[y : y + h, x : x + w]
        data = io.BytesIO()
        Image.fromarray(cut).save(data, "PNG")
        points = [[float(x), float(y)], [float(x + w - 1), float(y + h - 1)]]
        return [("mask", points, base64.b64encode(data.getvalue()).decode())]


def _pairs(flat: Sequence[float]) -> list[list[float]]:
    return [[flat[at], flat[at + 1]] for at in range(0, len(flat), 2)]
