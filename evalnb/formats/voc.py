"""Pascal VOC: an XML file of boxes for each image (host.robots.ox.ac.uk/pascal/VOC/voc2012, the development kit).

``Annotations/NAME.xml``, ``JPEGImages/NAME.jpg``, ``ImageSets/Main/SET.txt`` with the names of each set, and the
pixels of objects as ``voc_masks`` has them: an object that has some is a mask, the others are boxes. Corners are
taken as they are written: today's tools write edges counted from 0, and so does evalnb; VOC's own files of 2012 count
pixels from 1 and include the last, which puts a box that is read from them a pixel off, as other tools do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from evalnb.core.images import ImageRecord
from evalnb.core.masks import Rle
from evalnb.core.records import Annotation, Geometry
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import EvalnbError, Invalid
from evalnb.formats.labelled import (
    Drawn,
    Losses,
    Picture,
    Refused,
    box_of,
    digest_of,
    files_below,
    mask_geometry,
    number,
    numbered,
    pictures_below,
)
from evalnb.formats.mask_files import LABELS
from evalnb.formats.problems import Problems
from evalnb.formats.voc_masks import CLASSES, OBJECTS, PAINTED, Segmentation, SegmentationWriter
from evalnb.formats.xml_reader import root_of
from evalnb.formats.xml_values import body, plain, value_of, written

_FLAGS = ("truncated", "difficult", "occluded")
OWNED = ("Annotations", "ImageSets", "JPEGImages", CLASSES, OBJECTS, LABELS)
"""What an export writes."""


class VocReader:
    """A folder of VOC; Invalid if it holds no such files. Classes are numbered in the order of their names."""

    format = "voc"

    def __init__(self, folder: Path, images: Path | None, problems: Problems) -> None:
        self.source = folder
        if not folder.is_dir():
            raise Invalid(f"{folder} is not a folder", remedy="pass the folder that holds Annotations and JPEGImages")
        below = folder / "Annotations"
        self._below = below if below.is_dir() else folder
        self._files = files_below(self._below, ".xml")
        self._pixels = Segmentation(folder)
        described = {self._stem(path) for path in self._files}
        self._bare = [stem for stem in self._pixels.stems() if stem not in described]
        """Images of which the PNGs alone speak."""
        if not self._files and not self._bare:
            raise Invalid(
                f"{folder} has neither XML files nor {CLASSES}",
                remedy="pass the folder that holds Annotations and JPEGImages",
            )
        pixels = folder / "JPEGImages"
        self.root = images or (pixels if pixels.is_dir() else folder)
        self._places = _by_name(self.root)
        sets = sorted((folder / "ImageSets" / "Main").glob("*.txt"))
        sets = sets or sorted((folder / "ImageSets" / "Segmentation").glob("*.txt"))
        self._tags = _tags(sets)
        self.digest = digest_of([*self._files, *sets, *self._pixels.files], folder)
        names: set[str] = set()
        for path in self._files:
            try:
                names.update(_text(one, "name") for one in root_of(path).iter("object"))
            except EvalnbError:
                continue  # listed when its picture is read
        for stem in self._bare:
            try:
                names.update(self._pixels.used(stem))
            except Refused:
                continue  # the same
        names.discard("")
        self.classes: Sequence[Class] = numbered(sorted(names))
        self._numbers = {one.name: one.id for one in self.classes}
        self.about: Mapping[str, Any] = {"folder": folder.name}

    def __len__(self) -> int:
        return len(self._files) + len(self._bare)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """One for each XML file, and then one for each image that has PNGs alone."""
        for path in self._files[first:]:
            yield self._picture(path, problems)
        for stem in self._bare[max(first - len(self._files), 0) :]:
            try:
                drawn = self._pixels.drawn(stem, self._numbers)
            except Refused as error:
                problems.add("image", stem, error.field, error.reason, error.detail)
                yield None
            else:
                yield Picture(self._places.get(stem, f"{stem}.jpg"), drawn, tags=self._tags_of(stem))

    def _stem(self, path: Path) -> str:
        return path.relative_to(self._below).with_suffix("").as_posix()

    def _tags_of(self, stem: str) -> tuple[str, ...]:
        return self._tags.get(stem, self._tags.get(Path(stem).name, ()))

    def _picture(self, path: Path, problems: Problems) -> Picture | None:
        key = path.relative_to(self._below).as_posix()
        try:
            root = root_of(path)
        except EvalnbError as error:
            problems.add("image", key, "file", "cannot be read", error.happened)
            return None
        said = _text(root, "filename")
        stem = self._stem(path)
        name = self._places.get(stem) or self._places.get(said) or self._places.get(path.stem) or said or stem
        drawn: list[Drawn] = []
        masks: Mapping[int, Rle] = {}
        try:
            masks = self._pixels.of_objects(stem)
        except Refused as error:
            problems.add("image", key, OBJECTS, f"was left out: {error.field} {error.reason}", error.detail)
        for place, one in enumerate(root.iter("object"), start=1):
            try:
                drawn.append(self._drawn(str(place), one, masks.get(place)))
            except Refused as error:
                problems.add("annotation", f"{key}:{place}", error.field, error.reason, error.detail)
        return Picture(name, drawn, tags=self._tags_of(stem))

    def _drawn(self, key: str, one: Element, mask: Rle | None) -> Drawn:
        name = _text(one, "name")
        if not name:
            raise Refused("name", "is missing")
        attributes: dict[str, Any] = {}
        if pose := _text(one, "pose"):
            attributes["pose"] = pose
        for flag in _FLAGS:
            text = _text(one, flag)
            if text:
                if text not in ("0", "1"):
                    raise Refused(flag, "is not 0 or 1", text)
                attributes[flag] = text == "1"
        for more in one.iterfind("attributes/attribute"):
            if named := _text(more, "name"):
                attributes[named] = value_of(_text(more, "value"))
        geometry = _box(one) if mask is None else mask_geometry(mask, field=OBJECTS)
        return Drawn(key, self._numbers[name], geometry, attributes=attributes)


def _box(one: Element) -> Geometry:
    box = one.find("bndbox")
    if box is None:
        raise Refused("bndbox", "is missing")
    x0, y0, x1, y1 = (number(box.findtext(side), side) for side in ("xmin", "ymin", "xmax", "ymax"))
    return box_of(x0, y0, x1 - x0, y1 - y0, field="bndbox")


class VocWriter:
    """Writes ``Annotations``, ``ImageSets``, and the pixels of what has an outline."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out, taxonomy, losses
        self._sets: dict[str, list[str]] = {}
        self._pixels = SegmentationWriter(out, taxonomy, losses)
        (out / "Annotations").mkdir()
        losses.classes(taxonomy)

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """One XML file."""
        stem = Path(name).with_suffix("").as_posix()
        for tag in image.tags:
            if _is_file_name(tag):
                self._sets.setdefault(tag, []).append(stem)
            else:
                self._losses.image(image, "lost a tag that can be no file's name", tag)
        written = [(one, text) for one in drawn if (text := self._object(one))]
        self._pixels.image(image, stem, [one for one, _ in written])
        objects = [text for _, text in written]
        path = (self._out / "Annotations" / name).with_suffix(".xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"<annotation>\n  <folder>JPEGImages</folder>\n  <filename>{body(name)}</filename>\n"
            f"  <size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>\n"
            f"  <segmented>{int(stem in self._pixels.stems)}</segmented>\n{''.join(objects)}</annotation>\n",
            encoding="utf-8",
        )
        return len(objects)

    def finish(self) -> None:
        """The image sets."""
        self._pixels.finish()
        painted = {tag: [one for one in names if one in self._pixels.stems] for tag, names in self._sets.items()}
        for of, sets in (("Main", self._sets), ("Segmentation", painted)):
            folder = self._out / "ImageSets" / of
            for tag, names in sets.items():
                if names:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / f"{tag}.txt").write_text("".join(f"{one}\n" for one in names), encoding="utf-8")

    def _object(self, one: Annotation) -> str:
        if one.geometry.kind in PAINTED and min(one.geometry.box[2:]) > 0:
            box = one.geometry.box  # and its pixels, of which ``SegmentationWriter`` tells
        elif (boxed := self._losses.boxed(one)) is not None:
            box = boxed
        else:
            return ""
        self._losses.common(one)
        attributes = dict(one.attributes)
        pose = attributes.pop("pose", None) if _is_pose(attributes.get("pose")) else None
        own = f"<pose>{body(pose)}</pose>" if pose else ""
        for flag in _FLAGS:
            if isinstance(attributes.get(flag), bool):
                own += f"<{flag}>{int(attributes.pop(flag))}</{flag}>"
        said, lost = written(attributes)
        self._losses.attributes(one, lost)
        more = "".join(
            f"<attribute><name>{body(name)}</name><value>{body(text)}</value></attribute>"
            for name, text in said.items()
        )
        x, y, w, h = box
        sides = zip(("xmin", "ymin", "xmax", "ymax"), (x, y, x + w, y + h), strict=True)
        corners = "".join(f"<{side}>{plain(value)}</{side}>" for side, value in sides)
        name = body(self._taxonomy.by_id[one.class_id].name)
        more = f"<attributes>{more}</attributes>" if more else ""
        return f"  <object><name>{name}</name>{own}<bndbox>{corners}</bndbox>{more}</object>\n"


def _by_name(root: Path) -> dict[str, str]:
    """Images below the folder, by their path, and by their path and their bare name without a suffix."""
    out: dict[str, str] = {}
    found = [path.relative_to(root) for path in pictures_below(root)]
    for below in found:
        out[below.as_posix()] = below.as_posix()
    for below in found:
        out.setdefault(below.with_suffix("").as_posix(), below.as_posix())
    for below in found:
        out.setdefault(below.stem, below.as_posix())
    return out


def _tags(sets: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """The sets each image is in. A file with a second word on its lines says where a class is, and is none."""
    out: dict[str, tuple[str, ...]] = {}
    for path in sets:
        lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        if any(line.endswith((" 1", " -1", " 0")) for line in lines):
            continue
        for line in filter(None, lines):
            out[line] = (*out.get(line, ()), path.stem)
    return out


def _text(one: Element, name: str) -> str:
    return (one.findtext(name) or "").strip()


def _is_pose(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip()


def _is_file_name(tag: str) -> bool:
    return tag not in ("", ".", "..") and not set(tag) & set('/\\\0:*?"<>|\n\r') and len(tag.encode()) < 200
