"""An evaluation on a terminal: COCO's table with colours, and tables of classes, tags and differences beneath it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalnb.cli._terminal import print_json

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from evalnb.runs.evaluation import Evaluation

_PROBLEMS = 10
_WIDEST = 400
_KEYS = ("AP", "AP50", "AP75", "AR100", "AR")


def show(
    found: Evaluation,
    *,
    other: Evaluation | None = None,
    per_class: bool = False,
    by_tag: bool = False,
    replicates: int = 0,
) -> None:
    """Everything that was asked for, on standard output; rows left out are named on standard error.

    In colour on a terminal, unless NO_COLOR is set.
    """
    from rich.console import Console

    from evalnb.runs.card import coco_table

    _say_problems(found, "")
    # A table is as wide as it needs, and the terminal wraps: figures that are cut cannot be read.
    console = Console(highlight=False, soft_wrap=True)
    console = Console(highlight=False, soft_wrap=True, width=max(console.width, _WIDEST))
    sure = intervals(found, replicates)
    lines = coco_table(found).splitlines()
    # The numbers stand in the table's order, each on a line of its own, with " = " before it.
    numbers = iter(sure)
    for line in lines:
        sure_of = next(numbers, None) if " = " in line else None
        console.print(_coloured(line, "" if sure_of is None else f"  {_between(sure_of['low'], sure_of['high'])}"))
    for warning in dict.fromkeys(one["warning"] for one in sure if one["warning"]):
        of = ", ".join(one["number"] for one in sure if one["warning"] == warning)
        console.print(f" {of}: {warning}", style="yellow")
    if per_class:
        _print(console, ["class", "AP", "AP50", "AP75", "AR", "truths", "detections"], _rows(found.per_class()))
    if by_tag:
        keys = [key for key in _KEYS if key in found.summary()]
        rows = [[tag, part.image_count(), *(numbers[key] for key in keys)] for tag, part, numbers in tags(found)]
        _print(console, ["tag", "images", *keys], rows)
        if not rows:
            console.print("no image has a tag: the truth file's images say none in `tags`")
    if other is not None:
        _say_problems(other, "other: ")
        compared = found.compare(other)
        console.print(f"\n{compared.sentence}", style="bold")
        for frame in [compared.numbers, *([compared.classes] if per_class else [])]:
            shown = frame.drop(columns=[name for name in ("detectable", "warning") if name in frame])
            _print(console, list(shown.columns), _rows(shown))


def as_json(
    found: Evaluation,
    *,
    other: Evaluation | None = None,
    per_class: bool = False,
    by_tag: bool = False,
    replicates: int = 0,
    html: Path | None = None,
) -> None:
    """The same as one JSON document: the numbers by name, and a list or an object for each table. -1 and null both
    mean that there is nothing to measure."""
    said: dict[str, Any] = {"kind": found.kind, "id": found.id, "images": found.image_count(), **found.summary()}
    said["problems"] = [
        {"source": one.source, "index": one.index, "field": one.field, "what": one.what} for one in found.problems
    ]
    if sure := intervals(found, replicates):
        said["intervals"] = {one["number"]: [one["low"], one["high"]] for one in sure}
    if per_class:
        said["classes"] = _records(found.per_class())
    if by_tag:
        said["tags"] = [{"tag": tag, "images": part.image_count(), **numbers} for tag, part, numbers in tags(found)]
    if other is not None:
        one = found.compare(other)
        said["compared"] = {"numbers": _records(one.numbers), "classes": _records(one.classes)}
    if html is not None:
        said["html"] = str(html)
    print_json(said)


def tags(found: Evaluation) -> list[tuple[str, Evaluation, dict[str, float]]]:
    """Each tag of the images, the part of the evaluation that has it, and that part's numbers."""
    names = sorted(set().union(*found.images.tags)) if found.images.tags else []
    parts = [(name, found.where(tag=name)) for name in names]
    return [(name, part, part.summary()) for name, part in parts if part.image_count()]


def _say_problems(found: Evaluation, whose: str) -> None:
    for problem in found.problems[:_PROBLEMS]:
        click.echo(f"{whose}left out: {problem}", err=True)
    if len(found.problems) > _PROBLEMS:
        click.echo(f"{whose}left out: {len(found.problems) - _PROBLEMS} rows more", err=True)


def intervals(found: Evaluation, replicates: int) -> list[dict[str, Any]]:
    """The 95 % interval of each number, in the table's order; none for 0 replicates or an evaluation of nothing."""
    if not replicates or not found.image_count():
        return []
    return _records(found.intervals(replicates=replicates))


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _coloured(line: str, interval: str) -> Any:
    """COCO's own line, the number in it told from the words: green from a half on, red below a tenth."""
    from rich.text import Text

    head, equals, number = line.rpartition(" = ")
    if not equals:
        return Text(line, style="yellow" if "could not be used" in line else "bold")
    return Text.assemble((head + equals, "dim"), (number, f"bold {_tint(number.split()[0])}"), (interval, "cyan"))


def _tint(number: str) -> str:
    value = float(number)
    return "white" if value < 0 else "red" if value < 0.1 else "yellow" if value < 0.5 else "green"


def _rows(frame: pd.DataFrame) -> Iterable[Sequence[Any]]:
    return frame.itertuples(index=False, name=None)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them, which knows no NaN."""
    return [
        {str(key): None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _print(console: Console, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(title, value) for title, value in zip(titles, row, strict=True)))
    console.print()
    if table.row_count:
        console.print(table)


def _cell(title: str, value: Any) -> Any:
    from rich.text import Text

    if not isinstance(value, float):
        return Text(f"{value:,}" if isinstance(value, int) else str(value))
    if math.isnan(value) or (value <= -1 and title != "difference"):
        return Text("–", style="dim")
    if title == "difference":
        return Text(f"{value:+.3f}", style="" if abs(value) < 5e-4 else "green" if value > 0 else "red")
    return Text(f"{value:.3f}")
