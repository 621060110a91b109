"""What an import took and refused, and what an export could not say: readable in a terminal and in a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

from evalnb.formats.problems import Problem, Problems

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every image and annotation of a file."""

    dataset_id: int
    dataset: str
    images: int
    """Images that this import added."""
    annotations: int
    images_refused: int
    annotations_refused: int
    images_unchanged: int
    """Images that the dataset had already; their edits stand."""
    annotations_unchanged: int
    classes: int
    problems: Sequence[Problem] = ()
    """The first of each kind, in the order met."""
    problem_counts: Counts = field(default_factory=dict)
    """(what, field and reason) → how many, all of them."""
    repeated: bool = False
    """The file had been imported before, whole; nothing was done."""

    def __str__(self) -> str:
        return _text(self._title(), self._rows(), self.problems, self.problem_counts)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _rich(self._title(), self._rows(), self.problems, self.problem_counts)

    def _repr_html_(self) -> str:
        return _html(self._title(), self._rows(), self.problems, self.problem_counts)

    def _title(self) -> str:
        return f"{self.dataset}: imported before, nothing to do" if self.repeated else f"{self.dataset}: imported"

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            ("", "added", "unchanged", "refused"),
            ("images", f"{self.images:,}", f"{self.images_unchanged:,}", f"{self.images_refused:,}"),
            (
                "annotations",
                f"{self.annotations:,}",
                f"{self.annotations_unchanged:,}",
                f"{self.annotations_refused:,}",
            ),
        ]


def together(reports: Sequence[ImportReport], problems: Problems) -> ImportReport:
    """One receipt for several imports into one dataset, and for what was refused beside them."""
    accounts = [(one.problems, one.problem_counts) for one in reports] + [(tuple(problems), problems.counts)]
    counts = Counter[tuple[str, str]]()
    for _, several in accounts:
        counts.update(several)
    return replace(
        reports[-1],
        images=sum(one.images for one in reports),
        annotations=sum(one.annotations for one in reports),
        images_refused=sum(one.images_refused for one in reports),
        annotations_refused=sum(one.annotations_refused for one in reports),
        images_unchanged=sum(one.images_unchanged for one in reports),
        annotations_unchanged=sum(one.annotations_unchanged for one in reports),
        problems=tuple(one for several, _ in accounts for one in several),
        problem_counts=dict(counts),
        repeated=all(one.repeated for one in reports),
    )


@dataclass(frozen=True, slots=True)
class LossReport:
    """What an export wrote, and what its format cannot say."""

    dataset_id: int
    format: str
    path: str
    images: int
    annotations: int
    losses: Counts = field(default_factory=dict)
    """(what, how it was changed or left out) → how many."""
    examples: Sequence[Problem] = ()

    @property
    def lossless(self) -> bool:
        """Whether the files say everything that the dataset says."""
        return not self.losses

    def __str__(self) -> str:
        return _text(self._title(), self._rows(), self.examples, self.losses)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _rich(self._title(), self._rows(), self.examples, self.losses)

    def _repr_html_(self) -> str:
        return _html(self._title(), self._rows(), self.examples, self.losses)

    def _title(self) -> str:
        return f"{self.format} in {self.path}: " + ("nothing was lost" if self.lossless else "some things were lost")

    def _rows(self) -> list[tuple[str, ...]]:
        return [("", "written"), ("images", f"{self.images:,}"), ("annotations", f"{self.annotations:,}")]


def _text(title: str, rows: Sequence[tuple[str, ...]], examples: Sequence[Problem], counts: Counts) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [title]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    for (what, reason), n in counts.items():
        lines.append(f"  {n:,} × {what}: {reason}")
        lines += [f"      {one}" for one in _of(examples, what, reason)[:3]]
    return "\n".join(lines)


def _rich(title: str, rows: Sequence[tuple[str, ...]], examples: Sequence[Problem], counts: Counts) -> RenderResult:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(rows[0][0])
    for name in rows[0][1:]:
        table.add_column(name, justify="right")
    for row in rows[1:]:
        table.add_row(*row)
    yield table
    if counts:
        reasons = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        reasons.add_column("count", justify="right", style="yellow")
        reasons.add_column("what happened")
        reasons.add_column("for instance", style="dim")
        for (what, reason), n in counts.items():
            shown = "\n".join(str(one) for one in _of(examples, what, reason)[:3])
            reasons.add_row(f"{n:,}", Text(f"{what}: {reason}"), Text(shown))
        yield reasons


# Jupyter's own variables, so that the table is right in light and dark; each has a fallback for other front ends.
_STYLE = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
    "color:var(--jp-ui-font-color1,inherit)"
)
_CELL = "padding:2px 14px 2px 0;text-align:{align};background:none;vertical-align:top"
_QUIET = "color:var(--jp-ui-font-color2,inherit)"
_WARN = "color:var(--jp-warn-color0,#b26a00)"


def _html(title: str, rows: Sequence[tuple[str, ...]], examples: Sequence[Problem], counts: Counts) -> str:
    def cell(text: str, *, tag: str = "td", align: str = "left", style: str = "") -> str:
        return f'<{tag} style="{_CELL.format(align=align)};{style}">{escape(text)}</{tag}>'

    def row(cells: Sequence[str], tag: str) -> str:
        first, *rest = cells
        style = _QUIET if tag == "th" else "font-variant-numeric:tabular-nums"
        inner = cell(first, tag=tag) + "".join(cell(one, tag=tag, align="right", style=style) for one in rest)
        return f"<tr>{inner}</tr>"

    parts = [
        f'<div style="{_STYLE}"><div style="font-weight:600;margin:4px 0">{escape(title)}</div>',
        '<table style="border-collapse:collapse;margin:0">',
        row(rows[0], "th"),
        *(row(one, "td") for one in rows[1:]),
        "</table>",
    ]
    for (what, reason), n in counts.items():
        told = _of(examples, what, reason)
        summary = f'<span style="{_WARN}">{n:,} ×</span> {escape(what)}: {escape(reason)}'
        items = "".join(f"<li>{escape(str(one))}</li>" for one in told)
        more = f"<li>and {n - len(told):,} more</li>" if told and n > len(told) else ""
        body = f'<ul style="margin:2px 0 6px;{_QUIET}">{items}{more}</ul>'
        parts.append(f'<details style="margin:2px 0"><summary>{summary}</summary>{body}</details>')
    return "".join(parts) + "</div>"


def _of(examples: Sequence[Problem], what: str, reason: str) -> list[Problem]:
    return [one for one in examples if one.what == what and f"{one.field} {one.reason}".strip() == reason]
