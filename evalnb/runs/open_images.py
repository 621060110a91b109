"""Evaluate Open Images' own CSV files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from evalnb.core.open_images import Hierarchy, match_open_images
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid, NotFound
from evalnb.runs import columns
from evalnb.runs.columns import NO_CLASS, NO_IMAGE, Images, Problem, ResultFile, TruthFile
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import checked, evaluation_of

Table: TypeAlias = str | Path | Iterable[Mapping[str, Any]]
"""A CSV file with a header, or its rows."""
BOX = ("XMin", "YMin", "XMax", "YMax")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Rows:
    """The sound rows of a table: their places in it, whose they are, and their numbers."""

    place: list[int]
    image: list[str]
    label: list[str]
    number: Floats
    """(n, m) the columns that were asked for."""

    def box(self) -> Floats:
        """(n, 4) x, y, w, h of the last four columns."""
        low, high = self.number[:, -4:-2], self.number[:, -2:]
        return np.concatenate([low, high - low], axis=1)


def evaluate_open_images(
    boxes: Table,
    detections: Table,
    *,
    labels: Table | None = None,
    hierarchy: str | Path | Mapping[str, Any] | None = None,
    class_names: str | Path | Mapping[str, str] | None = None,
    group_of: bool = True,
    expand_detections: bool = False,
    strict: bool = False,
) -> Evaluation:
    """AP by the Open Images challenge's rules; ``AP50`` is the challenge's number. Equal to TensorFlow's evaluator.

    ``boxes``: ImageID, LabelName, XMin, XMax, YMin, YMax, IsGroupOf; relative or in px, as the detections are.
    ``detections``: ImageID, LabelName, Score, and the box. ``labels``: ImageID, LabelName, Confidence: 1 verified to
    be there, 0 not to be; without them only classes that have a box in an image are verified there. ``hierarchy`` is
    the published JSON: boxes and present labels count for all classes above, absent labels for all below.
    ``class_names`` (label → name, or the published CSV) are the classes that count; default: all that occur.
    ``group_of=False`` lets groups absorb detections and asks for none. ``expand_detections`` expands them like boxes.
    """
    tree = _hierarchy(hierarchy)
    problems: list[Problem] = []
    truth = _read(boxes, "boxes", (*BOX,), problems, optional=("IsGroupOf",))
    said = _read(labels, "labels", ("Confidence",), problems) if labels is not None else None
    found = _read(detections, "detections", ("Score", *BOX), problems)
    truth_labels = _expanded(truth.label, tree.up)
    verified = [] if said is None else _verified(said, tree, problems)
    names = _names(class_names)
    if names is None:
        seen = {one for _, one in truth_labels} | {one for _, one in verified}
        names = {one: one for one in sorted(seen)}
    class_id = {one: place + 1 for place, one in enumerate(sorted(names))}
    shown = sorted({*truth.image, *(said.image if said else ())})
    image_id = {one: place + 1 for place, one in enumerate(shown)}

    at, of = _known(truth_labels, class_id)
    truths = Truths(
        id=np.arange(1, len(at) + 1),
        image=_ids(image_id, truth.image)[at],
        class_id=of,
        box=truth.box()[at],
        area=truth.box()[at, 2] * truth.box()[at, 3],
        crowd=truth.number[at, 0] > 0,
    )
    pairs = [(image_id[image], class_id[label]) for image, label in verified if label in class_id]
    answers = _answers(found, tree, class_id, image_id, problems, expand=expand_detections)
    untagged: frozenset[str] = frozenset()
    truth_file = TruthFile(
        truths=truths,
        images=Images.of({place: (one, untagged, (0, 0)) for one, place in image_id.items()}),
        class_names={place: names[one] for one, place in class_id.items()},
        problems=problems,
    )
    given = ResultFile(answers, area=None)
    matches = match_open_images(
        truths,
        answers,
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
        images=truth_file.images.id,
        classes=np.array(sorted(truth_file.class_names), dtype=np.int64),
        group_of=group_of,
    )
    return evaluation_of(matches, truth_file, given, checked(truth_file, given, strict=strict))


# ------------------------------------------------------------------------------------------------------------ labels
def _hierarchy(source: str | Path | Mapping[str, Any] | None) -> Hierarchy:
    if source is None:
        return Hierarchy()
    tree, name = columns.load(source, "hierarchy")
    if not isinstance(tree, Mapping):
        raise Invalid(f"{name} holds a {type(tree).__name__}, no tree", remedy="pass the published hierarchy's JSON")
    return Hierarchy.of(tree)


def _names(source: str | Path | Mapping[str, str] | None) -> dict[str, str] | None:
    if source is None or isinstance(source, Mapping):
        return None if source is None else {str(key): str(name) for key, name in source.items()}
    rows = _csv(Path(source))
    # Some of the published files have a header and some do not.
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[0] != "LabelName"}


def _expanded(labels: Sequence[str], to: Callable[[str], Iterable[str]]) -> list[tuple[int, str]]:
    return [(place, one) for place, label in enumerate(labels) for one in to(label)]


def _known(labels: Iterable[tuple[int, str]], class_id: Mapping[str, int]) -> tuple[Ints, Ints]:
    """The rows and class ids of the labels that are classes."""
    kept = [(place, class_id[label]) for place, label in labels if label in class_id]
    pairs = np.array(kept, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _verified(said: _Rows, tree: Hierarchy, problems: list[Problem]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for place, image, label, sure in zip(said.place, said.image, said.label, said.number[:, 0].tolist(), strict=True):
        if sure in (0, 1):
            out += [(image, one) for one in (tree.up(label) if sure else tree.down(label))]
        else:
            problems.append(Problem("labels", place, "Confidence", f"{sure}: only 0 and 1 are verified"))
    return out


def _answers(
    found: _Rows,
    tree: Hierarchy,
    class_id: Mapping[str, int],
    image_id: Mapping[str, int],
    problems: list[Problem],
    *,
    expand: bool,
) -> Detections:
    for place, name, label in zip(found.place, found.image, found.label, strict=True):
        if name not in image_id:
            problems.append(Problem("detections", place, "ImageID", f"{name[:_SHOWN]!r}: {NO_IMAGE}"))
        elif label not in class_id:
            problems.append(Problem("detections", place, "LabelName", f"{label[:_SHOWN]!r}: {NO_CLASS}"))
    at, of = _known(_expanded(found.label, tree.up if expand else lambda label: (label,)), class_id)
    image = _ids(image_id, found.image)[at]
    at, of, image = at[image > 0], of[image > 0], image[image > 0]
    return Detections(image=image, class_id=of, box=found.box()[at], score=found.number[at, 0])


def _ids(known: Mapping[str, int], names: Iterable[str]) -> Ints:
    return np.array([known.get(one, 0) for one in names], dtype=np.int64)


# ------------------------------------------------------------------------------------------------------------ tables
def _read(
    source: Table, name: str, numbers: tuple[str, ...], problems: list[Problem], *, optional: tuple[str, ...] = ()
) -> _Rows:
    """The sound rows of a table; columns that are ``optional`` stand before the numbers, 0 where they are missing."""
    place: list[int] = []
    image: list[str] = []
    label: list[str] = []
    values: list[list[float]] = []
    for index, row in _rows_of(source, name, ("ImageID", "LabelName", *numbers)):
        wrong = _wrong(row, numbers)
        if wrong is None:
            place.append(index)
            image.append(str(row["ImageID"]))
            label.append(str(row["LabelName"]))
            values.append([_number(row.get(key)) or 0.0 for key in optional] + [float(row[key]) for key in numbers])
        else:
            problems.append(Problem(name, index, *wrong))
    return _Rows(place, image, label, np.array(values).reshape(-1, len(optional) + len(numbers)))


def _wrong(row: Mapping[str, Any], numbers: Sequence[str]) -> tuple[str, str] | None:
    for key in ("ImageID", "LabelName"):
        if not row.get(key):
            return key, "missing"
    for key in numbers:
        if _number(row.get(key)) is None:
            return key, f"{row.get(key)!r:.60}, which is no finite number"
    if "XMin" in numbers:
        x0, y0, x1, y1 = (float(row[key]) for key in BOX)
        if x1 <= x0 or y1 <= y0:
            return "", f"its box is inverted or empty: {x0}, {y0} to {x1}, {y1}"
    return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _rows_of(source: Table, name: str, needed: tuple[str, ...]) -> Iterable[tuple[int, Mapping[str, Any]]]:
    if isinstance(source, (str, Path)):
        rows = _csv(Path(source))
        header = rows[0] if rows else []
        if lost := [key for key in needed if key not in header]:
            raise Invalid(
                f"{source} has no column {', '.join(lost)}", remedy="pass Open Images' own CSV, with its header"
            )
        return enumerate(dict(zip(header, row, strict=False)) for row in rows[1:])
    given: list[Any] = source.to_dict("records") if hasattr(source, "to_dict") else list(source)
    for index, row in enumerate(given):
        if not isinstance(row, Mapping):
            raise Invalid(f"{name}[{index}] is a {type(row).__name__}", remedy="pass a CSV's path, or dicts of a row")
    return enumerate(given)


def _csv(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file))
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path} cannot be read as CSV ({error})", remedy="pass Open Images' own CSV") from None
