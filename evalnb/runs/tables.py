"""Tables of truths and detections, from pandas, polars, Arrow or plain columns, as an evaluation."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import match
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid, MissingExtra
from evalnb.runs.columns import NO_CLASS, NO_IMAGE, Images, Problem
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import refused

SIDES = (("x", "y", "width", "height"), ("x0", "y0", "x1", "y1"))
"""The two ways to write a box: its corner and size, or two corners; px."""
_READERS = (("pyarrow", "table"), ("polars", "DataFrame"))


def evaluate_tables(
    truth: object,
    detections: object,
    *,
    strict: bool = False,
    images: Iterable[Any] | None = None,
) -> Evaluation:
    """COCO's numbers for boxes in two tables: pandas, polars, Arrow (anything that exports its stream) or a dict of
    columns.

    Both have ``image`` and ``class``, numbers or names, and ``x, y, width, height`` or ``x0, y0, x1, y1`` in px.
    Detections have ``score``; truths may have ``crowd`` and ``area`` (px², default the box's). Rows that cannot be
    used are left out and named in ``evaluation.problems``; ``strict`` refuses them instead. ``images`` lists the
    images evaluated; default: those that occur. Invalid where a column is missing.
    """
    problems: list[Problem] = []
    true, found = _Table(truth, "truth"), _Table(detections, "detections")
    image_names, image_of = _keyed("image", true, found, listed=images)
    class_names, class_of = _keyed("class", true, None)
    place, kind, known = _looked_up(true, image_of, class_of, problems)
    box = true.boxes(problems)
    area = true.numbers("area", default=box[:, 2] * box[:, 3])
    sound = true.sound(problems, known, {"area": area})
    truths = Truths(
        id=sound + 1,
        image=place[sound],
        class_id=kind[sound],
        box=box[sound],
        area=area[sound],
        crowd=true.numbers("crowd", default=np.zeros(true.rows))[sound] > 0,
    )
    place, kind, known = _looked_up(found, image_of, class_of, problems)
    box, score = found.boxes(problems), found.numbers("score")
    sound = found.sound(problems, known, {"score": score})
    given = Detections(image=place[sound], class_id=kind[sound], box=box[sound], score=score[sound])
    problems.sort(key=lambda one: (one.source != "truth", one.index if one.index is not None else -1))
    if strict and problems:
        raise refused(problems)
    nothing: frozenset[str] = frozenset()
    return Evaluation(
        matches=match(
            truths,
            given,
            kind="bbox",
            images=np.array(sorted(image_names), dtype=np.int64),
            classes=np.array(sorted(class_names), dtype=np.int64),
        ),
        class_names=class_names,
        images=Images.of({number: (name, nothing, (0, 0)) for number, name in image_names.items()}),
        records=lambda: (truths, given),
        problems=tuple(problems),
    )


class _Table:
    """A table's columns as arrays, and what is wrong with them row by row."""

    def __init__(self, table: object, name: str) -> None:
        self.name = name
        self._table = table if _columns(table) is not None else _through_arrow(table, name)
        names = _columns(self._table)
        assert names is not None
        self._names = names
        self.rows = len(self.column("image"))

    def column(self, name: str) -> NDArray[Any]:
        """One column; Invalid where there is none, or it is of another length."""
        if name not in self._names:
            raise Invalid(
                f"the table of {self.name} has no column {name!r}",
                remedy=f"rename one of {', '.join(map(repr, self._names[:12])) or 'none'}",
            )
        column = self._table[name]  # type: ignore[index]
        values = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
        if name != "image" and len(values) != self.rows:
            raise Invalid(f"{self.name}.{name} has {len(values)} rows, not {self.rows}", remedy="pass equal columns")
        return values

    def numbers(self, name: str, *, default: Floats | None = None) -> Floats:
        """A column of numbers, NaN where there is none; ``default`` stands for a column that is missing."""
        if default is not None and name not in self._names:
            return default
        values = self.column(name)
        if values.dtype.kind in "biuf":
            return values.astype(np.float64)
        return np.array([_number(one) for one in values.tolist()], dtype=np.float64)

    def boxes(self, problems: list[Problem]) -> Floats:
        """(n, 4) x, y, width, height; impossible ones become problems."""
        names = next((names for names in SIDES if set(names) <= set(self._names)), SIDES[0])
        box = np.stack([self.numbers(name) for name in names], axis=1)
        for row, side in zip(*np.nonzero(~np.isfinite(box)), strict=True):
            problems.append(Problem(self.name, int(row), names[side], "no finite number"))
        if names == SIDES[1]:
            box[:, 2:] -= box[:, :2]
        for row in np.flatnonzero((box[:, 2:] < 0).any(axis=1)).tolist():
            problems.append(
                Problem(self.name, row, names[2], f"inverted: width {box[row, 2]:g}, height {box[row, 3]:g}")
            )
        return box

    def sound(self, problems: list[Problem], known: NDArray[np.bool_], numbers: Mapping[str, Floats]) -> Ints:
        """The rows that nothing is wrong with."""
        fine = known.copy()
        fine[[one.index for one in problems if one.source == self.name and one.index is not None]] = False
        for name, values in numbers.items():
            # A row is named once: the area of an impossible box is impossible, too.
            for row in np.flatnonzero(fine & ~np.isfinite(values)).tolist():
                problems.append(Problem(self.name, row, name, "no finite number"))
            fine &= np.isfinite(values)
        return np.flatnonzero(fine)


def _number(value: object) -> float:
    try:
        return float("nan") if value is None or isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _columns(table: object) -> list[str] | None:
    """The names of a table's columns, where it can be read by name."""
    if isinstance(table, Mapping):
        return [str(one) for one in table]
    for attribute in ("column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is not None and hasattr(table, "__getitem__"):
            return [str(one) for one in names]
    return None


def _through_arrow(table: object, name: str) -> object:
    if not hasattr(table, "__arrow_c_stream__"):
        raise Invalid(
            f"the table of {name} is a {type(table).__name__}",
            remedy="pass pandas, polars, Arrow or a dict of columns",
        )
    for package, reader in _READERS:
        try:
            return getattr(importlib.import_module(package), reader)(table)
        except ImportError:
            continue
    raise MissingExtra(
        f"nothing here reads the Arrow stream of a {type(table).__name__}", remedy="install pyarrow or polars"
    )


def _keyed(
    name: str, true: _Table, found: _Table | None, *, listed: Iterable[Any] | None = None
) -> tuple[dict[int, str], dict[Any, int]]:
    """Numbers and names of what a column holds, and the number of each value; whole numbers stand for themselves."""
    columns = [table.column(name) for table in (true, found) if table is not None]
    if listed is None and all(one.dtype.kind in "iu" for one in columns):
        values = np.unique(np.concatenate(columns)).tolist()
    elif listed is None:
        values = [one for table in (true, found) if table is not None for one in _values(table, name)]
    else:
        values = [_plain(one) for one in listed]
    distinct = [one for one in dict.fromkeys(values) if one is not None]
    if all(isinstance(one, int) for one in distinct):
        return {one: str(one) for one in distinct}, {one: one for one in distinct}
    names = sorted(map(str, distinct))
    number = {one: at for at, one in enumerate(names, 1)}
    return {at: one for one, at in number.items()}, {one: number[str(one)] for one in distinct}


def _values(table: _Table, name: str) -> list[Any]:
    return [_plain(one) for one in table.column(name).tolist()]


def _plain(value: Any) -> Any:
    """An int or a text; None for nothing, NaN among it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _looked_up(
    table: _Table, image_of: Mapping[Any, int], class_of: Mapping[Any, int], problems: list[Problem]
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """(n,) the image's and the class's number of each row, and whether both are known."""
    numbers: list[Ints] = []
    fine = np.ones(table.rows, bool)
    for name, known, strange in (("image", image_of, NO_IMAGE), ("class", class_of, NO_CLASS)):
        column = table.column(name)
        if column.dtype.kind in "iu" and all(isinstance(one, int) for one in known):
            numbers.append(column.astype(np.int64))
            there = np.isin(numbers[-1], np.array(list(known), dtype=np.int64))
        else:
            values = _values(table, name)
            there = np.array([one in known for one in values], dtype=bool)
            numbers.append(np.array([known.get(one, 0) for one in values], dtype=np.int64))
        for row in np.flatnonzero(~there).tolist():
            value = _plain(column[row])
            what = "missing" if value is None else f"{value!r:.60}: {strange}"
            problems.append(Problem(table.name, row, name, what))
        fine &= there
    return numbers[0], numbers[1], fine
