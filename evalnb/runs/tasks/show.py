"""How the records of these tasks show themselves: a few numbers, a small plot, the classes behind a fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from evalnb.runs.card import STYLE, number

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 200
"""Rows that a card shows of a table; all of them are in the DataFrame."""


_OVER = ("_macro", "_weighted", "_things", "_stuff")
"""What a number is taken over: it stands below the number, where there is room."""


def count(many: int, one: str, more: str) -> str:
    """``1,000 images``, ``1 image``."""
    return f"{many:,} {one if many == 1 else more}"


def listing(title: str, words: Sequence[str], numbers: Mapping[str, float]) -> str:
    """The numbers under one another, for a terminal."""
    wide = max((len(name) for name in numbers), default=0)
    rows = [f"  {name:<{wide}}  {_short(value):>6}" for name, value in numbers.items()]
    return "\n".join([f"{title}: {' · '.join(words)}", *rows])


def card(
    title: str,
    words: Sequence[str],
    numbers: Mapping[str, float],
    *,
    lead: str,
    plot: str = "",
    table: pd.DataFrame | None = None,
    fold: str = "per class",
) -> str:
    """The numbers in a grid beside a plot, and a table to open; it follows JupyterLab's theme."""
    cells = "".join(_number(name, value, lead=name == lead) for name, value in numbers.items())
    folded = "" if table is None else f"<details><summary>{escape(fold)}</summary>{_rows(table)}</details>"
    return (
        f'{STYLE}<div class="evalnb-sum"><header><b>{escape(title)}</b>'
        f"<span>{escape(' · '.join(words))}</span></header>"
        f'<div class="body"><div class="numbers">{cells}</div>{plot}</div>{folded}</div>'
    )


def _number(name: str, value: float, *, lead: bool) -> str:
    word, _, over = name.rpartition("_") if name.endswith(_OVER) else (name, "", "")
    return (
        f"<div{' class=lead' if lead else ''}><small>{escape(word.replace('_', ' '))}</small>"
        f"<strong>{_short(value)}</strong><i>{escape(over)}</i></div>"
    )


def _short(value: float) -> str:
    """Three decimals, but a whole number of clicks or objects as one."""
    return f"{value:,.0f}" if value > 1 and value.is_integer() else number(value)


def _rows(frame: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in frame.head(MOST_ROWS).itertuples(index=False)
    )
    left = len(frame) - MOST_ROWS
    more = f"<p>and {left:,} more</p>" if left > 0 else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))


def plot(
    x: Sequence[float], y: Sequence[float], *, over: str, shown: str, diagonal: bool = False, dots: bool = False
) -> str:
    """A line of values in [0, 1] in 150 × 96 px, drawn in the current colour; NaN breaks it."""
    places = [
        (8 + 134 * one, 84 - 74 * other)
        for one, other in zip(x, y, strict=True)
        if not (math.isnan(one) or math.isnan(other))
    ]
    points = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
    ideal = '<path d="M8 84L142 10" stroke="currentColor" stroke-dasharray="3 3" opacity=".4"/>' if diagonal else ""
    marks = "".join(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="2.2" fill="currentColor"/>' for left, top in places)
    text = 'font-size="8" fill="currentColor" opacity=".8"'
    return (
        '<svg viewBox="0 0 150 96" width="150" height="96" role="img" '
        f'aria-label="{escape(shown)} over {escape(over)}">'
        f'<path d="M8 10V84H142" fill="none" stroke="currentColor" opacity=".35"/>{ideal}'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/>'
        f'{marks if dots else ""}<text x="142" y="94" text-anchor="end" {text}>{escape(over)}</text>'
        f'<text x="11" y="17" {text}>{escape(shown)}</text></svg>'
    )
