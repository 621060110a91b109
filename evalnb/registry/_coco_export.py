"""The export to COCO: everything that an import read comes out equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from sqlalchemy.orm import Session

from evalnb.core.progress import Progress
from evalnb.core.slices import Slice
from evalnb.core.sources import AS_GIVEN, SourceShape, id_of
from evalnb.core.taxonomy import Class
from evalnb.formats import coco_extension
from evalnb.formats.coco_writer import annotation_object, as_given, class_object, image_object
from evalnb.formats.problems import Problems
from evalnb.registry._labelled_import import ORIGIN
from evalnb.registry.exports import PixelsMode, one_moment, place_pixels
from evalnb.registry.receipts import LossReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import datasets, images

FILE = "annotations.json"
_OF_OTHERS = {"yolo", ORIGIN}
"""Keys of a dataset's source that say it came from another format than COCO."""


def export_coco(
    store: Store, dataset_id: int, out: Path, *, part: Slice, mode: PixelsMode, bar: Progress
) -> LossReport:
    """Write ``out/annotations.json`` (whole or not at all), and the pixels under ``out/images``."""
    return _export("coco", _Writing, store, dataset_id, out, part, mode, bar)


def export_lvis(
    store: Store, dataset_id: int, out: Path, *, part: Slice, mode: PixelsMode, bar: Progress
) -> LossReport:
    """As ``export_coco``, with what LVIS asks for beside COCO (lvisdataset.org/dataset): each image's lists of
    classes that were looked for, and each class's counts and frequency, where the source did not state them."""
    return _export("lvis", _LvisWriting, store, dataset_id, out, part, mode, bar)


def _export(
    format: str,
    kind: type[_Writing],
    store: Store,
    dataset_id: int,
    out: Path,
    part: Slice,
    mode: PixelsMode,
    bar: Progress,
) -> LossReport:
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f"{FILE}.part"
    with one_moment(store) as session, unfinished.open("wb") as file:
        writing = kind(store, session, dataset_id, out, part, mode, bar)
        writing.write(file)
    unfinished.replace(out / FILE)
    return LossReport(
        dataset_id=dataset_id,
        format=format,
        path=str(out),
        images=len(writing.image_ids),
        annotations=writing.annotations,
        losses=dict(writing.losses.counts),
        examples=tuple(writing.losses),
    )


@dataclass
class _Writing:
    store: Store
    session: Session
    dataset_id: int
    out: Path
    part: Slice
    mode: PixelsMode
    bar: Progress
    losses: Problems = field(default_factory=Problems)
    image_ids: dict[int, int | str] = field(default_factory=dict)
    """evalnb's image ids → the file's."""
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """evalnb's image ids → height, width."""
    annotations: int = 0

    def write(self, file: BinaryIO) -> None:
        source = datasets.get(self.session, self.dataset_id).source
        # What YOLO and the like call a key is a path; as a COCO id it would be a string, which many tools refuse.
        keep_strings = not source.keys() & _OF_OTHERS
        for name, value in as_given({}, source).items():
            if name not in _OF_OTHERS:
                file.write((b",\n" if file.tell() else b"{") + orjson.dumps(name) + b": " + orjson.dumps(value))
        taxonomy = datasets.taxonomy(self.session, self.dataset_id)
        classes = [self._class(one) for one in taxonomy]
        numbers = {one.id: said["id"] for one, said in zip(taxonomy, classes, strict=True)}
        absent = source.get(AS_GIVEN, {}).get("absent", ())
        self._list(file, "images", self._images(keep_strings=keep_strings), absent)
        self._list(file, "annotations", self._annotations(numbers, keep_strings=keep_strings), absent)
        self._list(file, "categories", map(orjson.dumps, classes), absent)
        file.write(b"}\n")

    def _class(self, one: Class) -> dict[str, Any]:
        return class_object(one)

    def _image(self, one: dict[str, Any]) -> dict[str, Any]:
        return one

    def _annotation(self, one: dict[str, Any], shape: SourceShape) -> None:
        """Change what a sister of COCO writes otherwise."""

    def _images(self, *, keep_strings: bool) -> Iterator[bytes]:
        total = images.count(self.session, self.dataset_id, self.part)
        self.bar.start(total, unit="images", what="writing images")
        for image in images.stream(self.session, self.dataset_id, self.part):
            source_id = id_of(image.source_key)
            if isinstance(source_id, str) and not keep_strings:
                source_id = len(self.image_ids) + 1
            self.image_ids[image.id] = source_id
            self.sizes[image.id] = (image.height, image.width)
            place_pixels(self.store, image, self.out / "images", image.file_name, mode=self.mode, losses=self.losses)
            self.bar.advance()
            one = image_object(source_id, image.file_name, image.width, image.height, image.tags, image.extra)
            yield orjson.dumps(self._image(one))

    def _annotations(self, numbers: dict[int, int | str], *, keep_strings: bool) -> Iterator[bytes]:
        self.bar.start(None, unit="annotations", what="writing annotations")
        fresh = shape_rows.highest_number(self.session, self.dataset_id)
        for key, shape in shape_rows.stream(self.session, self.dataset_id, self.part):
            source_id = None if key is None else id_of(key)
            if source_id is None or (isinstance(source_id, str) and not keep_strings):
                fresh += 1
                source_id = fresh
            self.annotations += 1
            self.bar.advance()
            size = self.sizes[shape.image_id]
            one = annotation_object(shape, source_id, self.image_ids[shape.image_id], numbers[shape.class_id], size)
            self._lose(one, shape)
            self._annotation(one, shape)
            yield orjson.dumps(one)

    def _lose(self, one: dict[str, Any], shape: SourceShape) -> None:
        """Name what stands under evalnb's own key only."""
        own = one.get(coco_extension.KEY)
        if not isinstance(own, dict) or not coco_extension.is_ours(own):
            return
        if "kind" in own:
            self.losses.add("annotation", shape.key, "", coco_extension.LOSSES[own["kind"]])
        if "z" in own or "track" in own:
            self.losses.add("annotation", shape.key, "", coco_extension.PLACE_LOSS)

    def _list(self, file: BinaryIO, name: str, lines: Iterable[bytes], absent: Iterable[str]) -> None:
        """One element on each line; a list that the source did not have and that is empty still is left out."""
        count = 0
        for count, line in enumerate(lines, start=1):
            if count == 1:
                self._open(file, name)
            file.write((b"\n" if count == 1 else b",\n") + line)
        if count == 0 and name not in absent:
            self._open(file, name)
        if count or name not in absent:
            file.write(b"]")

    def _open(self, file: BinaryIO, name: str) -> None:
        file.write((b",\n" if file.tell() else b"{") + orjson.dumps(name) + b": [")


class _LvisWriting(_Writing):
    """LVIS: federated classes, and neither crowds nor objects without an outline."""

    @cached_property
    def _counts(self) -> dict[int, tuple[int, int]]:
        return shape_rows.counts_by_class(self.session, self.dataset_id, self.part)

    def _class(self, one: Class) -> dict[str, Any]:
        on_images, instances = self._counts.get(one.id, (0, 0))
        # The thresholds of A. Gupta et al., LVIS, 2019: rare on at most 10 images, common on at most 100.
        frequency = "r" if on_images <= 10 else "c" if on_images <= 100 else "f"
        asked = {"image_count": on_images, "instance_count": instances, "frequency": frequency}
        asked |= {"synset": "", "synonyms": [one.name], "def": ""}
        return {**asked, **class_object(one)}

    def _image(self, one: dict[str, Any]) -> dict[str, Any]:
        return {"neg_category_ids": [], "not_exhaustive_category_ids": [], "coco_url": one["file_name"], **one}

    def _annotation(self, one: dict[str, Any], shape: SourceShape) -> None:
        one.pop("iscrowd", None)
        one.setdefault("segmentation", [])
        if shape.crowd:
            self.losses.add("annotation", shape.key, "", "is a crowd, which LVIS cannot mark: it became an object")
        if not one["segmentation"]:
            self.losses.add(
                "annotation", shape.key, "", "has no outline: a reader that asks LVIS for outlines finds none"
            )
