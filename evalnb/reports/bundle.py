"""A bundle: everything a report shows, frozen into one zip file that no later change can reach."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import orjson

from evalnb.errors import Invalid

VERSION = 1

State: TypeAlias = Literal["hit", "miss", "found", "ghost"]
"""A truth that was found or missed; a detection that is right or a ghost."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One truth or detection over an image."""

    state: State
    class_name: str
    score: float | None
    box: tuple[float, float, float, float]
    """x, y, w, h in px of the original image."""
    outline: str = ""
    """A mask as an SVG path in px of the original image; empty for boxes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the worst images."""

    image_id: int
    file_name: str
    width: int
    height: int
    tp: int
    fp: int
    fn: int
    f1: float
    member: str
    """The zip's member with its pixels, scaled down (WebP); empty where they could not be read."""
    note: str
    """Why there are no pixels."""
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One row of the per-class table; -1 where there is no truth."""

    name: str
    ap: float
    ap50: float
    ap75: float
    ar: float
    truths: int
    detections: int
    difference: float | None
    """AP less the baseline's."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the numbers are compared with."""

    label: str
    summary: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the bundle says, in words and numbers."""

    title: str
    created_at: str
    """ISO 8601, UTC."""
    kind: str
    headline: str
    """Images, classes, and how the evaluation was narrowed, in words."""
    part: Mapping[str, Any]
    """The slice that it was narrowed to; ``evalnb.runs.frozen.part_from_json`` reads it."""
    minimum: float
    """Only detections at or above this confidence counted."""
    provenance: Mapping[str, str]
    """dataset, run, model, … evalnb's version, in the order to show."""
    summary: Mapping[str, float]
    baseline: Baseline | None
    classes: tuple[ClassLine, ...]
    recall: tuple[float, ...]
    curves: Mapping[str, tuple[float, ...]]
    """Precision at each recall (IoU .5): ``""`` is the mean over classes, then by class name."""
    operating: Mapping[str, tuple[float, ...]]
    """confidence, precision (NaN where nothing is detected), recall, F1."""
    confidence: float
    """The operating point (best F1) that confusion and pictures are taken at."""
    confusion_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Truths' classes by rows, detections' by columns, the background last."""
    pictures: tuple[Picture, ...]
    problems: tuple[str, ...]
    """The first rows that could not be used."""
    problem_count: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in memory."""

    contents: Contents
    matches: bytes
    """The frozen match table: what makes the page's numbers follow a slider."""
    pictures: Mapping[str, bytes]


def pack(bundle: Bundle) -> bytes:
    """One zip file. Equal bundles give equal bytes: members are sorted and carry no date."""
    members = {
        "report.json": orjson.dumps(
            {"version": VERSION, **asdict(bundle.contents)}, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
        ),
        "matches.npz": bundle.matches,
        **bundle.pictures,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name.startswith("pictures/") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name], compresslevel=6)
    return out.getvalue()


def unpack(raw: bytes) -> Bundle:
    """What ``pack`` wrote; Invalid for a bundle of a later version."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        said: dict[str, Any] = orjson.loads(archive.read("report.json"))
        if (version := said.pop("version")) > VERSION:
            raise Invalid(
                f"the report's bundle is of version {version}, this evalnb reads {VERSION}", remedy="update evalnb"
            )
        pictures = {name: archive.read(name) for name in archive.namelist() if name.startswith("pictures/")}
        matches = archive.read("matches.npz")
    baseline = said.pop("baseline")
    contents = Contents(
        baseline=None if baseline is None else Baseline(**baseline),
        classes=tuple(ClassLine(**one) for one in said.pop("classes")),
        pictures=tuple(
            Picture(shapes=tuple(Shape(**_boxed(shape)) for shape in one.pop("shapes")), **one)
            for one in said.pop("pictures")
        ),
        recall=tuple(said.pop("recall")),
        curves={name: tuple(values) for name, values in said.pop("curves").items()},
        # JSON has no NaN: precision where nothing is detected was written as null.
        operating={
            name: tuple(math.nan if one is None else one for one in values)
            for name, values in said.pop("operating").items()
        },
        confusion_names=tuple(said.pop("confusion_names")),
        confusion=tuple(tuple(row) for row in said.pop("confusion")),
        problems=tuple(said.pop("problems")),
        **said,
    )
    return Bundle(contents=contents, matches=matches, pictures=pictures)


def _boxed(shape: dict[str, Any]) -> dict[str, Any]:
    return shape | {"box": tuple(shape["box"])}
