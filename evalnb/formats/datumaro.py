"""Datumaro's own JSON (open-edge-platform.github.io/datumaro, the format "datumaro"): ``annotations/SUBSET.json``,
``images/SUBSET/…``.

Polygons or polylines of one group and label are one object, as Datumaro's own writers of other formats have it; the
group of a single shape is its attribute ``group_id``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation, Geometry
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import Invalid, NotFound
from evalnb.formats import json_index
from evalnb.formats.json_index import JsonIndex, Unreadable
from evalnb.formats.labelled import (
    Drawn,
    Losses,
    Picture,
    Refused,
    box_of,
    checked_run,
    files_below,
    geometry,
    keypoints_of,
    mask_geometry,
    turned_of,
)
from evalnb.formats.problems import Problems

OWNED = ("annotations", "images")
_SPLITS = ("train", "val", "test")
_REST = "default"
"""Datumaro's name of the subset that has none."""
_LEAST = {"polygon": 3, "polyline": 2}


class DatumaroReader:
    """A folder of Datumaro; Invalid if it holds no such file. Classes are numbered from 1 in the file's order."""

    format = "datumaro"

    def __init__(self, folder: Path, images: Path | None, problems: Problems) -> None:
        self.source = folder
        below = folder / "annotations"
        found = files_below(below if below.is_dir() else folder, ".json") if folder.is_dir() else []
        self._subsets: list[tuple[str, JsonIndex]] = []
        for path in found:
            index = json_index.build(path, lists=("items",))
            if "items" in index.arrays and "categories" in index.values:
                self._subsets.append((path.stem, index))
        if not self._subsets:
            raise Invalid(f"{folder} has no JSON files of Datumaro", remedy="pass the folder that holds annotations/")
        pixels = folder / "images"
        self.root = images or (pixels if pixels.is_dir() else folder)
        self.digest = " ".join(f"{name}:{index.digest}" for name, index in self._subsets)
        if len(self._subsets) > 1:
            self.digest = hashlib.sha256(self.digest.encode()).hexdigest()
        self.classes: Sequence[Class] = _classes(self._subsets[0][1].values["categories"], problems)
        self.about: Mapping[str, Any] = {"infos": self._subsets[0][1].values.get("infos") or {}}
        self._points = {one.id for one in self.classes if one.keypoints}

    def __len__(self) -> int:
        return sum(len(index.arrays["items"]) for _, index in self._subsets)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """The items of each subset."""
        place = 0
        for subset, index in self._subsets:
            for batch in index.batches("items", size=100):
                for one in batch:
                    place += 1
                    if place > first:
                        yield self._picture(subset, one, problems)

    def _picture(self, subset: str, one: Any, problems: Problems) -> Picture | None:
        key = f"{subset}:{one.get('id') if isinstance(one, dict) else ''}"
        if isinstance(one, Unreadable) or not isinstance(one, dict):
            problems.add("image", key, "", "is no object that can be read")
            return None
        said: dict[str, Any] = next((one[name] for name in ("image", "media") if isinstance(one.get(name), dict)), {})
        path = said.get("path") or one.get("id")
        if not isinstance(path, str) or not path or "\0" in path:
            problems.add("image", key, "path", "is missing or not text", path)
            return None
        drawn: list[Drawn] = []
        tags = [] if subset == _REST else [subset]
        groups: dict[tuple[Any, ...], list[tuple[int, Any]]] = {}
        values = one.get("annotations")
        for place, value in enumerate(values if isinstance(values, list) else (), start=1):
            groups.setdefault(_group(place, value), []).append((place, value))
        for group in groups.values():
            place, value = group[0]
            try:
                if isinstance(value, dict) and value.get("type") == "label":
                    tags.append(self._class(value).name)
                else:
                    drawn.append(self._drawn(str(place), [each for _, each in group]))
            except Refused as error:
                problems.add("annotation", f"{key}:{place}", error.field, error.reason, error.detail)
        return Picture(self._name(subset, path), drawn, tags=tuple(dict.fromkeys(tags)))

    def _name(self, subset: str, path: str) -> str:
        """Datumaro states a path below its own folder of the subset."""
        inner = f"{subset}/{path}"
        return inner if (self.root / inner).is_file() and ".." not in Path(path).parts else path

    def _class(self, one: Mapping[str, Any]) -> Class:
        label = one.get("label_id")
        if type(label) is not int or not 0 <= label < len(self.classes):
            raise Refused("label_id", "is missing" if label is None else "is no label of the file", label)
        return self.classes[label]

    def _drawn(self, key: str, values: Sequence[Any]) -> Drawn:
        one = values[0]
        if not isinstance(one, dict):
            raise Refused("", "is not an object", one)
        known = self._class(one)
        attributes = one.get("attributes", {})
        if not isinstance(attributes, dict):
            raise Refused("attributes", "are not an object", attributes)
        attributes = dict(attributes)
        crowd = attributes.pop("is_crowd", False) is True
        group, z = one.get("group", 0), one.get("z_order", 0)
        if type(z) is not int or not -(2**31) <= z < 2**31:
            raise Refused("z_order", "is not a whole number", z)
        if type(group) is int and group and len(values) == 1:
            attributes["group_id"] = group
        shape = _geometry(values, named=known.id in self._points)
        return Drawn(key, known.id, shape, crowd=crowd, attributes=attributes, z=z)


def _classes(said: Any, problems: Problems) -> list[Class]:
    try:
        labels = said["label"]["labels"]
        points = {one["label_id"]: one for one in said.get("points", {}).get("items", ())}
        colors = {one["label_id"]: one for one in said.get("mask", {}).get("colormap", ())}
        out: list[Class] = []
        for place, one in enumerate(labels):
            name = str(one["name"])
            if any(known.name == name for known in out):
                problems.add("class", place, "name", "is used twice; its number was added", name)
                name = f"{name} ({place})"
            of, color = points.get(place, {}), colors.get(place)
            rgb = "#" + "".join(f"{int(color[channel]):02x}" for channel in "rgb") if color else ""
            joints = tuple((int(a), int(b)) for a, b in of.get("joints", ()))
            names = tuple(map(str, of.get("labels", ())))
            above = str(one.get("parent") or "")
            out.append(Class(place + 1, name, rgb if len(rgb) == 7 else "", above, names, joints))
        return out
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotFound(
            f"the file does not say its labels ({error})", remedy='it has categories: {"label": {"labels": […]}}'
        ) from None


def _group(place: int, value: Any) -> tuple[Any, ...]:
    """What shapes of one object have in common; a shape of its own has its place."""
    if isinstance(value, dict) and value.get("type") in _LEAST and type(value.get("group")) is int and value["group"]:
        return (value["type"], value["group"], str(value.get("label_id")))
    return (place,)


def _geometry(values: Sequence[Mapping[str, Any]], *, named: bool) -> Geometry:
    one = values[0]
    match kind := one.get("type"):
        case "bbox":
            x, y, w, h = _numbers(one, "bbox", 4)
            return box_of(x, y, w, h, field="bbox")
        case "polygon" | "polyline":
            parts = tuple(checked_run(_numbers(each, "points"), "points", least=_LEAST[kind]) for each in values)
            return geometry(kind, field="points", parts=parts)
        case "ellipse":
            x0, y0, x1, y1 = _numbers(one, "points", 4)
            return turned_of("ellipse", (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, 0.0, field="points")
        case "points":
            flat = checked_run(_numbers(one, "points"), "points", least=1)
            if not named:
                return geometry("points", field="points", parts=(flat,))
            seen = one.get("visibility") or [2] * (len(flat) // 2)
            if not isinstance(seen, list) or len(seen) != len(flat) // 2:
                raise Refused("visibility", "is not one for each point", seen)
            return keypoints_of(list(zip(flat[0::2], flat[1::2], seen, strict=True)), None, field="points")
        case "mask":
            said = one.get("rle")
            try:
                mask = rle.from_string(said["counts"], said["size"])  # type: ignore[index]  # TypeError says so
            except (KeyError, TypeError, ValueError, Invalid) as error:
                raise Refused("rle", "has no runs that fill its size", str(error)) from None
            return mask_geometry(mask, field="rle")
        case _:
            raise Refused("type", "is of a kind that has no place here", kind)


def _numbers(one: Mapping[str, Any], field: str, many: int | None = None) -> tuple[float, ...]:
    value = one.get(field)
    if not isinstance(value, list) or not all(type(each) in (int, float) for each in value):
        raise Refused(field, "is not a list of numbers", value)
    if many is not None and len(value) != many:
        raise Refused(field, f"is not {many} numbers", len(value))
    return tuple(map(float, value))


class DatumaroWriter:
    """Writes a JSON file for each subset, item by item."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out / OWNED[0], taxonomy, losses
        self._out.mkdir()
        self._places = {one.id: place for place, one in enumerate(taxonomy)}
        self._names = {one.name: place for place, one in enumerate(taxonomy)}
        self._files: dict[str, Any] = {}
        for one in taxonomy:
            if one.attributes:
                said = ", ".join(asked.name for asked in one.attributes)
                losses.class_(one, "keeps the names of its attributes, neither kinds nor choices nor defaults", said)

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """One item."""
        subset = next((one for one in _SPLITS if one in image.tags), _REST)
        annotations: list[dict[str, Any]] = []
        for tag in image.tags:
            if tag in self._names:
                annotations.append(
                    {"id": 0, "type": "label", "attributes": {}, "group": 0, "label_id": self._names[tag]}
                )
            elif tag != subset:
                self._losses.image(image, "lost a tag that is no class", tag)
        count = 0
        groups = max((one.attributes.get("group_id", 0) for one in drawn if _is_group(one)), default=0)
        for one in drawn:
            groups += 1
            written = self._annotations(image, one, groups)
            annotations += written
            count += bool(written)
        item = {
            "id": Path(name).with_suffix("").as_posix(),
            "annotations": annotations,
            "image": {"path": name, "size": [image.height, image.width]},
        }
        self._file(subset).write(orjson.dumps(item))
        return count

    def finish(self) -> None:
        """Close the lists."""
        for file in self._files.values() if self._files else [self._opened(_REST)]:
            file.write(b"\n]}\n")
            file.close()

    def _file(self, subset: str) -> Any:
        if subset in self._files:
            self._files[subset].write(b",\n")
            return self._files[subset]
        return self._opened(subset)

    def _opened(self, subset: str) -> Any:
        file = self._files[subset] = (self._out / f"{subset}.json").open("wb")
        head = orjson.dumps({"infos": {}, "categories": self._categories()})
        file.write(head[:-1] + b',"items":[\n')
        return file

    def _categories(self) -> dict[str, Any]:
        labels = [
            {"name": one.name, "parent": one.supercategory, "attributes": sorted(a.name for a in one.attributes)}
            for one in self._taxonomy
        ]
        points = [
            {"label_id": self._places[one.id], "labels": list(one.keypoints), "joints": list(map(list, one.skeleton))}
            for one in self._taxonomy
            if one.keypoints
        ]
        colors = [{"label_id": self._places[one.id], **_rgb(self._taxonomy.color(one.id))} for one in self._taxonomy]
        out: dict[str, Any] = {"label": {"labels": labels, "attributes": ["occluded"]}, "mask": {"colormap": colors}}
        return {**out, "points": {"items": points}} if points else out

    def _annotations(self, image: ImageRecord, one: Annotation, group: int) -> list[dict[str, Any]]:
        self._losses.common(one, z=True, crowd=True)
        bodies = self._bodies(image, one)
        attributes = dict(one.attributes)
        number = attributes.pop("group_id") if _is_group(one) else 0
        if len(bodies) > 1:
            if number:
                self._losses.attributes(one, ["group_id"])
            number = group
        elif number and one.geometry.kind in _LEAST:
            # Alone in its group it stays one object; with another of its class it would be joined.
            self._losses.shape(one, "has a group: shapes of one group and class are read as one object", number)
        if one.crowd:
            attributes["is_crowd"] = True
        head = {"id": 0, "attributes": attributes, "group": number, "label_id": self._places[one.class_id]}
        return [{**head, **body, "z_order": one.z} for body in bodies]

    def _bodies(self, image: ImageRecord, one: Annotation) -> list[dict[str, Any]]:
        shape = one.geometry
        match shape.kind:
            case "polygon" if shape.holes:
                self._losses.shape(one, "is a polygon with holes: it became the mask of its pixels")
                return self._mask(image, one)
            case "mask":
                return self._mask(image, one)
            case "polygon" | "polyline":
                return [{"type": shape.kind, "points": list(part)} for part in shape.parts]
            case "ellipse" if shape.turned is not None and (shape.turned.angle == 0 or _round(shape)):
                (x, y), (w, h) = shape.turned.center, shape.turned.size
                if shape.turned.angle:
                    self._losses.shape(one, "is a turned circle: it became one that is not")
                return [{"type": "ellipse", "points": [x - w / 2, y - h / 2, x + w / 2, y + h / 2]}]
            case "rotated" | "ellipse":
                self._losses.shape(one, f"is of kind {shape.kind} and turned: it became a polygon")
                return [{"type": "polygon", "points": list(part)} for part in shapes.outline(shape)]
            case "points":
                if self._taxonomy.by_id[one.class_id].keypoints:
                    self._losses.shape(one, "is points of a class with a skeleton: they became its keypoints")
                points = list(shape.parts[0])
                return [{"type": "points", "points": points, "visibility": [2] * (len(points) // 2)}]
            case "keypoints":
                return self._keypoints(one)
            case _:
                return [{"type": "bbox", "bbox": list(shape.box)}]

    def _keypoints(self, one: Annotation) -> list[dict[str, Any]]:
        points = one.geometry.points
        if not self._taxonomy.by_id[one.class_id].keypoints:
            self._losses.shape(one, "is keypoints of a class without a skeleton: they became points")
        alone = keypoints_of(points, None, field="points").box if any(v for *_, v in points) else None
        if alone is None:
            self._losses.shape(one, "has no keypoint that is labelled: its box was written")
            return [{"type": "bbox", "bbox": list(one.geometry.box)}]
        if max(abs(a - b) for a, b in zip(alone, one.geometry.box, strict=True)) > 1e-9:
            self._losses.shape(one, "lost its box: it is read as the one around its keypoints")
        flat = [value for x, y, _ in points for value in (x, y)]
        return [{"type": "points", "points": flat, "visibility": [v for *_, v in points]}]

    def _mask(self, image: ImageRecord, one: Annotation) -> list[dict[str, Any]]:
        mask = shapes.mask_of(one.geometry, (image.height, image.width))
        if mask.area_px == 0:
            self._losses.shape(one, "is an empty mask; it was left out")
            return []
        return [{"type": "mask", "rle": {"counts": rle.to_string(mask), "size": list(mask.size)}}]


def _is_group(one: Annotation) -> bool:
    value = one.attributes.get("group_id")
    return type(value) is int and 0 < value < 2**31


def _round(shape: Geometry) -> bool:
    return shape.turned is not None and shape.turned.size[0] == shape.turned.size[1]


def _rgb(color: str) -> dict[str, int]:
    return {channel: int(color[at : at + 2], 16) for channel, at in (("r", 1), ("g", 3), ("b", 5))}
