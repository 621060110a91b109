"""The pixels of Pascal VOC: ``SegmentationClass`` and ``SegmentationObject``, a PNG of numbers for each image.

A value of ``SegmentationObject/NAME.png`` is the place of an object in NAME.xml, counted from 1; one of
``SegmentationClass/NAME.png`` a class by ``labelmap.txt``, or, without that file, by the order of VOC's own twenty. 0
is the background and 255 the void along the borders (the development kit of 2012, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.masks import Rle
from evalnb.core.records import Annotation
from evalnb.core.taxonomy import Taxonomy
from evalnb.formats.labelled import Drawn, Losses, Refused, files_below, mask_geometry
from evalnb.formats.mask_files import LABELS, Numbers, read_label_map, read_numbers

CLASSES, OBJECTS = "SegmentationClass", "SegmentationObject"
MOST = 254
"""Objects of an image, and classes: 8 bits without the background and the void."""
_VOID = 255
PAINTED = ("polygon", "rotated", "ellipse", "mask")
"""The kinds whose pixels are written; of the others, the box says all that VOC does."""
_OF_2012 = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def colour_map() -> list[int]:
    """VOC's 256 colours as r, g, b, r, …: a value's lowest three bits are the highest of its channels, and so on."""
    rgb = range(3)
    return [sum((value >> (3 * bit + c) & 1) << (7 - bit) for bit in rgb) for value in range(256) for c in rgb]


class Segmentation:
    """The PNGs of a folder of VOC, read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files = [one for name in (CLASSES, OBJECTS) for one in files_below(folder / name, ".png")]
        labels = folder / LABELS
        self.names: Mapping[int, str] = {}
        """Value → class, where the files need one: those of the images without an XML file."""
        self._colors: dict[int, int] = {}
        if labels.is_file():
            self.files.append(labels)
            self.names, self._colors = read_label_map(labels)
        elif self.files:
            self.names = dict(enumerate(_OF_2012, start=1))
        flat = colour_map()
        self._of_objects = {
            (flat[3 * value] << 16) + (flat[3 * value + 1] << 8) + flat[3 * value + 2]: value for value in range(256)
        }

    def stems(self) -> list[str]:
        """The images that have a PNG of classes, by their names without a suffix."""
        below = self._folder / CLASSES
        return [one.relative_to(below).with_suffix("").as_posix() for one in self.files if below in one.parents]

    def used(self, stem: str) -> set[str]:
        """The classes on an image, by its PNG; Refused if it is none."""
        return {self._name(value) for value in _values(self._classes(stem))}

    def of_objects(self, stem: str) -> Mapping[int, Rle]:
        """An object's place in the XML file, from 1 → its pixels; empty without a PNG, Refused if it is none."""
        path = self._folder / OBJECTS / f"{stem}.png"
        if not path.is_file():
            return {}
        numbers = read_numbers(path, self._of_objects)
        return {value: rle.encode(numbers == value) for value in _values(numbers)}

    def drawn(self, stem: str, numbers: Mapping[str, int]) -> list[Drawn]:
        """The masks of an image without an XML file: of its objects, or where nothing tells those apart, of its
        classes. ``numbers`` are the classes' ids by name; Refused if a file is none."""
        classes = self._classes(stem)
        objects = self.of_objects(stem)
        if not objects:
            found = {value: rle.encode(classes == value) for value in _values(classes)}
            named = [(value, value, mask) for value, mask in found.items()]
        else:
            named = []
            for place, mask in objects.items():
                if mask.size != classes.shape:
                    raise Refused(OBJECTS, f"is not of {CLASSES}' size", mask.size)
                below = classes[rle.decode(mask)]
                below = below[(below != 0) & (below != _VOID)]
                if not len(below):
                    raise Refused(OBJECTS, f"has an object that lies on no class of {CLASSES}", place)
                named.append((place, int(np.bincount(below).argmax()), mask))
        return [
            Drawn(str(key), numbers[self._name(value)], mask_geometry(mask, field=CLASSES))
            for key, value, mask in named
        ]

    def _classes(self, stem: str) -> Numbers:
        flat = self._colors or self._of_objects
        return read_numbers(self._folder / CLASSES / f"{stem}.png", flat)

    def _name(self, value: int) -> str:
        return self.names.get(value, f"class {value}")


def _values(numbers: Numbers) -> list[int]:
    return [one for one in np.unique(numbers).tolist() if one not in (0, _VOID)]


class SegmentationWriter:
    """Paints the shapes that have an outline of their own; nothing where a dataset has boxes only."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        self._out, self._taxonomy, self._losses = out, taxonomy, losses
        self._values = {one.id: value for value, one in enumerate(taxonomy, start=1)}
        self.stems: set[str] = set()
        """The images that have their PNGs."""

    def image(self, image: ImageRecord, stem: str, drawn: Sequence[Annotation]) -> None:
        """Both PNGs of one image; ``drawn`` are the objects in the order of its XML file."""
        size = (image.height, image.width)
        painted: list[tuple[int, Annotation, Rle]] = []
        for place, one in enumerate(drawn, start=1):
            if one.geometry.kind not in PAINTED:
                continue
            mask = shapes.mask_of(one.geometry, size)
            if place > MOST:
                self._losses.shape(one, f"is beyond the {MOST} objects of a PNG: the box around it was written")
            elif mask.area_px == 0:
                self._losses.shape(one, "covers no pixel: the box around it was written")
            else:
                painted.append((place, one, mask))
        if not painted:
            return
        classes, objects = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        for place, one, mask in sorted(painted, key=lambda each: each[1].z):
            pixels = rle.decode(mask)
            value = self._values[one.class_id]
            classes[pixels], objects[pixels] = (value if value <= MOST else _VOID), place
        seen = dict(zip(*(one.tolist() for one in np.unique(objects, return_counts=True)), strict=True))
        for place, one, mask in painted:
            if place not in seen:
                self._losses.shape(one, "lies wholly under others: the box around it was written")
                continue
            if seen[place] < mask.area_px:
                self._losses.shape(one, "lies partly under others, which took its pixels")
            if one.geometry.kind != "mask":
                self._losses.shape(one, f"is a {one.geometry.kind}: its pixels and the box around it were written")
        self.stems.add(stem)
        for folder, numbers in ((CLASSES, classes), (OBJECTS, objects)):
            path = self._out / folder / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(numbers)
            picture.putpalette(colour_map())
            picture.save(path)

    def finish(self) -> None:
        """``labelmap.txt``: the classes' values, and VOC's colours of those."""
        if not self.stems:
            return
        flat = colour_map()
        lines = ["background:0,0,0::"]
        for one in self._taxonomy:
            value = self._values[one.id]
            if value > MOST:
                self._losses.class_(one, f"is beyond the {MOST} classes of a PNG: its pixels are void in {CLASSES}")
                continue
            r, g, b = flat[3 * value : 3 * value + 3]
            lines.append(f"{' '.join(one.name.split())}:{r},{g},{b}::")
        (self._out / LABELS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
