"""COCO's panoptic format (cocodataset.org/#format-data, 4): one JSON, and a PNG of segments for each image.

A pixel's colour says its segment, R + 256 G + 256² B, and ``segments_info`` the segment's class; 0 is nothing.
Segments do not overlap. Beside COCO's own keys an image has ``tags``, as evalnb's COCO files do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import orjson
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.masks import Rle
from evalnb.core.records import Annotation
from evalnb.core.sources import id_of
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import Invalid
from evalnb.formats import json_index
from evalnb.formats.coco_reader import ImageObject, read_classes, read_image
from evalnb.formats.coco_reader import Refused as RefusedObject
from evalnb.formats.coco_writer import class_object
from evalnb.formats.json_index import JsonIndex, Unreadable
from evalnb.formats.labelled import Drawn, Losses, Picture, Refused, digest_of, files_below, mask_geometry
from evalnb.formats.mask_files import MOST_PX, Numbers
from evalnb.formats.problems import Problems

FILE, FOLDER = "panoptic.json", "panoptic"
OWNED = (FILE, FOLDER, "images", ".images.part", ".annotations.part")
_LISTS = ("images", "annotations", "categories")
_MOST = (1 << 24) - 1
"""Segments of an image: 24 bits without 0."""


class PanopticReader:
    """A JSON file of COCO's panoptic format, and the folder of its PNGs; NotFound or Invalid refuse the file.

    ``masks`` is the file's path without its suffix where it is left out, as COCO has it.
    """

    format = "panoptic"

    def __init__(self, file: Path, images: Path, masks: Path | None, problems: Problems) -> None:
        self.source, self.root = file, images
        self._masks = file.with_suffix("") if masks is None else masks
        self._index = json_index.build(file, lists=_LISTS)
        if not {"images", "annotations", "categories"} <= self._index.arrays.keys():
            raise Invalid(
                f"{file.name} lacks images, annotations or categories", remedy="pass COCO's panoptic_….json"
            )
        for folder, what in ((images, "images"), (self._masks, "PNGs of segments")):
            if not folder.is_dir():
                raise Invalid(f"{folder} is not a folder", remedy=f"pass the folder of the {what}")
        for fault in self._index.faults:
            problems.add("file", f"byte {fault.byte}", "", fault.reason)
        classes, self._numbers = read_classes(list(_all(self._index, "categories")), problems)
        self.classes: Sequence[Class] = classes
        self._images = self._read_images(problems)
        met = {one.get("image_id") for one in _all(self._index, "annotations") if isinstance(one, dict)}
        self._bare = [one for id_, one in self._images.items() if id_ not in met]
        self.digest = f"{self._index.digest} {digest_of(files_below(self._masks, '.png'), self._masks)}"
        self.about: Mapping[str, Any] = {"file": file.name}

    def __len__(self) -> int:
        return len(self._index.arrays["annotations"]) + len(self._bare)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """One for each annotation, which is all of an image's segments; then the images without."""
        for batch in self._index.batches("annotations", first=first, size=100):
            for one in batch:
                try:
                    yield self._picture(one, problems)
                except Refused as error:
                    key = one.get("image_id") if isinstance(one, dict) else None
                    problems.add("image", key, error.field, error.reason, error.detail)
                    yield None
        for bare in self._bare[max(first - len(self._index.arrays["annotations"]), 0) :]:
            yield _picture_of(bare, ())

    def _read_images(self, problems: Problems) -> dict[Any, ImageObject]:
        out: dict[Any, ImageObject] = {}
        for value in _all(self._index, "images"):
            try:
                one = read_image(value)
            except RefusedObject as error:
                key = value.get("id") if isinstance(value, dict) else None
                problems.add("image", key, error.field, error.reason, error.detail)
                continue
            if one.source_id in out:
                problems.add("image", one.key, "id", "is used twice")
            else:
                out[one.source_id] = one
        return out

    def _picture(self, one: Any, problems: Problems) -> Picture:
        if isinstance(one, Unreadable) or not isinstance(one, dict):
            raise Refused("", "is no object that can be read")
        image = self._images.get(key) if isinstance(key := one.get("image_id"), int | str) else None
        if image is None:
            raise Refused("image_id", "is no image of the file", key)
        rows = one.get("segments_info")
        if not isinstance(rows, list):
            raise Refused("segments_info", "is no list", rows)
        segments = self._segments(one.get("file_name"))
        left = dict.fromkeys(np.unique(segments).tolist())
        left.pop(0, None)
        drawn: list[Drawn] = []
        for place, row in enumerate(rows):
            named = row.get("id", place) if isinstance(row, dict) else place
            try:
                drawn.append(self._drawn(row, segments, left))
            except Refused as error:
                problems.add("annotation", f"{image.file_name}:{named}", error.field, error.reason, error.detail)
        for value in left:
            problems.add("annotation", f"{image.file_name}:{value}", "segment", "is not listed in segments_info")
        return _picture_of(image, drawn)

    def _segments(self, name: Any) -> Numbers:
        if not isinstance(name, str) or not name or "\0" in name:
            raise Refused("file_name", "is missing or not text", name)
        inner = PurePosixPath(name.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts:
            raise Refused("file_name", "leads out of the segments' folder", name)
        try:
            with Image.open(self._masks / inner, formats=["PNG"]) as image:
                if image.size[0] * image.size[1] > MOST_PX:
                    raise Refused("file_name", f"has more than {MOST_PX:,} pixels", image.size)
                rgb = np.asarray(image.convert("RGB")).astype(np.int64)
        except (OSError, SyntaxError, ValueError) as error:
            raise Refused("file_name", "is no PNG file", str(error)) from None
        numbers: Numbers = rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16)
        return numbers

    def _drawn(self, row: Any, segments: Numbers, left: dict[int, None]) -> Drawn:
        if not isinstance(row, dict):
            raise Refused("", "is not an object", row)
        value, category, crowd = row.get("id"), row.get("category_id"), row.get("iscrowd", 0)
        if type(value) is not int or not 0 < value <= _MOST:
            raise Refused("id", "is no number of a segment", value)
        if value not in left:
            raise Refused("id", "has no pixel, or is listed twice", value)
        del left[value]
        class_id = self._numbers.get(category) if isinstance(category, int | str) else None
        if class_id is None:
            raise Refused("category_id", "is no category of the file", category)
        if crowd not in (0, 1):
            raise Refused("iscrowd", "is not 0 or 1", crowd)
        return Drawn(
            str(value), class_id, mask_geometry(rle.encode(segments == value), field="segment"), crowd=bool(crowd)
        )


def _picture_of(image: ImageObject, drawn: Sequence[Drawn]) -> Picture:
    size = None if image.width is None or image.height is None else (image.width, image.height)
    return Picture(image.file_name, drawn, tags=image.tags, size=size)


def _all(index: JsonIndex, name: str) -> Iterator[Any]:
    for batch in index.batches(name):
        yield from batch


class PanopticWriter:
    """Writes ``panoptic.json`` and ``panoptic/NAME.png``; what lies higher covers what lies lower."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out, taxonomy, losses
        losses.classes(taxonomy)
        self._images, self._annotations = ((out / name).open("wb") for name in OWNED[3:])
        self._ids: set[int] = set()

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """An image's segments; its id is the source's where that is a number, as results will name it."""
        key = id_of(image.source_key)
        number = key if isinstance(key, int) and key not in self._ids else len(self._ids) + 1
        while number in self._ids:
            number += 1
        self._ids.add(number)
        size = (image.height, image.width)
        painted: dict[int, tuple[Annotation, Rle]] = {}
        segments = np.zeros(size, np.uint32)
        for one in sorted(drawn, key=lambda one: one.z):
            mask = self._mask(one, size)
            if mask is not None:
                value = len(painted) + 1
                painted[value] = (one, mask)
                segments[rle.decode(mask)] = value
        seen = dict(zip(*(one.tolist() for one in np.unique(segments, return_counts=True)), strict=True))
        rows = []
        for value, (one, mask) in painted.items():
            if value not in seen:
                self._losses.shape(one, "lies wholly under others; it was left out")
                continue
            if seen[value] < mask.area_px:
                self._losses.shape(one, "lies partly under others, which took its pixels")
                mask = rle.encode(segments == value)
            box = [int(side) for side in rle.box(mask)]
            said = {"id": value, "category_id": one.class_id, "area": seen[value], "bbox": box}
            rows.append({**said, "iscrowd": int(one.crowd)})
        stem = Path(name).with_suffix("").as_posix()
        path = self._out / FOLDER / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        rgb = np.stack([segments & 255, segments >> 8 & 255, segments >> 16], axis=-1).astype(np.uint8)
        Image.fromarray(rgb).save(path)
        about = {"id": number, "file_name": name, "width": image.width, "height": image.height}
        _append(self._images, {**about, "tags": list(image.tags)} if image.tags else about)
        _append(self._annotations, {"image_id": number, "file_name": f"{stem}.png", "segments_info": rows})
        return len(rows)

    def finish(self) -> None:
        """The JSON, of what was put aside."""
        with (self._out / FILE).open("wb") as file:
            for start, name, part in ((b"{", "images", OWNED[3]), (b",\n", "annotations", OWNED[4])):
                file.write(start + orjson.dumps(name) + b": [\n")
                aside = self._images if name == "images" else self._annotations
                aside.close()
                with (self._out / part).open("rb") as written:
                    while block := written.read(1 << 20):
                        file.write(block)
                (self._out / part).unlink()
                file.write(b"]")
            file.write(b',\n"categories": ' + orjson.dumps([self._category(one) for one in self._taxonomy]) + b"}\n")

    def _category(self, one: Class) -> dict[str, Any]:
        said = class_object(one)
        for name in ("evalnb", "keypoints", "skeleton"):
            said.pop(name, None)
        if not isinstance(said.get("color"), list):  # as COCO's own file says it, if this one came from there
            color = self._taxonomy.color(one.id)
            said["color"] = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        return {"isthing": 1, **said}

    def _mask(self, one: Annotation, size: tuple[int, int]) -> Rle | None:
        kind = one.geometry.kind
        if kind in ("polyline", "points"):
            self._losses.shape(one, f"is a {kind}, which encloses nothing; it was left out")
            return None
        mask = shapes.mask_of(one.geometry, size)
        if mask.area_px == 0:
            self._losses.shape(one, "covers no pixel; it was left out")
            return None
        self._losses.common(one, crowd=True)
        self._losses.attributes(one, list(one.attributes))
        if kind != "mask":
            self._losses.shape(one, f"is of kind {kind}: its pixels were written")
        return mask


def _append(file: BinaryIO, one: Mapping[str, Any]) -> None:
    file.write((b",\n" if file.tell() else b"") + orjson.dumps(one))
