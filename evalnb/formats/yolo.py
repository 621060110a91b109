"""Ultralytics' YOLO data sets: data.yaml, and a text file of labels beside each image.

A label line is ``class cx cy w h`` (a box), ``class x0 y0 x1 y1 …`` (an outline), ``class x0 y0 … x3 y3`` (a rotated
box, in a data set of those) or a box followed by its keypoints ``px py`` or ``px py visibility``, all in parts of the
image's width and height. Source of the format: docs.ultralytics.com/datasets.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson
import yaml

from evalnb.core import shapes
from evalnb.core.format_names import TASKS, Task
from evalnb.core.records import Geometry, GeometryKind
from evalnb.core.stored import from_geometry
from evalnb.core.taxonomy import Class
from evalnb.errors import Invalid, NotFound
from evalnb.formats import quads
from evalnb.formats.problems import Problems

SPLITS = ("train", "val", "test")
_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_SLACK = 0.01
"""How far beyond 0 and 1 a coordinate may lie (rounding); ultralytics refuses the label file beyond that."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data.yaml names."""

    root: Path
    classes: tuple[Class, ...]
    images: Mapping[str, tuple[str, ...]]
    """Path relative to ``root`` (or absolute where it lies outside) → the splits it is in; sorted."""
    about: Mapping[str, Any]
    """data.yaml itself."""
    task: Task | None = None
    """What data.yaml says of its labels: by ``task``, or ``kpt_shape``; None where it leaves it to them."""
    keypoints: tuple[int, int] = (0, 0)
    """How many keypoints a label has, and of how many numbers each: 2 or 3."""


@dataclass(frozen=True, slots=True)
class Label:
    """One line of a label file, in pixels."""

    line: int
    class_id: int
    kind: GeometryKind
    box: tuple[float, float, float, float]
    area: float
    geometry: bytes | None
    keypoints: bytes | None = None


# ---------------------------------------------------------------------------------------------- reading


def read_listing(path: Path, problems: Problems) -> Listing:
    """Read data.yaml and find its images. NotFound or Invalid say what is missing from it."""
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="pass the data set's data.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise Invalid(f"{path} is no YAML file ({error})", remedy="pass the data set's data.yaml") from error
    if not isinstance(about, dict) or "names" not in about:
        raise Invalid(f"{path.name} does not name its classes", remedy="add `names:` with one name for each class")
    names = about["names"]
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(numbered, dict) or not all(type(key) is int and key >= 0 for key in numbered):
        raise Invalid(f"`names` in {path.name} is neither a list nor numbered", remedy="write 0: person, 1: car, …")
    shape = _keypoint_shape(about.get("kpt_shape"), path.name)
    points = _keypoint_names(about, shape[0])
    classes: list[Class] = []
    taken: set[str] = set()
    for number, name in sorted(numbered.items()):
        text = str(name)
        if text in taken:
            problems.add("class", number, "name", "is used twice; its number was added", text)
            text = f"{text} ({number})"
        taken.add(text)
        classes.append(Class(id=number, name=text, keypoints=points))
    root = Path(about["path"]) if isinstance(about.get("path"), str) else Path()
    root = root if root.is_absolute() else path.parent / root
    if not root.is_dir():
        # Ultralytics resolves a relative `path` against a folder of its own settings; the file's own comes next.
        root = path.parent
    images: dict[str, list[str]] = {}
    for split in SPLITS:
        for entry in _entries(about.get(split)):
            for image in _expand(root, path.parent, entry, problems):
                splits = images.setdefault(_relative(image, root), [])
                if split not in splits:
                    splits.append(split)
    if not images:
        raise Invalid(
            f"{path.name} leads to no images ({', '.join(f'{one}: {about.get(one)}' for one in SPLITS)})",
            remedy=f"correct `path` and the splits; they were looked for under {root}",
        )
    return Listing(
        root, tuple(classes), {one: tuple(images[one]) for one in sorted(images)}, about, _task(about, shape), shape
    )


def _task(about: Mapping[str, Any], shape: tuple[int, int]) -> Task | None:
    said = about.get("task")
    return cast(Task, said) if said in TASKS else "pose" if shape[0] else None


def _keypoint_shape(value: Any, name: str) -> tuple[int, int]:
    if value is None:
        return (0, 0)
    if not isinstance(value, list) or len(value) != 2 or not all(type(one) is int and one > 0 for one in value):
        raise Invalid(f"`kpt_shape` in {name} is {value!r}", remedy="write [how many, 2 or 3]: [17, 3]")
    if value[1] not in (2, 3) or value[0] > 10_000:
        raise Invalid(f"`kpt_shape` in {name} is {value!r}", remedy="write [how many, 2 or 3]: [17, 3]")
    return (value[0], value[1])


def _keypoint_names(about: Mapping[str, Any], many: int) -> tuple[str, ...]:
    """Ultralytics' ``kpt_names`` of the first class that has them, or their numbers."""
    said = about.get("kpt_names")
    for names in said.values() if isinstance(said, dict) else ():
        if isinstance(names, list) and len(names) == many:
            return tuple(map(str, names))
    return tuple(str(one) for one in range(1, many + 1))


def label_path(image: Path) -> Path:
    """Where an image's labels are: the last folder ``images`` becomes ``labels``, the suffix ``.txt``."""
    head, found, tail = str(image).rpartition(f"{os.sep}images{os.sep}")
    place = Path(head + f"{os.sep}labels{os.sep}" + tail) if found else image
    return place.with_suffix(".txt")


def read_labels(
    raw: bytes,
    *,
    width: int,
    height: int,
    classes: Iterable[int],
    key: str,
    problems: Problems,
    task: Task | None = None,
    keypoints: tuple[int, int] = (0, 0),
) -> list[Label]:
    """The labels of one file; bad lines are listed as ``key``:line and left out.

    Without ``task`` a line's length says whether it is a box or an outline.
    """
    known = set(classes)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        problems.add("annotation", key, "", "file has bad UTF-8")
        return []
    out: list[Label] = []
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name = f"{key}:{number}"
        try:
            values = [float(one) for one in line.split()]
        except ValueError:
            problems.add("annotation", name, "line", "is not numbers", line)
            continue
        reason = _refusal(values, known, task, keypoints)
        if reason is None and line in seen:
            reason = "is repeated"
        if reason is not None:
            problems.add("annotation", name, "line", reason, line)
            continue
        seen.add(line)
        if task == "obb":
            label = _turned_label(number, values, width, height, name, problems)
        elif task == "pose":
            label = _pose_label(number, values, width, height, keypoints[1])
        else:
            label = _label(number, values, width, height)
        if label.box[2] <= 0 or label.box[3] <= 0:
            problems.add("annotation", name, "line", "is a degenerate shape", line)
        else:
            out.append(label)
    return out


def _refusal(values: Sequence[float], known: set[int], task: Task | None, keypoints: tuple[int, int]) -> str | None:
    if not all(map(math.isfinite, values)):
        return "has NaN or infinity"
    if values[0] not in known:
        return "has a class that data.yaml does not name"
    places: Sequence[float] = values[1:]
    if task == "obb":
        if len(values) != 9:
            return "is no rotated box (9 numbers)"
    elif task == "pose":
        many, each = keypoints
        if len(values) != 5 + many * each:
            return f"is not a box and {many} keypoints of {each} numbers ({5 + many * each} numbers)"
        if each == 3:
            if any(one not in (0, 1, 2) for one in values[7::3]):
                return "has a visibility that is not 0, 1 or 2"
            places = [*values[1:5], *(one for place, one in enumerate(values[5:]) if place % 3 != 2)]
    elif len(values) != 5 and (len(values) < 7 or len(values) % 2 == 0):
        return "is neither a box (5 numbers) nor an outline (7, 9, 11, …)"
    if any(not -_SLACK <= one <= 1 + _SLACK for one in places):
        return "has a coordinate outside 0 to 1"
    return None


def _turned_label(
    number: int, values: Sequence[float], width: int, height: int, name: str, problems: Problems
) -> Label:
    corners = np.array(values[1:]).reshape(4, 2) * (width, height)
    turned, exact = quads.turned_of(corners)
    if not exact:
        problems.add("label", name, "line", "is no rectangle; the least one around it was taken")
    geometry = shapes.with_box(Geometry("rotated", (0.0, 0.0, 0.0, 0.0), turned=turned))
    stored = orjson.dumps(from_geometry(geometry))
    return Label(number, int(values[0]), "rotated", geometry.box, shapes.area_of(geometry), stored)


def _pose_label(number: int, values: Sequence[float], width: int, height: int, each: int) -> Label:
    box = _label(number, values[:5], width, height)
    rows = [values[at : at + each] for at in range(5, len(values), each)]
    # Two numbers say nothing of visibility; ultralytics takes 0, 0 for a point that is not there.
    points = [
        [row[0] * width, row[1] * height, int(row[2]) if each == 3 else 2 * (row[0] != 0 or row[1] != 0)]
        for row in rows
    ]
    if not any(v for *_, v in points):
        return box
    return Label(number, box.class_id, "keypoints", box.box, box.area, None, orjson.dumps(points))


def _label(number: int, values: Sequence[float], width: int, height: int) -> Label:
    class_id = int(values[0])
    if len(values) == 5:
        cx, cy, w, h = values[1] * width, values[2] * height, values[3] * width, values[4] * height
        return Label(number, class_id, "box", (cx - w / 2, cy - h / 2, w, h), w * h, None)
    xs = [one * width for one in values[1::2]]
    ys = [one * height for one in values[2::2]]
    flat = [value for point in zip(xs, ys, strict=True) for value in point]
    box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
    return Label(number, class_id, "polygon", box, area, orjson.dumps([flat]))


def _entries(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _expand(root: Path, beside: Path, entry: str, problems: Problems) -> list[Path]:
    """The images of one entry: a folder, a text file that lists images, or an image."""
    candidates = [Path(entry)] if Path(entry).is_absolute() else [root / entry, beside / entry]
    # Roboflow writes ../train/images although the folder stands beside the file.
    if entry.startswith("../"):
        candidates.append(root / entry[3:])
    place = next((one for one in candidates if one.exists()), None)
    if place is None:
        problems.add("file", "", entry, "is not there")
        return []
    if place.is_dir():
        return [one for one in place.rglob("*") if one.suffix.lower() in _SUFFIXES]
    if place.suffix == ".txt":
        lines = (line.strip() for line in place.read_text(encoding="utf-8", errors="replace").splitlines())
        listed = [Path(line) for line in lines if line]
        return [one if one.is_absolute() else place.parent / one for one in listed]
    return [place]


def _relative(image: Path, root: Path) -> str:
    normal = os.path.normpath(image)
    base = os.path.normpath(root) + os.sep
    return normal.removeprefix(base)


# ---------------------------------------------------------------------------------------------- writing


def box_line(place: int, box: Sequence[float], width: int, height: int) -> str:
    """``class cx cy w h`` for a box in pixels; ten digits, which is a hundred-thousandth of a pixel at 10,000."""
    x, y, w, h = box
    return f"{place} {(x + w / 2) / width:.10g} {(y + h / 2) / height:.10g} {w / width:.10g} {h / height:.10g}"


def outline_line(place: int, flat: Sequence[float], width: int, height: int) -> str:
    """``class x0 y0 x1 y1 …`` for one outline in pixels."""
    parts = (f"{flat[i] / width:.10g} {flat[i + 1] / height:.10g}" for i in range(0, len(flat), 2))
    return f"{place} {' '.join(parts)}"


def pose_line(
    place: int,
    box: Sequence[float],
    points: Sequence[tuple[float, float, int]],
    width: int,
    height: int,
) -> str:
    """``class cx cy w h`` and ``px py visibility`` for each keypoint."""
    rest = (f"{x / width:.10g} {y / height:.10g} {v}" for x, y, v in points)
    return " ".join([box_line(place, box, width, height), *rest])


def data_yaml(names: Sequence[str], splits: Mapping[str, str], more: Mapping[str, Any]) -> str:
    """The text of a data.yaml whose images stand beside it; ``more`` are keys of its task."""
    return yaml.safe_dump(
        {**splits, **more, "names": dict(enumerate(names))}, sort_keys=False, allow_unicode=True, width=1000
    )
