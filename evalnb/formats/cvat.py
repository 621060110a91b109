"""CVAT's XML 1.1 (docs.cvat.ai/docs/manual/advanced/xml_format): its words, and reading it.

Read are the files for images and those for video, whose tracks become shapes on every frame that the file states.
What has a place of its own there and none here is an attribute: ``occluded`` (where true) and ``group_id``.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element

import numpy as np

from evalnb.core import masks as rle
from evalnb.core.records import Geometry, Track
from evalnb.core.taxonomy import Attribute, AttributeKind, Class
from evalnb.errors import Invalid
from evalnb.formats.labelled import (
    Drawn,
    Picture,
    Refused,
    box_of,
    flat_of,
    geometry,
    keypoints_of,
    mask_geometry,
    number,
    pictures_below,
    turned_of,
)
from evalnb.formats.problems import Problems
from evalnb.formats.xml_reader import elements
from evalnb.formats.xml_values import value_of

OWN = ("occluded", "group_id")
"""Attributes that are CVAT's own words."""
_KINDS: Mapping[str, AttributeKind] = {
    "select": "select",
    "radio": "select",
    "number": "number",
    "checkbox": "checkbox",
    "text": "text",
}
_SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "mask", "skeleton")
_NODE = re.compile(r'data-node-id="(\d+)"[^>]*data-label-name="([^"]*)"')
_EDGE = re.compile(r'data-node-from="(\d+)"[^>]*data-node-to="(\d+)"')
_MOST_PX = 1 << 28
_FRAME = re.compile(r"(\d+)\Z")


class CvatReader:
    """One XML file. Classes are numbered from 1 in the file's order; NotFound, Unsafe or Invalid refuse the file."""

    format = "cvat"

    def __init__(self, file: Path, images: Path | None, problems: Problems) -> None:
        self.source = file
        beside = file.parent / "images"
        self.root = images or (beside if beside.is_dir() else file.parent)
        self.classes: list[Class] = []
        self._tags: set[str] = set()
        used: dict[str, None] = {}
        self._images = 0
        self._length, self._size = 0, (0, 0)
        """Of a video: how many frames it has, and their width and height; 0 where the file does not say."""
        self.video: str | None = None
        """The name of the video that its tracks are on; None in a file for images, empty where it is not said."""
        tracks: list[Element] = []
        for one in elements(file, "meta", "image", "track", least_depth=2):
            if one.tag == "meta":
                self._read_labels(one, problems)
                self._read_video(one)
            elif one.tag == "image":
                self._images += 1
                used.update(dict.fromkeys(child.get("label", "") for child in one if child.tag in _SHAPES))
            else:
                used[one.get("label", "")] = None
                tracks.append(one)
        if not self._images and not tracks and not self._length:
            raise Invalid(f"{file.name} has neither images nor tracks", remedy="pass CVAT's annotations.xml, 1.1")
        with file.open("rb") as raw:
            self.digest = hashlib.file_digest(raw, "sha256").hexdigest()
        known = {one.name for one in self.classes}
        for name in used:
            if name and name not in known:
                self.classes.append(Class(id=len(self.classes) + 1, name=name))
        self._by_name = {one.name: one for one in self.classes}
        self._frames = self._frames_of(tracks)
        self._names = _frame_names(self.root) if tracks or not self._images else {}
        if not self._images:  # frames without a shape are frames too
            self._frames |= {one: [] for one in self._names if one < self._length and one not in self._frames}
        self.about: Mapping[str, Any] = {"file": file.name}

    def meet(self, names: Mapping[int, str]) -> None:
        """Frame → the image that it is, of a data set that has the video's frames already."""
        self._names = dict(names)
        self._frames = {frame: drawn for frame, drawn in self._frames.items() if drawn}

    def __len__(self) -> int:
        return self._images + len(self._frames)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """The images in the file's order, then the frames of its tracks in theirs."""
        place = 0
        for one in elements(self.source, "image", least_depth=2) if self._images else ():
            if place >= first:
                yield self._picture(one, problems)
            place += 1
        for frame in sorted(self._frames)[max(first - place, 0) :]:
            name = self._names.get(frame, f"frame_{frame:06}.PNG")
            drawn: list[Drawn] = []
            for key, label, track, one in self._frames[frame]:
                self._take(drawn, key, label, one, name, problems, self._size, track)
            yield Picture(name, drawn)

    # ------------------------------------------------------------------------------------------ labels

    def _read_labels(self, meta: Element, problems: Problems) -> None:
        found = [one for one in meta.iter("label") if one.find("name") is not None]
        inner: dict[str, list[str]] = {}
        for one in found:
            if parent := one.findtext("parent"):
                inner.setdefault(parent, []).append(one.findtext("name") or "")
        for one in found:
            name = one.findtext("name") or ""
            if one.findtext("parent"):
                continue
            if one.findtext("type") == "tag":
                self._tags.add(name)
            elif not name or any(known.name == name for known in self.classes):
                problems.add("class", name, "name", "is used twice" if name else "is missing")
            else:
                points, skeleton = _skeleton(one.findtext("svg") or "", inner.get(name, []))
                color = one.findtext("color") or ""
                self.classes.append(
                    Class(
                        id=len(self.classes) + 1,
                        name=name,
                        color=color if re.fullmatch("#[0-9a-fA-F]{6}", color) else "",
                        keypoints=points,
                        skeleton=skeleton,
                        attributes=tuple(_attributes(one)),
                    )
                )

    def _read_video(self, meta: Element) -> None:
        """How long a video is, and how large; a file for images states its sizes one by one."""
        task = next((one for one in meta if one.findtext("mode") == "interpolation"), None)
        if task is None:
            return
        self.video = task.findtext("source") or ""
        try:
            self._length = _whole(task.findtext("size"), "size")
            said = task.find("original_size")
            if said is not None:
                self._size = _whole(said.findtext("width"), "width"), _whole(said.findtext("height"), "height")
        except Refused:
            return  # without them the frames are those that the tracks state

    # ------------------------------------------------------------------------------------------ images

    def _picture(self, one: Element, problems: Problems) -> Picture | None:
        name = (one.get("name") or "").replace("\\", "/")
        if not name:
            problems.add("image", one.get("id"), "name", "is missing")
            return None
        try:
            size = int(number(one.get("width"), "width")), int(number(one.get("height"), "height"))
        except Refused as error:
            problems.add("image", name, error.field, error.reason, error.detail)
            return None
        subset = one.get("subset")
        if subset and not (self.root / name).is_file() and (self.root / subset / name).is_file():
            name = f"{subset}/{name}"  # as projects are exported; the import confines what leads out
        tags = [tag for tag in (subset, *(child.get("label") for child in one.iterfind("tag"))) if tag]
        drawn: list[Drawn] = []
        place = 0
        for child in one:
            if child.tag == "tag":
                continue
            place += 1
            self._take(drawn, str(place), child.get("label", ""), child, name, problems, size, Track())
        return Picture(name, drawn, tags=tuple(dict.fromkeys(tags)))

    def _take(
        self,
        drawn: list[Drawn],
        key: str,
        label: str,
        one: Element,
        name: str,
        problems: Problems,
        size: tuple[int, int],
        track: Track,
    ) -> None:
        try:
            drawn.append(self._drawn(key, label, one, size, track))
        except Refused as error:
            problems.add("annotation", f"{name}:{key}", error.field, error.reason, error.detail)

    def _drawn(self, key: str, label: str, one: Element, size: tuple[int, int], track: Track) -> Drawn:
        if one.tag not in _SHAPES:
            raise Refused("shape", "is of a kind that has no place here", one.tag)
        known = self._by_name.get(label)
        if known is None:
            raise Refused("label", "is missing" if not label else "is no label of the file", label)
        attributes: dict[str, Any] = {}
        kinds = {asked.name: asked.kind for asked in known.attributes}
        for said in one.iterfind("attribute"):
            named = said.get("name")
            if named:
                attributes[named] = _typed(said.text or "", kinds.get(named), named)
        if one.get("occluded") == "1":
            attributes["occluded"] = True
        if one.get("group_id"):
            attributes["group_id"] = _whole(one.get("group_id"), "group_id")
        z = _whole(one.get("z_order") or "0", "z_order")
        return Drawn(key, known.id, _geometry(one, known, size), attributes=attributes, z=z, track=track)

    # ------------------------------------------------------------------------------------------ video

    def _frames_of(self, tracks: Sequence[Element]) -> dict[int, list[tuple[str, str, Track, Element]]]:
        """Frame → (key, label, track, shape) of each shape on it."""
        out: dict[int, list[tuple[str, str, Track, Element]]] = {}
        for place, track in enumerate(tracks):
            name = track.get("id") or str(place)
            own = UUID(bytes=hashlib.blake2b(f"{self.digest}:{name}".encode(), digest_size=16).digest())
            for one in track:
                try:
                    frame = _whole(one.get("frame"), "frame")
                except Refused:
                    continue
                said = Track(own, one.get("keyframe") != "0", one.get("outside") == "1")
                if track.get("group_id"):
                    one.set("group_id", track.get("group_id", ""))
                out.setdefault(frame, []).append((f"t{name}", track.get("label", ""), said, one))
        return out


def _geometry(one: Element, known: Class, size: tuple[int, int]) -> Geometry:
    match one.tag:
        case "box":
            x0, y0, x1, y1 = (number(one.get(side), side) for side in ("xtl", "ytl", "xbr", "ybr"))
            angle = math.radians(number(one.get("rotation") or "0", "rotation"))
            if angle:
                return turned_of("rotated", (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, angle, field="box")
            return box_of(x0, y0, x1 - x0, y1 - y0, field="box")
        case "ellipse":
            cx, cy, rx, ry = (number(one.get(name), name) for name in ("cx", "cy", "rx", "ry"))
            angle = math.radians(number(one.get("rotation") or "0", "rotation"))
            return turned_of("ellipse", cx, cy, 2 * rx, 2 * ry, angle, field="ellipse")
        case "polygon" | "polyline" | "points":
            least = {"polygon": 3, "polyline": 2, "points": 1}[one.tag]
            return geometry(one.tag, field="points", parts=(flat_of(one.get("points"), "points", least=least),))
        case "mask":
            return mask_geometry(_mask(one, size), field="rle")
        case _:
            return _skeleton_points(one, known)


def _skeleton_points(one: Element, known: Class) -> Geometry:
    found: dict[str, tuple[float, float, int]] = {}
    for point in one.iterfind("points"):
        x, y, *_ = flat_of(point.get("points"), "points", least=1)
        seen = 0 if point.get("outside") == "1" else 1 if point.get("occluded") == "1" else 2
        found[point.get("label", "")] = (x, y, seen)
    unknown = found.keys() - set(known.keypoints)
    if unknown:
        raise Refused("points", "have a label that the skeleton has not", ", ".join(sorted(unknown)))
    return keypoints_of([found.get(name, (0.0, 0.0, 0)) for name in known.keypoints], None, field="points")


def _mask(one: Element, size: tuple[int, int]) -> rle.Rle:
    left, top, width, height = (_whole(one.get(name), name) for name in ("left", "top", "width", "height"))
    if width <= 0 or height <= 0 or left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        raise Refused("mask", "reaches beyond its image", (left, top, width, height))
    if size[0] * size[1] > _MOST_PX:
        raise Refused("mask", f"is on an image of more than {_MOST_PX:,} pixels", size)
    try:
        runs = np.array([int(run) for run in (one.get("rle") or "").split(",")], dtype=np.int64)
    except (ValueError, OverflowError):
        raise Refused("rle", "is not whole numbers", one.get("rle")) from None
    if (runs < 0).any() or (runs > width * height).any() or int(runs.sum()) != width * height:
        raise Refused("rle", "has runs that do not fill the mask", int(runs.sum()))
    cut = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    whole = np.zeros((size[1], size[0]), bool)
    whole[top : top + height, left : left + width] = cut
    return rle.encode(whole)


def _attributes(label: Element) -> Iterator[Attribute]:
    for one in label.iterfind("attributes/attribute"):
        name, kind = one.findtext("name") or "", _KINDS.get(one.findtext("input_type") or "", "text")
        if not name:
            continue
        values = [value for value in (one.findtext("values") or "").split("\n") if value]
        said = one.findtext("default_value") or ""
        low = high = None
        default: Any = said or None
        try:
            if kind == "number":
                ends = values[0].split(";") if len(values) == 1 else []
                low, high = (number(ends[0], "values"), number(ends[1], "values")) if len(ends) > 1 else (None, None)
            default = _typed(said, kind, name) if said else None
        except Refused:
            default = None
        yield Attribute(name, kind, tuple(values) if kind == "select" else (), default, low, high)


def _typed(text: str, kind: AttributeKind | None, name: str) -> Any:
    match kind:
        case "checkbox":
            if text.lower() not in ("true", "false"):
                raise Refused(f"attribute {name}", "is neither true nor false", text)
            return text.lower() == "true"
        case "number":
            value = value_of(text)
            return value if type(value) in (int, float) else number(text, f"attribute {name}")
        case "select" | "text":
            return text
        case _:
            return value_of(text)


def _skeleton(svg: str, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The keypoints of a skeleton in the order of its drawing, and its edges by their places there."""
    said = ((number, unescape(name)) for number, name in _NODE.findall(svg))
    nodes = {number: name for number, name in said if name in names}
    ordered = [*nodes.values(), *(name for name in names if name not in nodes.values())]
    places = {node: ordered.index(name) + 1 for node, name in nodes.items()}
    edges = [(places[a], places[b]) for a, b in _EDGE.findall(svg) if a in places and b in places]
    return tuple(ordered), tuple(edges)


def _frame_names(root: Path) -> dict[int, str]:
    """Frame → the image whose name ends with its number."""
    out: dict[int, str] = {}
    for path in pictures_below(root):
        if found := _FRAME.search(path.stem):
            out.setdefault(int(found[1]), path.relative_to(root).as_posix())
    return out


def _whole(text: str | None, field: str) -> int:
    value = number(text, field)
    if value != int(value) or abs(value) >= 2**31:
        raise Refused(field, "is not a whole number", text)
    return int(value)
