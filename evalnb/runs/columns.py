"""COCO's truth and result files as columns. Unsound rows are named and left out; the rest is evaluated."""

from __future__ import annotations

import collections
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson

from evalnb.core import masks
from evalnb.core.kinds import Kind
from evalnb.core.masks import Rle
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import EvalnbError, Invalid, NotFound
from evalnb.runs.checks import (
    FARTHEST_PX,
    is_area,
    is_box,
    is_flag,
    is_id,
    is_number,
    is_tags,
    is_triples,
    known_id,
)

Row: TypeAlias = Mapping[str, Any]
Size: TypeAlias = tuple[int, int]
NO_IMAGE, NO_CLASS = "the truth has no such image", "the truth has no such category"


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that was left out, or taken otherwise than it says."""

    source: str
    """The file's name, or "truth" and "detections" for what came in memory."""
    index: int | None
    """The row's place in its list, 0-based; None where it is about no single row."""
    field: str
    what: str

    def __str__(self) -> str:
        at = "" if self.index is None else f"[{self.index}]"
        return f"{self.source}{at}{'.' if self.field else ''}{self.field}: {self.what}"


@dataclass(frozen=True, slots=True)
class Images:
    """The images evaluated, in the order of the match table."""

    id: Ints
    name: tuple[str, ...]
    tags: tuple[frozenset[str], ...]
    size: Ints
    """(n, 2) height, width in px; 0 where nobody said."""

    @classmethod
    def of(cls, rows: Mapping[int, tuple[str, frozenset[str], Size]]) -> Images:
        """From id → (name, tags, (height, width))."""
        ids = sorted(rows)
        return cls(
            id=np.array(ids, dtype=np.int64),
            name=tuple(rows[one][0] for one in ids),
            tags=tuple(rows[one][1] for one in ids),
            size=np.array([rows[one][2] for one in ids], dtype=np.int64).reshape(-1, 2),
        )


@dataclass(frozen=True, slots=True)
class TruthFile:
    """What a COCO truth file says."""

    truths: Truths
    images: Images
    class_names: Mapping[int, str]
    problems: list[Problem] = field(default_factory=list)
    catalogue: Row = field(default_factory=dict)
    """The file's own rows of ``images`` and ``categories``, for protocols that say more there."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What a COCO result file says."""

    detections: Detections
    area: Floats | None
    """(n,) what COCO's loader takes for the detections' areas; None where they are to be computed."""
    problems: list[Problem] = field(default_factory=list)


def load(source: object, name: str) -> tuple[Any, str]:
    """The parsed JSON of a path, or the object itself; and what to call it in messages."""
    if not isinstance(source, (str, Path)):
        return source, name
    path = Path(source)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="check the path") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror})", remedy="check the path and its rights") from None
    if raw[:2] == b"\x1f\x8b":
        raise Invalid(f"{path} is compressed", remedy=f"unpack it first: gunzip -k {path.name}")
    try:
        return orjson.loads(raw), path.name
    except orjson.JSONDecodeError:
        pass
    # Python's own writer emits NaN and integers of any length, which orjson refuses: such files are common.
    try:
        return json.loads(raw), path.name
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{path} is not JSON ({error})", remedy="write the file anew; it may be cut short") from None


def read_truth(source: object, *, kind: Kind) -> TruthFile:
    """The truths, images and classes of a COCO file or its parsed dict."""
    data, name = load(source, "truth")
    if not isinstance(data, dict):
        raise Invalid(
            f"{name} holds a {type(data).__name__}, not COCO's object", remedy="pass an instances file or its dict"
        )
    problems: list[Problem] = []
    images, class_names = read_catalogue(data, name, problems)
    rows = enumerate(_list(data, "annotations", name))
    index, truths = truth_columns(rows, f"{name}.annotations", kind, images, class_names, problems)
    truths = first_of_each_id(index, truths, f"{name}.annotations", problems)
    return TruthFile(
        truths=truths,
        images=images,
        class_names=class_names,
        problems=in_order(problems),
        catalogue=catalogue_of(data),
    )


def catalogue_of(data: Row) -> Row:
    """The lists of images and categories alone."""
    return {key: data[key] for key in ("images", "categories")}


def read_catalogue(data: Row, name: str, problems: list[Problem]) -> tuple[Images, dict[int, str]]:
    """A truth file's images and the names of its classes."""
    image_rows = _catalogued(data, "images", name, {"id": is_id, "tags": is_tags}, problems)
    images = Images.of(
        {
            int(row["id"]): (
                str(row.get("file_name") or row["id"]),
                frozenset(map(str, row.get("tags") or ())),
                (_side(row.get("height")), _side(row.get("width"))),
            )
            for _, row in image_rows
        }
    )
    class_rows = _catalogued(data, "categories", name, {"id": is_id}, problems)
    return images, {int(row["id"]): str(row.get("name") or row["id"]) for _, row in class_rows}


def _catalogued(
    data: Row, key: str, name: str, checks: Mapping[str, Callable[[Any], str | None]], problems: list[Problem]
) -> Numbered:
    where = f"{name}.{key}"
    return _first_of_each_id(_rows(enumerate(_list(data, key, name)), where, checks, problems), where, problems)


def truth_columns(
    numbered: Iterable[tuple[int, Any]],
    where: str,
    kind: Kind,
    images: Images,
    class_names: Mapping[int, str],
    problems: list[Problem],
) -> tuple[Ints, Truths]:
    """The sound annotations among the rows (place, row): their places and themselves."""
    size = dict(zip(images.id.tolist(), map(tuple, images.size.tolist()), strict=True))
    known = {
        "image_id": lambda row: known_id(row.get("image_id"), size, "no such image"),
        "category_id": lambda row: known_id(row.get("category_id"), class_names, "no such category"),
    }
    checks: dict[str, Callable[[Any], str | None]] = {"id": is_id, "bbox": is_box, "iscrowd": is_flag}
    if kind == "segm":
        checks.pop("bbox")
    if kind == "keypoints":
        checks["keypoints"] = is_triples
    rows = _rows(numbered, where, checks, problems, known)
    shapes: list[Rle] | None = None
    if kind == "segm":
        rows, shapes = _masks(rows, where, problems, lambda row: size[int(row["image_id"])])
    if kind == "keypoints":
        rows = _of_one_skeleton(rows, where, problems)
    box = _boxes(rows, shapes)
    points = _points(rows) if kind == "keypoints" else None
    truths = Truths(
        id=_ints(rows, "id"),
        image=_ints(rows, "image_id"),
        class_id=_ints(rows, "category_id"),
        box=box,
        area=_areas(rows, where, problems, box, shapes),
        crowd=np.array([bool(row.get("iscrowd")) for _, row in rows], dtype=bool),
        # COCO's evaluation overwrites the file's ``ignore``; only keypoints have a rule of their own.
        ignore=np.array([row.get("num_keypoints", 1) == 0 for _, row in rows], dtype=bool)
        if kind == "keypoints"
        else None,
        masks=shapes,
        keypoints=points,
    )
    return _places(rows), truths


def read_results(source: object, *, kind: Kind, images: Images, class_names: Mapping[int, str]) -> ResultFile:
    """The detections of a COCO result list, or of pycocotools' (n, 7) array: image, x, y, w, h, score, class."""
    data, name = load(source, "detections")
    if isinstance(data, np.ndarray):
        if data.ndim != 2 or data.shape[1] != 7:
            raise Invalid(f"the array of detections has shape {data.shape}", remedy="pass (n, 7) rows")
        data = [
            {"image_id": row[0], "bbox": row[1:5], "score": row[5], "category_id": row[6]} for row in data.tolist()
        ]
    if not isinstance(data, list):
        raise Invalid(
            f"{name} holds a {type(data).__name__}, not a list of results",
            remedy="pass COCO's result format: [{image_id, category_id, bbox, score}, …]",
        )
    problems: list[Problem] = []
    boxed = next((one for one in map(is_boxed, data) if one is not None), True)
    if kind == "bbox" and boxed and (plain := _plain_boxes(data, images.id, class_names)) is not None:
        return ResultFile(detections=plain, area=plain.box[:, 2] * plain.box[:, 3])
    rows = enumerate(data)
    _, detections, area = result_columns(rows, name, kind, images, class_names, problems, boxed=boxed)
    return ResultFile(detections=detections, area=area, problems=in_order(problems))


def is_boxed(row: Any) -> bool | None:
    """Whether a result states a box. pycocotools decides by the first, for all of them, where areas come from.

    None where it states neither a box nor a shape: such a row cannot be used, and must not speak for the others.
    """
    if not isinstance(row, dict):
        return None
    if is_box(row.get("bbox")) is None:
        return True
    shape = row.get("segmentation", row.get("keypoints"))
    return False if isinstance(shape, (list, tuple, dict)) and shape else None


def result_columns(
    numbered: Iterable[tuple[int, Any]],
    name: str,
    kind: Kind,
    images: Images,
    class_names: Mapping[int, str],
    problems: list[Problem],
    *,
    boxed: bool,
) -> tuple[Ints, Detections, Floats]:
    """The sound results among the rows (place, row): their places, themselves, and their areas."""
    size = dict(zip(images.id.tolist(), map(tuple, images.size.tolist()), strict=True))
    known = {
        "image_id": lambda row: known_id(row.get("image_id"), size, NO_IMAGE),
        "category_id": lambda row: known_id(row.get("category_id"), class_names, NO_CLASS),
    }
    shaped = kind == "segm" or not boxed
    checks: dict[str, Callable[[Any], str | None]] = {"score": is_number}
    if boxed:
        checks["bbox"] = is_box
    if kind == "keypoints":
        checks["keypoints"] = is_triples
        shaped = False
    rows = _rows(numbered, name, checks, problems, known)
    shapes: list[Rle] | None = None
    if shaped:
        rows, shapes = _masks(rows, name, problems, lambda row: size[int(row["image_id"])], from_box=boxed)
    if kind == "keypoints":
        rows = _of_one_skeleton(rows, name, problems)
    points = _points(rows) if kind == "keypoints" else None
    box = _boxes(rows, shapes, points)
    area = box[:, 2] * box[:, 3]
    if shapes is not None and not boxed:
        area = np.array([one.area_px for one in shapes], dtype=np.float64)
    detections = Detections(
        image=_ints(rows, "image_id"),
        class_id=_ints(rows, "category_id"),
        box=box,
        score=np.array([row["score"] for _, row in rows], dtype=np.float64),
        masks=shapes,
        keypoints=points,
    )
    return _places(rows), detections, area


def _plain_boxes(rows: list[Any], images: Ints, class_names: Mapping[int, str]) -> Detections | None:
    """All rows at once where every one of them is sound, which is the rule; None sends them through one by one."""
    try:
        columns = [[row[name] for row in rows] for name in ("image_id", "category_id", "score", "bbox")]
        # numpy takes True for 1.
        if any(bool in set(map(type, one)) for one in (*columns[:3], itertools.chain.from_iterable(columns[3]))):
            return None
        image, class_id, score, box = map(np.array, columns)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    numbers = {"i", "f"}
    if image.dtype.kind != "i" or class_id.dtype.kind != "i" or score.dtype.kind not in numbers:
        return None
    if box.dtype.kind not in numbers or box.shape != (len(rows), 4) or score.ndim != 1:
        return None
    sound = (np.abs(box) <= FARTHEST_PX).all() and np.isfinite(score).all() and (box[:, 2:] >= 0).all()
    known = np.isin(image, images).all() and np.isin(class_id, np.array(list(class_names), dtype=np.int64)).all()
    if not (sound and known):
        return None
    return Detections(
        image=image.astype(np.int64),
        class_id=class_id.astype(np.int64),
        box=box.astype(np.float64),
        score=score.astype(np.float64),
    )


Numbered: TypeAlias = list[tuple[int, Row]]


def _list(data: Row, key: str, name: str) -> list[Any]:
    value = data.get(key)
    if not isinstance(value, list):
        raise Invalid(
            f"{name} has no list {key!r}", remedy="pass COCO's instances format: images, annotations, categories"
        )
    return value


def _rows(
    rows: Iterable[tuple[int, Any]],
    source: str,
    checks: Mapping[str, Callable[[Any], str | None]],
    problems: list[Problem],
    known: Mapping[str, Callable[[Row], str | None]] | None = None,
) -> Numbered:
    """The sound rows with their places; the others go to ``problems``."""
    sound: Numbered = []
    for index, row in rows:
        if not isinstance(row, dict):
            problems.append(Problem(source, index, "", f"a {type(row).__name__} where an object belongs"))
            continue
        for name, check in checks.items():
            if what := check(row.get(name)):
                problems.append(Problem(source, index, name, what))
                break
        else:
            for name, check in (known or {}).items():
                if what := check(row):
                    problems.append(Problem(source, index, name, f"{row.get(name)!r:.60}: {what}"))
                    break
            else:
                sound.append((index, row))
    return sound


def first_of_each_id(index: Ints, truths: Truths, where: str, problems: list[Problem]) -> Truths:
    """The first of the sound truths of each id; ``index`` (n,) are their places in the file, for what is said."""
    _, first = np.unique(truths.id, return_index=True)
    if len(first) == len(truths):
        return truths
    again = np.ones(len(truths), bool)
    again[first] = False
    for row in np.flatnonzero(again).tolist():
        problems.append(Problem(where, int(index[row]), "id", f"{int(truths.id[row])} again; only the first counts"))
    kept = np.sort(first)

    def taken(column: Any) -> Any:
        if isinstance(column, PackedMasks):
            return column.take(kept)
        return [column[one] for one in kept.tolist()] if isinstance(column, list) else column[kept]

    chosen = {one.name: getattr(truths, one.name) for one in fields(truths)}
    return replace(truths, **{name: taken(one) for name, one in chosen.items() if one is not None})


def _first_of_each_id(rows: Numbered, source: str, problems: list[Problem]) -> Numbered:
    seen: set[int] = set()
    kept: Numbered = []
    for index, row in rows:
        if int(row["id"]) in seen:
            problems.append(Problem(source, index, "id", f"{row['id']} again; only the first counts"))
        else:
            seen.add(int(row["id"]))
            kept.append((index, row))
    return kept


def _side(value: Any) -> int:
    return int(value) if is_id(value) is None and 0 < value < 2**31 else 0


def _places(rows: Numbered) -> Ints:
    return np.array([index for index, _ in rows], dtype=np.int64)


def _ints(rows: Numbered, key: str) -> Ints:
    return np.array([int(row[key]) for _, row in rows], dtype=np.int64)


def _boxes(rows: Numbered, shapes: Sequence[Rle] | None, points: Floats | None = None) -> Floats:
    out = np.empty((len(rows), 4))
    for place, (_, row) in enumerate(rows):
        box = row.get("bbox")
        if is_box(box) is None:
            out[place] = box
        elif shapes is not None:
            out[place] = masks.box(shapes[place])
        elif points is not None:
            low, high = points[place, :, :2].min(axis=0), points[place, :, :2].max(axis=0)
            out[place] = [*low, *(high - low)]
    return out


def _areas(rows: Numbered, source: str, problems: list[Problem], box: Floats, shapes: Sequence[Rle] | None) -> Floats:
    out = np.empty(len(rows))
    for place, (index, row) in enumerate(rows):
        if what := is_area(row.get("area")):
            problems.append(Problem(source, index, "area", f"{what}; computed from the shape"))
            out[place] = box[place, 2] * box[place, 3] if shapes is None else shapes[place].area_px
        else:
            out[place] = row["area"]
    return out


def _of_one_skeleton(rows: Numbered, source: str, problems: list[Problem]) -> Numbered:
    """The rows with as many keypoints as most have; of equals the first row's number."""
    many = collections.Counter(len(row["keypoints"]) for _, row in rows)
    usual = many.most_common(1)[0][0] if many else 0
    for index, row in rows:
        if len(row["keypoints"]) != usual:
            what = f"{len(row['keypoints']) // 3} keypoints, where most rows have {usual // 3}"
            problems.append(Problem(source, index, "keypoints", what))
    return [(index, row) for index, row in rows if len(row["keypoints"]) == usual]


def _points(rows: Numbered) -> Floats:
    width = len(rows[0][1]["keypoints"]) // 3 if rows else 0
    return np.array([row["keypoints"] for _, row in rows], dtype=np.float64).reshape(len(rows), width, 3)


def _masks(
    rows: Numbered, source: str, problems: list[Problem], size_of: Callable[[Row], Size], *, from_box: bool = False
) -> tuple[Numbered, list[Rle]]:
    kept: Numbered = []
    shapes: list[Rle] = []
    for index, row in rows:
        try:
            shape = mask_of(row, size_of(row), from_box=from_box)
        except EvalnbError as error:
            problems.append(Problem(source, index, "segmentation", error.happened))
        else:
            kept.append((index, row))
            shapes.append(shape)
    return kept, shapes


def mask_of(row: Row, size: Size, *, from_box: bool = False) -> Rle:
    """The mask of a row's runs or polygons, in an image of this size; ``from_box``: of its box if it has neither."""
    value = row.get("segmentation")
    if isinstance(value, dict):
        counts, stated = value.get("counts"), value.get("size")
        if not isinstance(stated, (list, tuple)) or len(stated) != 2 or any(is_id(one) for one in stated):
            raise Invalid("its mask states no size", remedy="write [height, width]")
        if isinstance(counts, (str, bytes)):
            return masks.from_string(counts, stated)
        if isinstance(counts, list) and all(is_id(one) is None and 0 <= one < 2**32 for one in counts):
            return masks.checked(stated, np.array(counts, dtype=np.uint32))
        raise Invalid("its mask has no runs", remedy="write COCO's counts, a string or a list")
    if value is None and from_box:
        x, y, w, h = row["bbox"]
        value = [[x, y, x, y + h, x + w, y + h, x + w, y]]
    if not isinstance(value, list) or not value:
        raise Invalid("missing", remedy="write polygons or runs")
    for part in value:
        if not isinstance(part, (list, tuple)) or len(part) < 6 or len(part) % 2 or any(map(is_number, part)):
            raise Invalid("a polygon is not x, y for at least three corners", remedy="mend or drop it")
        if max(map(abs, part)) > 1e6:
            raise Invalid("a polygon's corner lies a million pixels away", remedy="mend or drop it")
    if not size[0] or not size[1]:
        raise Invalid("the image's width and height are not known", remedy="write them beside the image")
    if size[0] * size[1] >= 2**32:
        raise Invalid(f"the image's {size[0]} × {size[1]} pixels are too many", remedy="mend its width and height")
    return masks.from_polygons(value, size)


def in_order(problems: list[Problem]) -> list[Problem]:
    """By list, and by place within it."""
    return sorted(problems, key=lambda one: (one.source, -1 if one.index is None else one.index))
