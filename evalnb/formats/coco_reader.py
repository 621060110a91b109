"""COCO's objects, read into evalnb's records (cocodataset.org/#format-data).

Reading is strict about what evaluation depends on and keeps the rest: what evalnb has no word for stands in
``extra``, and how the file wrote what evalnb normalises stands there under ``AS_GIVEN``, so that ``coco_writer``
writes an untouched object back as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from evalnb.core import masks as rle
from evalnb.core.records import GeometryKind, Track
from evalnb.core.sources import LIMIT_PX, SourceShape, exact, key_of, with_form
from evalnb.core.stored import from_geometry
from evalnb.core.taxonomy import Class
from evalnb.errors import Invalid
from evalnb.formats import coco_extension
from evalnb.formats.json_index import Unreadable
from evalnb.formats.problems import Problems

Json = Mapping[str, Any]

_ANNOTATION = {"id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd"}
_KEYPOINTS = {"keypoints", "num_keypoints"}
_MORE = {"attributes", "tags"}


class Refused(Exception):
    """One object cannot be taken: which key, and why. A signal to the import, which lists it and goes on."""

    def __init__(self, field: str, reason: str, detail: object = "") -> None:
        super().__init__(f"{field} {reason}")
        self.field, self.reason, self.detail = field, reason, detail


class ImageObject(NamedTuple):
    """An image as the file stated it, before its pixels were looked for."""

    key: str
    source_id: int | str
    file_name: str
    width: int | None
    height: int | None
    tags: tuple[str, ...]
    extra: dict[str, Any]


class KnownImage(NamedTuple):
    """What a shape needs to know of its image."""

    id: int
    width: int
    height: int


def read_classes(objects: Sequence[Any], problems: Problems) -> tuple[list[Class], dict[int | str, int]]:
    """The classes, and the way from the source's category ids to theirs.

    A string id gets a fresh number; a repeated name gets one in brackets. Both are written back as they came.
    """
    classes: list[Class] = []
    numbers: dict[int | str, int] = {}
    names: set[str] = set()
    fresh = max((one["id"] for one in objects if _is_int(_get(one, "id"))), default=0)
    for one in objects:
        try:
            source_id = _source_id(_object(one))
            if source_id in numbers:
                raise Refused("id", "is used twice")
            name = one.get("name")
            if not isinstance(name, str) or not name:
                raise Refused("name", "is missing or not text", name)
        except Refused as refused:
            problems.add("class", _get(one, "id"), refused.field, refused.reason, refused.detail)
            continue
        given: dict[str, Any] = {}
        absent: list[str] = []
        if isinstance(source_id, str):
            fresh += 1
            given["id"] = source_id
        number = fresh if isinstance(source_id, str) else source_id
        known = name
        copy = 2
        while known in names:
            known = f"{name} ({copy})"
            copy += 1
        if known != name:
            problems.add("class", source_id, "name", f"is used twice; it is called {known!r} here", name)
            given["name"] = name
        keypoints, skeleton, above = one.get("keypoints", []), one.get("skeleton", []), one.get("supercategory", "")
        if not _is_list_of(keypoints, str):
            given["keypoints"], keypoints = keypoints, []
        if not (isinstance(skeleton, list) and all(_is_list_of(pair, int) and len(pair) == 2 for pair in skeleton)):
            given["skeleton"], skeleton = skeleton, []
        if not isinstance(above, str):
            given["supercategory"], above = above, ""
        absent += [field for field in ("keypoints", "skeleton", "supercategory") if field not in one]
        extra = {k: v for k, v in one.items() if k not in ("id", "name", "keypoints", "skeleton", "supercategory")}
        asked = coco_extension.read_attributes(one.get(coco_extension.KEY))
        if asked is not None:
            del extra[coco_extension.KEY]
        names.add(known)
        numbers[source_id] = number
        classes.append(
            Class(
                id=number,
                name=known,
                supercategory=above,
                keypoints=tuple(keypoints),
                skeleton=tuple((a, b) for a, b in skeleton),
                attributes=asked or (),
                extra=with_form(extra, absent, given),
            )
        )
    return classes, numbers


def read_image(value: Any) -> ImageObject:
    """One element of ``images``; Refused says what is wrong with it."""
    one = _object(value)
    source_id = _source_id(one)
    name = one.get("file_name")
    if not isinstance(name, str) or not name:
        raise Refused("file_name", "is missing or not text", name)
    given: dict[str, Any] = {}
    extra = {k: v for k, v in one.items() if k not in ("id", "file_name", "width", "height", "tags")}
    tags = one.get("tags", [])
    if not _is_list_of(tags, str):
        given["tags"], tags = tags, []
    absent = [field for field in ("width", "height") if field not in one]
    if "tags" in one and not tags:
        given["tags"] = one["tags"]
    return ImageObject(
        key_of(source_id),
        source_id,
        name,
        _side(one, "width"),
        _side(one, "height"),
        tuple(tags),
        with_form(extra, absent, given),
    )


class ShapeReader:
    """Turns elements of ``annotations`` into shapes.

    ``images`` and ``classes`` map the file's ids to ours; ``refused`` are the ids of images that could not be taken.
    """

    def __init__(
        self,
        images: Mapping[int | str, KnownImage],
        classes: Mapping[int | str, int],
        *,
        refused: set[int | str],
    ) -> None:
        self._images = images
        self._classes = classes
        self._refused = refused

    def read(self, value: Any) -> SourceShape:
        """One annotation; Refused says what is wrong with it."""
        one = _object(value)
        source_id = _source_id(one)
        image = self._image(one)
        try:
            class_id = self._classes[one["category_id"]]
        except KeyError:
            if "category_id" not in one:
                raise Refused("category_id", "is missing") from None
            raise Refused("category_id", "is no category of the file", one["category_id"]) from None
        except TypeError:
            raise Refused("category_id", "is not an id", one["category_id"]) from None
        absent: list[str] = []
        given: dict[str, Any] = {}
        kind, geometry, outline_box, outline_area = _outline(one.get("segmentation"), image, given)
        if "segmentation" not in one:
            given.pop("segmentation", None)
        keypoints = _keypoints(one, absent, given) if one.get("keypoints") else None
        if kind == "box" and keypoints is not None:
            kind = "keypoints"
        if "bbox" in one:
            box = read_box(one["bbox"])
        elif outline_box is not None:
            absent.append("bbox")
            box = outline_box
        else:
            raise Refused("bbox", "is missing")
        z, track = 0, Track()
        if coco_extension.is_ours(own := one.get(coco_extension.KEY)):
            z, track = coco_extension.read_place(own)
            known = coco_extension.read(own, one, (image.height, image.width))
            if known is not None:
                kind, geometry, box = known.kind, orjson.dumps(from_geometry(known)), known.box
                given.pop("segmentation", None)
            one = {name: value for name, value in one.items() if name != coco_extension.KEY}
        if kind not in ("polyline", "points") and (box[2] <= 0 or box[3] <= 0):
            raise Refused("bbox", "is degenerate", one.get("bbox"))
        area = one.get("area")
        if area is None:
            area = outline_area() if outline_area is not None else box[2] * box[3]
            absent.append("area") if "area" not in one else given.update(area=None)
        elif not _is_number(area):
            raise Refused("area", "is not a number", area)
        elif not 0 <= area <= LIMIT_PX**2:
            raise Refused("area", "is out of range", area)
        crowd = one.get("iscrowd")
        if crowd is None:
            absent.append("iscrowd") if "iscrowd" not in one else given.update(iscrowd=None)
        elif not isinstance(crowd, int | float):
            raise Refused("iscrowd", "is not 0 or 1", crowd)
        elif crowd not in (0, 1):
            given["iscrowd"] = crowd
        attributes, extra = b"{}", b"{}"
        tags: tuple[str, ...] = ()
        if len(one) > 7 or absent or given or not one.keys() <= _ANNOTATION:
            attributes, tags, extra = _rest(one, keypoints is not None, absent, given)
        return SourceShape(
            key_of(source_id),
            image.id,
            class_id,
            kind,
            box,
            float(area),
            geometry,
            keypoints,
            bool(crowd),
            attributes,
            tags,
            extra,
            z,
            track,
        )

    def _image(self, one: Json) -> KnownImage:
        try:
            return self._images[one["image_id"]]
        except KeyError:
            if "image_id" not in one:
                raise Refused("image_id", "is missing") from None
        except TypeError:
            raise Refused("image_id", "is not an id", one["image_id"]) from None
        if one["image_id"] in self._refused:
            raise Refused("image_id", "is an image that was refused", one["image_id"])
        raise Refused("image_id", "is no image of the file", one["image_id"])


def _outline(value: Any, image: KnownImage, given: dict[str, Any]) -> tuple[GeometryKind, bytes | None, Any, Any]:
    """(kind, geometry as JSON, its box or None, its area as a function or None)."""
    if isinstance(value, list) and value:
        box = _polygon_box(value)
        return "polygon", orjson.dumps(value), box, lambda: sum(_shoelace(part) for part in value)
    if isinstance(value, dict):
        mask, text = read_mask(value, image, given)
        geometry = orjson.dumps({"size": list(mask.size), "counts": text})
        return "mask", geometry, rle.box(mask), lambda: float(mask.area_px)
    if value is None or value == []:
        given["segmentation"] = value
        return "box", None, None, None
    raise Refused("segmentation", "is neither polygons nor run lengths", value)


def _polygon_box(parts: list[Any]) -> tuple[float, float, float, float]:
    low_x = low_y = LIMIT_PX
    high_x = high_y = -LIMIT_PX
    for part in parts:
        if not isinstance(part, list):
            raise Refused("segmentation", "has a part that is not a list", part)
        if len(part) < 6:
            raise Refused("segmentation", "has a part of fewer than 3 points", part)
        if len(part) % 2:
            raise Refused("segmentation", "has a part with an odd number of coordinates", len(part))
        try:
            xs, ys = part[0::2], part[1::2]
            x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
            # Of mixed types, min and max raise only if they meet the odd one: adding up meets each.
            sum(part)
            fits = x0 >= -LIMIT_PX and x1 <= LIMIT_PX and y0 >= -LIMIT_PX and y1 <= LIMIT_PX
        except TypeError:
            raise Refused("segmentation", "has a coordinate that is not a number") from None
        if not fits:
            raise Refused("segmentation", "has a coordinate out of range", max(abs(x0), abs(x1), abs(y0), abs(y1)))
        low_x, low_y, high_x, high_y = min(low_x, x0), min(low_y, y0), max(high_x, x1), max(high_y, y1)
    return (float(low_x), float(low_y), float(high_x - low_x), float(high_y - low_y))


def _shoelace(flat: Sequence[float]) -> float:
    x, y = flat[0::2], flat[1::2]
    return abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))) / 2


def read_mask(value: Json, image: KnownImage, given: dict[str, Any]) -> tuple[rle.Rle, str]:
    """(mask, its compressed runs) of a ``segmentation`` object; Refused unless it fits its image.

    ``given`` is told of a form that the runs do not show.
    """
    size, counts = value.get("size"), value.get("counts")
    if size is None or not _is_list_of(size, int) or len(size) != 2:
        raise Refused("segmentation", "has no size [height, width]", size)
    if size != [image.height, image.width]:
        raise Refused("segmentation", "does not fit its image", f"{size}, the image {[image.height, image.width]}")
    try:
        if isinstance(counts, str):
            mask, text = rle.from_string(counts, size), counts
        elif isinstance(counts, list):
            runs = np.array(counts)
            if runs.dtype.kind not in "iu" or runs.ndim != 1 or runs.min() < 0:
                raise Refused("segmentation", "has runs that are not whole numbers", counts[:8])
            mask = rle.checked(size, runs)
            text = rle.to_string(mask)
            given["counts"] = "list"
        else:
            raise Refused("segmentation", "has no counts", counts)
    except (Invalid, ValueError) as error:
        raise Refused("segmentation", "has runs that do not fill its size", str(error)) from None
    if len(value) > 2:
        given["segmentation"] = dict(value)
    return mask, text


def _keypoints(one: Json, absent: list[str], given: dict[str, Any]) -> bytes:
    flat = one["keypoints"]
    if not isinstance(flat, list) or len(flat) % 3 or not all(map(_is_number, flat)):
        raise Refused("keypoints", "are not a list of x, y, visibility", flat)
    if any(v not in (0, 1, 2) for v in flat[2::3]):
        raise Refused("keypoints", "have a visibility that is not 0, 1 or 2", flat[2::3])
    if any(abs(value) > LIMIT_PX for value in flat):
        raise Refused("keypoints", "have a coordinate out of range")
    if "num_keypoints" not in one:
        absent.append("num_keypoints")
    elif one["num_keypoints"] != sum(v > 0 for v in flat[2::3]):
        given["num_keypoints"] = one["num_keypoints"]
    return orjson.dumps([flat[i : i + 3] for i in range(0, len(flat), 3)])


def read_box(value: Any) -> tuple[float, float, float, float]:
    """x, y, w, h of a ``bbox``; Refused unless it is four numbers that an image can have."""
    if not isinstance(value, list) or len(value) != 4:
        raise Refused("bbox", "is not four numbers", value)
    for one in value:
        kind = type(one)
        if kind is not float and kind is not int:
            raise Refused("bbox", "is not four numbers", value)
        if not -LIMIT_PX <= one <= LIMIT_PX:
            raise Refused("bbox", "has a number out of range", value)
    x, y, w, h = value
    return (float(x), float(y), float(w), float(h))


def _rest(one: Json, pointed: bool, absent: list[str], given: dict[str, Any]) -> tuple[bytes, tuple[str, ...], bytes]:
    attributes, tags = one.get("attributes", {}), one.get("tags", [])
    if not isinstance(attributes, dict):
        given["attributes"], attributes = attributes, {}
    if not _is_list_of(tags, str):
        given["tags"], tags = tags, []
    for name, value in (("attributes", attributes), ("tags", tags)):
        if name in one and not value:
            given[name] = one[name]
    known = _ANNOTATION | _MORE | (_KEYPOINTS if pointed else set())
    extra = {name: value for name, value in one.items() if name not in known}
    return orjson.dumps(exact(attributes)), tuple(tags), orjson.dumps(with_form(extra, absent, given))


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, Unreadable):
        raise Refused("", f"has {value.reason}" if value.reason != "broken JSON" else "is broken JSON")
    if not isinstance(value, dict):
        raise Refused("", "is not an object", value)
    return value


def _source_id(one: Json) -> int | str:
    source_id = one.get("id")
    if isinstance(source_id, bool) or not isinstance(source_id, int | str):
        raise Refused("id", "is missing" if source_id is None else "is neither a whole number nor text", source_id)
    if isinstance(source_id, int) and not -(2**63) <= source_id < 2**63:
        raise Refused("id", "is out of range", source_id)
    return source_id


def _side(one: Json, name: str) -> int | None:
    value = one.get(name)
    if value is None:
        return None
    if not _is_number(value) or value != int(value):
        raise Refused(name, "is not a whole number", value)
    if not 0 < value <= LIMIT_PX:
        raise Refused(name, "is out of range", value)
    return int(value)


def _get(value: Any, name: str) -> Any:
    if isinstance(value, Unreadable):
        return value.id if name == "id" else None
    return value.get(name) if isinstance(value, dict) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)
