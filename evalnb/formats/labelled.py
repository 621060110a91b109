"""What the readers and writers of labelled images share: an image with the shapes that a file draws on it.

A reader knows its classes at once and reads the shapes image by image, so that an import streams and
can be taken up; a writer gets one image after the other.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from evalnb.core import shapes
from evalnb.core.images import ImageRecord
from evalnb.core.masks import Rle
from evalnb.core.records import Annotation, Geometry, Track, Turned
from evalnb.core.sources import LIMIT_PX
from evalnb.core.taxonomy import Class, Taxonomy
from evalnb.formats.problems import Problems

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class Refused(Exception):
    """One shape or image cannot be taken: which field, and why. A signal to the reader, which lists it."""

    def __init__(self, field: str, reason: str, detail: object = "") -> None:
        super().__init__(f"{field} {reason}")
        self.field, self.reason, self.detail = field, reason, detail


@dataclass(frozen=True, slots=True)
class Drawn:
    """One shape as a file drew it."""

    key: str
    """Its place in the file: the same each time the file is read, and unique on its image."""
    class_id: int
    geometry: Geometry
    area: float | None = None
    """px²; None computes it."""
    crowd: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    z: int = 0
    track: Track = field(default_factory=Track)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image and what a file says of it."""

    name: str
    """Where it lies below the folder of images; it is the image's key too."""
    drawn: Sequence[Drawn] = ()
    tags: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    """Width and height as the file states them; None where it does not."""


class Reader(Protocol):
    """A data set on the disk."""

    format: str
    source: Path
    """The file or folder that was named."""
    root: Path
    """The folder from which the pictures' names start."""
    about: Mapping[str, Any]
    digest: str
    """One hash of everything that the labels say."""

    @property
    def classes(self) -> Sequence[Class]:
        """The classes that the labels name."""

    def __len__(self) -> int:
        """How many pictures there are."""

    def pictures(self, first: int, problems: Problems) -> Iterator[Picture | None]:
        """The pictures from the ``first`` on, in an order that never changes; None for one that was refused. What is
        refused is listed in ``problems``."""


class Writer(Protocol):
    """A data set in the making."""

    def image(self, image: ImageRecord, name: str, drawn: Sequence[Annotation]) -> int:
        """Write one image's shapes; how many were written. ``name`` is where its pixels lie below the images."""

    def finish(self) -> None:
        """Write what stands once for all."""


class Losses:
    """What a writer could not say, by the shape's own id."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def shape(self, one: Annotation, reason: str, detail: object = "") -> None:
        """A shape was changed or left out."""
        self._problems.add("annotation", str(one.id), "", reason, detail)

    def image(self, image: ImageRecord, reason: str, detail: object = "") -> None:
        """Something said of an image was left out."""
        self._problems.add("image", image.source_key, "", reason, detail)

    def class_(self, one: Class, reason: str, detail: object = "") -> None:
        """Something said of a class was left out."""
        self._problems.add("class", one.name, "", reason, detail)

    def classes(self, taxonomy: Taxonomy) -> None:
        """A format of names: neither attributes nor skeletons of the classes are written."""
        for one in taxonomy:
            if one.attributes:
                self.class_(
                    one, "lost the schema of its attributes", ", ".join(asked.name for asked in one.attributes)
                )
            if one.keypoints:
                self.class_(one, "lost its skeleton")

    def attributes(self, one: Annotation, names: Sequence[str]) -> None:
        """Some attributes were left out."""
        if names:
            self.shape(one, "lost attributes", ", ".join(sorted(names)))

    def boxed(self, one: Annotation) -> tuple[float, float, float, float] | None:
        """The box that stands for a shape where a format has boxes only; None where it has no width or height."""
        if min(one.geometry.box[2:]) <= 0:
            self.shape(one, f"is a {one.geometry.kind} without width or height, which is no box; it was left out")
            return None
        if one.geometry.kind != "box":
            self.shape(one, f"is a {one.geometry.kind}: the box around it was written")
        return one.geometry.box

    def common(self, one: Annotation, *, z: bool = False, track: bool = False, crowd: bool = False) -> None:
        """What a format that says neither ``z``, nor ``track``, nor ``crowd`` (unless it does) leaves out."""
        if one.area is not None and not math.isclose(one.area, shapes.area_of(one.geometry), rel_tol=1e-9):
            self.shape(one, "lost the area that its source stated")
        if one.tags:
            self.shape(one, "lost its tags", ", ".join(one.tags))
        if one.z and not z:
            self.shape(one, "lost its z-order", one.z)
        if one.track.id is not None and not track:
            self.shape(one, "lost its track", one.track.id)
        if one.crowd and not crowd:
            self.shape(one, "is a crowd, which the format cannot mark: it became an object")
        if one.geometry.points and one.geometry.kind != "keypoints":
            self.shape(one, "lost the keypoints beside its outline")


def geometry(kind: str, *, field: str, **more: Any) -> Geometry:
    """A geometry with the box around it; Refused where its numbers cannot be believed."""
    made = Geometry(kind, (0.0, 0.0, 0.0, 0.0), **more)  # type: ignore[arg-type]  # readers name kinds
    numbers = [*sum(made.parts, ()), *sum(made.holes, ())]
    if made.turned is not None:
        numbers += [*made.turned.center, *made.turned.size, made.turned.angle]
        if min(made.turned.size) <= 0:
            raise Refused(field, "is degenerate", made.turned.size)
    believable(numbers, field)
    box = shapes.box_around(made)
    if kind in ("polygon", "mask") and min(box[2:]) <= 0:
        raise Refused(field, "is degenerate", box)
    return Geometry(made.kind, box, made.parts, made.holes, made.mask, made.points, made.turned)


def box_of(x: float, y: float, w: float, h: float, *, field: str) -> Geometry:
    """A box; Refused if it has no sides or numbers that cannot be believed."""
    believable((x, y, w, h), field)
    if w <= 0 or h <= 0:
        raise Refused(field, "is degenerate", (x, y, w, h))
    return Geometry("box", (x, y, w, h))


def turned_of(kind: str, x: float, y: float, w: float, h: float, angle: float, *, field: str) -> Geometry:
    """A rotated box or an ellipse by its centre, sides and angle (radians)."""
    return geometry(kind, field=field, turned=Turned((x, y), (w, h), angle))


def keypoints_of(
    points: Sequence[tuple[float, float, int]], box: tuple[float, float, float, float] | None, *, field: str
) -> Geometry:
    """Keypoints, and the box around them; where none is stated, around those that are labelled."""
    believable([value for x, y, _ in points for value in (x, y)], field)
    if any(v not in (0, 1, 2) for _, _, v in points):
        raise Refused(field, "have a visibility that is not 0, 1 or 2", [v for *_, v in points])
    labelled = [(x, y) for x, y, v in points if v > 0]
    if box is None:
        if not labelled:
            raise Refused(field, "has no keypoint that is labelled")
        xs, ys = [x for x, _ in labelled], [y for _, y in labelled]
        box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return Geometry("keypoints", box, points=tuple((float(x), float(y), int(v)) for x, y, v in points))


def mask_geometry(mask: Rle, *, field: str) -> Geometry:
    """A mask; Refused if it is empty."""
    return geometry("mask", field=field, mask=mask)


def believable(numbers: Sequence[float], field: str) -> None:
    """Refused unless each is a number that an image can have."""
    for one in numbers:
        if not math.isfinite(one):
            raise Refused(field, "has NaN or infinity")
        if abs(one) > LIMIT_PX:
            raise Refused(field, "has a number out of range", one)


def number(text: Any, field: str) -> float:
    """The number that a text is, or Refused."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise Refused(field, "is missing" if text is None else "is not a number", text) from None
    believable([value], field)
    return value


def flat_of(text: str | None, field: str, *, least: int) -> tuple[float, ...]:
    """``x,y;x,y;…`` as one flat run of at least ``least`` points."""
    if text is None:
        raise Refused(field, "is missing")
    run = tuple(number(one, field) for pair in text.split(";") for one in pair.split(","))
    return checked_run(run, field, least=least)


def checked_run(run: Sequence[float], field: str, *, least: int) -> tuple[float, ...]:
    """A flat run of at least ``least`` points, or Refused."""
    if len(run) % 2:
        raise Refused(field, "has an odd number of coordinates", len(run))
    if len(run) < 2 * least:
        raise Refused(field, f"has fewer than {least} points", len(run) // 2)
    return tuple(run)


def digest_of(files: Sequence[Path], root: Path) -> str:
    """One hash over the names and the bytes of files, in their order."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"\0{path.relative_to(root)}\0".encode("utf-8", "surrogateescape"))
        whole.update(path.read_bytes())
    return whole.hexdigest()


def files_below(root: Path, *suffixes: str) -> list[Path]:
    """The files below ``root`` with these suffixes, in order; links that lead out of it are left out."""
    real = root.resolve()
    found = (one for one in root.rglob("*") if one.suffix.lower() in suffixes and one.is_file())
    return sorted(one for one in found if one.resolve().is_relative_to(real))


def pictures_below(root: Path) -> list[Path]:
    """The images below ``root``, in order. Links count wherever they lead, as an export places them: what a label
    file says of a picture is looked for here, and nothing of the picture's own is read."""
    return sorted(one for one in root.rglob("*") if one.suffix.lower() in IMAGES and one.is_file())


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that puts ``clip9`` before ``clip10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.as_posix().lower())]


def numbered(names: Sequence[str]) -> list[Class]:
    """Classes of these names, numbered from 1 in this order."""
    return [Class(id=place, name=name) for place, name in enumerate(names, start=1)]
