"""A number turning into another one rule at a time, as a figure that is legible on light and dark."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from evalnb.runs.charts import ACCENT, INK, Chart

if TYPE_CHECKING:
    import pandas as pd

# A pair that the colour-blind tell apart, on white and on dark.
UP, DOWN = "#009e73", "#d55e00"
SMALL = 0.01
"""Rules that move less than this share of the largest bar stand in one line together."""


def waterfall(steps: pd.DataFrame, *, tool: str) -> Chart:
    """Bars from COCO's number (first row of ``Evaluation.why``) to the tool's, in points of 100."""
    after, change = 100 * steps.iloc[:, 1].to_numpy(), 100 * steps["difference"].to_numpy()
    number = str(steps.columns[1]).removesuffix(" after")
    largest = float(np.abs(change).max())
    # A float32 tool differs by thousandths of a point: as many decimals as its largest bar needs.
    decimals = 2 if largest >= 0.05 or largest == 0 else min(6, 1 - int(np.floor(np.log10(largest))))
    shown = np.abs(change) > max(SMALL * largest, 1e-9)
    rest = change[1:][~shown[1:]]
    bars = [(str(rule), float(value)) for rule, value in zip(steps["rule"][shown], change[shown], strict=True)]
    chart = Chart(figsize=(9.2, 0.9 + 0.44 * (len(bars) + 2 + (len(rest) > 0))), layout="constrained")
    axes = chart.subplots()
    names, at = ["COCO", *(textwrap.fill(rule, 58) for rule, _ in bars)], float(after[0])
    _end(axes, 0, at, decimals)
    for line, (_, value) in enumerate(bars, 1):
        axes.barh(line, value, left=at, height=0.56, color=UP if value > 0 else DOWN)
        axes.plot([at, at], [line - 1, line], color=INK, linewidth=0.8, linestyle=":", zorder=0)
        _say(axes, max(at, at + value), line, f"{value:+.{decimals}f}", UP if value > 0 else DOWN)
        at += value
    if len(rest):
        names.append(_together(len(rest), float(rest.sum()), decimals))
    names.append(tool)
    last = len(names) - 1
    axes.plot([float(after[-1])] * 2, [len(bars), last], color=INK, linewidth=0.8, linestyle=":", zorder=0)
    _end(axes, last, float(after[-1]), decimals)
    low, high = float(after.min()), float(after.max())
    room = max(high - low, 10.0**-decimals)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(low - 0.08 * room, high + 0.2 * room), ylim=(last + 0.6, -0.6))
    axes.set_title(f"{number}: from COCO's rules to those of {tool}, in points", color=INK, fontsize=10)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.spines[:].set_visible(False)
    return chart


def _together(many: int, value: float, decimals: int) -> str:
    words = f"{many} more rule{'' if many == 1 else 's'}"
    if abs(value) < 0.5 * 10.0**-decimals:
        return f"{words} without effect here"
    return f"{words} together: {value:+.{decimals}f}"


def _end(axes: Any, line: int, value: float, decimals: int) -> None:
    axes.plot(value, line, marker="D", color=ACCENT, markersize=7)
    _say(axes, value, line, f"{value:.{decimals}f}", ACCENT)


def _say(axes: Any, at: float, line: int, text: str, color: str) -> None:
    axes.annotate(
        text,
        (at, line),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        color=color,
        fontsize=9.5,
        fontweight="bold",
    )
