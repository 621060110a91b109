"""PNG masks: a picture of numbers for each image.

``masks/NAME.png`` is semantic: each pixel says a class by its value, 0 is the background. ``labelmap.txt`` names the
values, ``name:red,green,blue::`` by line from 0 on, as CVAT and Datumaro write it; it reads PNGs of colours too.
``instances/NAME.png`` (16 bits) says which object each pixel is of, and ``instances.json`` the class of each object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.records import Annotation
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.errors import Invalid
from evalnb.formats.labelled import (
    Drawn,
    Losses,
    Picture,
    Refused,
    digest_of,
    files_below,
    mask_geometry,
    pictures_below,
)
from evalnb.formats.problems import Problems

OWNED = ("images", "masks", "instances", "instances.json", "labelmap.txt", ".instances.part")
LABELS, OBJECTS = "labelmap.txt", "instances.json"
MOST_PX = 1 << 28
_MOST_OBJECTS = 65_535

Numbers = NDArray[np.int64]


class MaskReader:
    """Masks below one folder and the images of the same names below another.

    ``classes`` names the values; left out, ``labelmap.txt`` beside or above the masks does. Where ``instances.json``
    stands there, each value is an object.
    """

    format = "masks"

    def __init__(self, images: Path, masks: Path, classes: Mapping[int, str] | None) -> None:
        for folder in (images, masks):
            if not folder.is_dir():
                raise Invalid(f"{folder} is not a folder", remedy="pass the folders of the images and of their masks")
        self.source, self.root = masks, images
        self._masks = files_below(masks, ".png")
        if not self._masks:
            raise Invalid(f"{masks} has no PNG files", remedy="pass the folder of the masks")
        labels = _beside(masks, LABELS)
        objects = _beside(masks, OBJECTS)
        self._colors: dict[int, int] = {}
        if classes is not None:
            named = {value: name for value, name in classes.items() if value != 0}
        elif labels is not None:
            named, self._colors = read_label_map(labels)
        else:
            raise Invalid(f"nothing names the values of {masks}", remedy="pass classes={1: 'road', 2: 'sky'}")
        self.classes: Sequence[Class] = [Class(id=value, name=name) for value, name in sorted(named.items())]
        self._known = set(named)
        self._objects = None if objects is None or classes is not None else _read_objects(objects)
        files = [one for one in (labels, objects) if one is not None]
        self.digest = digest_of([*self._masks, *files], masks.parent)
        if classes is not None:
            self.digest += f" {sorted(named.items())}"
        self.about: Mapping[str, Any] = {"folder": masks.name}
        self._names: dict[str, str] = {}
        for path in pictures_below(images):
            below = path.relative_to(images)
            self._names.setdefault(below.with_suffix("").as_posix(), below.as_posix())

    def __len__(self) -> int:
        return len(self._masks)

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """One for each mask."""
        for path in self._masks[first:]:
            below = path.relative_to(self.source)
            key = below.as_posix()
            stem = below.with_suffix("").as_posix()
            try:
                numbers = read_numbers(path, self._colors)
            except Refused as error:
                problems.add("image", key, error.field, error.reason, error.detail)
                yield None
                continue
            objects = None if self._objects is None else self._objects.get(stem, {})
            drawn: list[Drawn] = []
            for value in np.unique(numbers).tolist():
                if value == 0:
                    continue
                class_id = value if objects is None else objects.get(value)
                if class_id not in self._known:
                    reason = "is a value without a name" if objects is None else "is an object without a class"
                    problems.add("annotation", f"{key}:{value}", "value", reason)
                else:
                    geometry = mask_geometry(rle.encode(numbers == value), field="mask")
                    drawn.append(Drawn(str(value), class_id, geometry))
            yield Picture(self._names.get(stem, f"{stem}.png"), drawn)


def _beside(masks: Path, name: str) -> Path | None:
    return next((one for one in (masks / name, masks.parent / name) if one.is_file()), None)


def read_label_map(path: Path) -> tuple[dict[int, str], dict[int, int]]:
    """(value → name without the background's, colour as one number → value); Invalid for a line without a colour."""
    named: dict[int, str] = {}
    colors: dict[int, int] = {}
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for value, line in enumerate(lines):
        name, color, *_ = [*line.rsplit(":", 3), "", ""]
        try:
            r, g, b = (int(one) for one in color.split(","))
        except ValueError:
            raise Invalid(f"{path.name} has the line {line!r}", remedy="write name:red,green,blue::") from None
        colors[(r << 16) + (g << 8) + b] = value
        if value:
            named[value] = name
    return named, colors


def _read_objects(path: Path) -> dict[str, dict[int, int]]:
    try:
        said = orjson.loads(path.read_bytes())
        return {name: {int(value): int(one) for value, one in of.items()} for name, of in said["images"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(
            f"{path.name} does not say the objects' classes ({error})",
            remedy='write {"images": {"NAME": {"1": CLASS}}}, or remove it',
        ) from None


def read_numbers(path: Path, colors: Mapping[int, int]) -> Numbers:
    """(h, w) the value of each pixel; ``colors`` are those of a picture of colours, as one number each → value.

    Refused if the file is no PNG, too great, or has a colour that nothing names.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.size[0] * image.size[1] > MOST_PX:
                raise Refused("file", f"has more than {MOST_PX:,} pixels", image.size)
            if image.mode in ("1", "L", "P", "I", "I;16", "I;16B"):
                return np.asarray(image).astype(np.int64)
            rgb = np.asarray(image.convert("RGB")).astype(np.int64)
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused("file", "is no PNG file", str(error)) from None
    if not colors:
        raise Refused("file", "is a picture of colours, which nothing names")
    found, place = np.unique((rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2], return_inverse=True)
    unknown = [one for one in found.tolist() if one not in colors]
    if unknown:
        raise Refused("file", f"has a colour that {LABELS} does not name", f"#{unknown[0]:06x}")
    values: Numbers = np.array([colors[one] for one in found.tolist()], dtype=np.int64)[place].reshape(rgb.shape[:2])
    return values


class MaskWriter:
    """Writes semantic and instance masks; what lies higher covers what lies lower."""

    def __init__(self, out: Path, taxonomy: Taxonomy, losses: Losses) -> None:
        if len(taxonomy) > 255:
            raise Invalid(f"there are {len(taxonomy)} classes", remedy="8-bit masks hold 255: export to coco")
        self._out, self._losses = out, losses
        losses.classes(taxonomy)
        self._values = {one.id: value for value, one in enumerate(taxonomy, start=1)}
        self._palette = [0, 0, 0]
        lines = ["background:0,0,0::"]
        for one in taxonomy:
            rgb = [int(taxonomy.color(one.id)[at : at + 2], 16) for at in (1, 3, 5)]
            self._palette += rgb
            lines.append(f"{' '.join(one.name.split())}:{rgb[0]},{rgb[1]},{rgb[2]}::")
        (out / LABELS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._aside = (out / OWNED[-1]).open("wb")
        self._first = True

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """Both masks of one image."""
        size = (image.height, image.width)
        semantic = np.zeros(size, np.uint8)
        instances = np.zeros(size, np.uint16)
        classes: dict[int, int] = {}
        where: dict[int, tuple[Annotation, int]] = {}
        if image.tags:
            self._losses.image(image, "lost its tags", ", ".join(image.tags))
        for one in sorted(drawn, key=lambda one: one.z):
            mask = self._mask(one, size)
            if mask is None:
                continue
            value = len(classes) + 1
            if value > _MOST_OBJECTS:
                self._losses.shape(
                    one, f"is beyond the {_MOST_OBJECTS:,} objects that 16 bits can tell apart; left out"
                )
                continue
            pixels = rle.decode(mask)
            semantic[pixels], instances[pixels] = self._values[one.class_id], value
            classes[value] = self._values[one.class_id]
            where[value] = (one, mask.area_px)
        self._hidden(instances, classes, where)
        stem = Path(name).with_suffix("")
        for folder, numbers in (("masks", semantic), ("instances", instances)):
            path = self._out / folder / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(numbers)
            if folder == "masks":
                picture.putpalette(self._palette)
            picture.save(path)
        start = b'{"images": {\n' if self._first else b",\n"
        said = {str(value): one for value, one in classes.items()}
        self._aside.write(start + orjson.dumps(stem.as_posix()) + b": " + orjson.dumps(said))
        self._first = False
        return len(classes)

    def finish(self) -> None:
        """The table of the objects."""
        self._aside.write(b'{"images": {}}\n' if self._first else b"\n}}\n")
        self._aside.close()
        (self._out / OWNED[-1]).replace(self._out / OBJECTS)

    def _mask(self, one: Annotation, size: tuple[int, int]) -> rle.Rle | None:
        kind = one.geometry.kind
        if kind in ("polyline", "points"):
            self._losses.shape(one, f"is a {kind}, which encloses nothing; it was left out")
            return None
        mask = shapes.mask_of(one.geometry, size)
        if mask.area_px == 0:
            self._losses.shape(one, "covers no pixel; it was left out")
            return None
        self._losses.common(one)
        self._losses.attributes(one, list(one.attributes))
        if kind != "mask":
            self._losses.shape(one, f"is of kind {kind}: its pixels were written")
        return mask

    def _hidden(
        self, instances: NDArray[np.uint16], classes: dict[int, int], where: Mapping[int, tuple[Annotation, int]]
    ) -> None:
        """Name what others cover; one that is covered whole is no object of the file."""
        seen = dict(zip(*(one.tolist() for one in np.unique(instances, return_counts=True)), strict=True))
        for value, (one, area_px) in where.items():
            if value not in seen:
                self._losses.shape(one, "lies wholly under others; it was left out")
                del classes[value]
            elif seen[value] < area_px:
                self._losses.shape(one, "lies partly under others, which took its pixels")
