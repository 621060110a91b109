"""The export to YOLO: what ultralytics trains on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.format_names import ShapesMode
from evalnb.core.images import ImageRecord
from evalnb.core.progress import Progress
from evalnb.core.records import Annotation
from evalnb.core.shapes import outline
from evalnb.core.slices import AREAS, Slice
from evalnb.core.sources import AS_GIVEN
from evalnb.core.taxonomy import Taxonomy
from evalnb.errors import Invalid
from evalnb.formats import outlines
from evalnb.formats.problems import Problems
from evalnb.formats.yolo import SPLITS, box_line, data_yaml, outline_line, pose_line
from evalnb.registry.exports import PixelsMode, one_moment, place_pixels
from evalnb.registry.receipts import LossReport
from evalnb.store import Store
from evalnb.store.repositories import annotations as shape_rows
from evalnb.store.repositories import datasets, images

FILE = "data.yaml"
_MARK = "# Written by evalnb; the next export into this folder replaces it, images/ and labels/.\n"
_PAGE = 500
OUTSIDE = "lies outside its image; it was left out"
_TASKS = {"boxes": "detect", "outlines": "segment", "corners": "obb", "keypoints": "pose"}


def export_yolo(
    store: Store,
    dataset_id: int,
    out: Path,
    *,
    part: Slice,
    mode: PixelsMode,
    shapes: ShapesMode,
    bar: Progress,
) -> LossReport:
    """Write ``out/data.yaml``, ``out/images/SPLIT`` and ``out/labels/SPLIT``; data.yaml comes last."""
    _clear(out)
    with one_moment(store) as session:
        taxonomy = datasets.taxonomy(session, dataset_id)
        if shapes == "auto":
            shapes = "outlines" if shape_rows.has_outlines(session, dataset_id, part) else "boxes"
        many = _keypoints(taxonomy, shape_rows.most_keypoints(session, dataset_id)) if shapes == "keypoints" else 0
        writing = _Writing(
            store,
            out,
            mode,
            places={one.id: place for place, one in enumerate(taxonomy)},
            chosen={taxonomy.named(name).id for name in part.classes} if part.classes is not None else None,
            part=part,
            shapes=shapes,
            keypoints=many,
        )
        _lose_classes(writing.losses, taxonomy, many)
        bar.start(images.count(session, dataset_id, part), unit="images", what="writing images and labels")
        after = 0
        while page := images.page(session, dataset_id, part, after=after, limit=_PAGE):
            after = page[-1].id
            shapes_of = shape_rows.of_images(session, [one.id for one in page])
            for image in page:
                writing.image(image, shapes_of[image.id])
            bar.advance(len(page))
    names = [one.name for one in taxonomy]
    splits = {one: f"images/{one}" for one in SPLITS if one in writing.splits}
    if splits and "val" not in splits:
        splits["val"] = splits.get("train") or next(iter(splits.values()))
        writing.losses.add("file", FILE, "val", "has no images of its own: no image bears the tag 'val'")
    if splits and "train" not in splits:
        splits["train"] = next(iter(splits.values()))
        writing.losses.add("file", FILE, "train", "has no images of its own: no image bears the tag 'train'")
    splits.setdefault("train", "images/train")
    (out / FILE).write_text(_MARK + data_yaml(names, splits, _about(shapes, many, taxonomy)), encoding="utf-8")
    return LossReport(
        dataset_id=dataset_id,
        format="yolo",
        path=str(out),
        images=writing.images,
        annotations=writing.annotations,
        losses=dict(writing.losses.counts),
        examples=tuple(writing.losses),
    )


def _keypoints(taxonomy: Taxonomy, most: int) -> int:
    many = max([most, *(len(one.keypoints) for one in taxonomy)])
    if many == 0:
        raise Invalid("the dataset has no keypoints", remedy="export it as 'yolo', or as 'yolo-obb'")
    return many


def _about(shapes: ShapesMode, keypoints: int, taxonomy: Taxonomy) -> dict[str, Any]:
    """What data.yaml says of its labels; ultralytics reads ``kpt_shape`` and ``kpt_names``, evalnb ``task`` too."""
    out: dict[str, Any] = {"task": _TASKS[shapes]}
    if keypoints:
        out["kpt_shape"] = [keypoints, 3]
        names = next((one.keypoints for one in taxonomy if len(one.keypoints) == keypoints), ())
        if names:
            out["kpt_names"] = {place: list(names) for place in range(len(taxonomy))}
    return out


def _lose_classes(losses: Problems, taxonomy: Taxonomy, keypoints: int) -> None:
    for one in taxonomy:
        if one.attributes:
            losses.add("class", one.name, "", "lost the schema of its attributes")
        if one.skeleton or (one.keypoints and not keypoints):
            losses.add("class", one.name, "", "lost its skeleton")
        if keypoints and len(one.keypoints) != keypoints:
            losses.add("class", one.name, "", f"is read with {keypoints} keypoints, as every class of YOLO's poses")


def _clear(out: Path) -> None:
    file = out / FILE
    ours = file.is_file() and file.read_text(encoding="utf-8", errors="replace").startswith(_MARK)
    for name in ("images", "labels"):
        if (out / name).exists():
            # An unfinished export of ours has no data.yaml yet; it left its mark instead.
            if not ours and not (out / ".evalnb-export").exists():
                raise Invalid(f"{out / name} exists and evalnb did not write it", remedy="choose an empty folder")
            shutil.rmtree(out / name)
    out.mkdir(parents=True, exist_ok=True)
    (out / ".evalnb-export").touch()
    file.unlink(missing_ok=True)


@dataclass
class _Writing:
    store: Store
    out: Path
    mode: PixelsMode
    places: dict[int, int]
    """Class id → its place, which is YOLO's class number."""
    chosen: set[int] | None
    part: Slice
    shapes: ShapesMode
    keypoints: int
    """How many each label has, in a data set of keypoints."""
    losses: Problems = field(default_factory=Problems)
    splits: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    images: int = 0
    annotations: int = 0

    def image(self, image: ImageRecord, shapes: list[Annotation]) -> None:
        split = next((one for one in SPLITS if one in image.tags), "train")
        self.splits.add(split)
        name = self._name(image, split)
        place_pixels(self.store, image, self.out / "images" / split, name, mode=self.mode, losses=self.losses)
        if any(key != AS_GIVEN for key in image.extra) or set(image.tags) - {split}:
            self._lose("image", image.source_key, "keeps neither its other tags nor what its source said of it")
        if split not in image.tags:
            self._lose("image", image.source_key, "has no tag that names a split: it was put into 'train'")
        lines: dict[str, None] = {}
        for shape in filter(self._is_chosen, shapes):
            line = self._line(image, shape)
            if line in lines:
                self._lose("annotation", str(shape.id), "is the same line as another's, which is read once: left out")
            elif line is not None:
                lines[line] = None
        labels = (self.out / "labels" / split / name).with_suffix(".txt")
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.images += 1
        self.annotations += len(lines)

    def _name(self, image: ImageRecord, split: str) -> str:
        """A path below the split's folder: unique without its suffix, and without another ``images`` in it."""
        name = image.file_name.removeprefix("images/").removeprefix(f"{split}/").lstrip("/")
        if "images" in Path(name).parts[:-1] or ".." in Path(name).parts:
            name = name.replace("/", "_")
        if f"{split}/{Path(name).with_suffix('')}" in self.names:
            name = str(Path(name).with_stem(f"{Path(name).stem}-{image.id}"))
        self.names.add(f"{split}/{Path(name).with_suffix('')}")
        return name

    def _is_chosen(self, shape: Annotation) -> bool:
        if self.chosen is not None and shape.class_id not in self.chosen:
            return False
        area = shape.area or 0.0
        return self.part.areas is None or any(AREAS[one][0] <= area <= AREAS[one][1] for one in self.part.areas)

    def _line(self, image: ImageRecord, shape: Annotation) -> str | None:
        key = str(shape.id)
        if shape.crowd:
            self._lose("annotation", key, "is a crowd, which YOLO cannot mark; it was left out")
            return None
        if shape.attributes or shape.tags:
            self._lose("annotation", key, "keeps neither attributes nor tags")
        if shape.z or shape.track.id is not None:
            self._lose("annotation", key, "keeps neither z-order nor track")
        if shape.geometry.points and self.shapes != "keypoints":
            self._lose("annotation", key, "lost its keypoints")
        self._lose("annotation", key, "keeps neither its id nor its stated area")
        place = self.places[shape.class_id]
        kind = shape.geometry.kind
        if self.shapes in ("outlines", "corners"):
            if kind in ("polyline", "points"):
                self._lose("annotation", key, f"is a {kind}, which encloses nothing; it was left out")
                return None
            flat = self._outline(key, shape) if self.shapes == "outlines" else self._corners(key, shape)
            if len(flat) < 6:
                self._lose("annotation", key, "has an empty mask; it was left out")
                return None
            flat = self._clipped(key, flat, image)
            if min(max(side) - min(side) for side in (flat[0::2], flat[1::2])) <= 0:
                self._lose("annotation", key, OUTSIDE)
                return None
            return outline_line(place, flat, image.width, image.height)
        if kind not in ("box", "keypoints"):
            self._lose("annotation", key, "lost its outline; its box was written")
        x, y, w, h = shape.geometry.box
        if w <= 0 or h <= 0:
            self._lose("annotation", key, f"is a {kind} without width or height, which is no box; it was left out")
            return None
        x0, y0, x1, y1 = self._clipped(key, [x, y, x + w, y + h], image)
        if x1 <= x0 or y1 <= y0:
            self._lose("annotation", key, OUTSIDE)
            return None
        box = (x0, y0, x1 - x0, y1 - y0)
        if self.shapes == "keypoints":
            return pose_line(place, box, self._points(key, shape, image), image.width, image.height)
        return box_line(place, box, image.width, image.height)

    def _corners(self, key: str, shape: Annotation) -> list[float]:
        if shape.geometry.kind == "rotated":
            return [value for part in outline(shape.geometry) for value in part]
        if shape.geometry.kind != "box":
            self._lose("annotation", key, "lost its outline; its box was written")
        else:
            self._lose("annotation", key, "is a box among rotated ones: it became one that is not turned")
        x, y, w, h = shape.geometry.box
        return [x, y, x + w, y, x + w, y + h, x, y + h]

    def _points(self, key: str, shape: Annotation, image: ImageRecord) -> list[tuple[float, float, int]]:
        points = list(shape.geometry.points)
        if len(points) != self.keypoints and points:
            self._lose("annotation", key, f"has not {self.keypoints} keypoints: absent ones were added at the end")
        elif points and not any(v for *_, v in points):
            self._lose("annotation", key, "has no keypoint that is labelled: it is read as its box")
        flat = self._clipped(key, [value for x, y, _ in points for value in (x, y)], image)
        clipped = [(flat[2 * at], flat[2 * at + 1], v) for at, (*_, v) in enumerate(points)]
        return [*clipped, *[(0.0, 0.0, 0)] * (self.keypoints - len(points))]

    def _outline(self, key: str, shape: Annotation) -> list[float]:
        geometry = shape.geometry
        if geometry.kind == "polygon":
            parts = [np.array(part, dtype=np.float64).reshape(-1, 2) for part in geometry.parts]
            if geometry.holes:
                self._lose("annotation", key, "lost its holes")
        elif geometry.kind in ("rotated", "ellipse"):
            parts = [np.array(part, dtype=np.float64).reshape(-1, 2) for part in outline(geometry)]
            self._lose("annotation", key, f"is of kind {geometry.kind}: it became an outline")
        elif geometry.kind == "mask":
            assert geometry.mask is not None
            loops, holes = outlines.of_mask(geometry.mask)
            parts = [outlines.simplified(loop) for loop in loops]
            self._lose("annotation", key, f"mask became an outline within {outlines.TOLERANCE_PX} px of its border")
            if holes:
                self._lose("annotation", key, "lost the holes of its mask")
        else:
            x, y, w, h = geometry.box
            self._lose("annotation", key, "is a box among outlines: it became four corners")
            return [x, y, x + w, y, x + w, y + h, x, y + h]
        if len(parts) > 1:
            self._lose("annotation", key, "had several parts: bridges without width join them")
        return [] if not parts else [float(one) for one in outlines.joined(parts).ravel()]

    def _clipped(self, key: str, flat: list[float], image: ImageRecord) -> list[float]:
        sides = (image.width, image.height)
        clipped = [min(max(value, 0.0), float(sides[place % 2])) for place, value in enumerate(flat)]
        if any(abs(a - b) > 1e-6 for a, b in zip(clipped, flat, strict=True)):
            self._lose("annotation", key, "reached beyond its image and was clipped")
        return clipped

    def _lose(self, what: str, id: str, reason: str) -> None:
        self.losses.add(what, id, "", reason)
