"""Agreement as a figure for a notebook cell: how far by class, and what the one calls what the other calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalnb.registry.agreeing import ALL, NOTHING, Compared
from evalnb.runs.charts import ACCENT, INK, Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 14
"""Classes that are shown: those with the most shapes."""


def agreement(compared: Compared, *, left: str, right: str, iou: float) -> Chart:
    """F1 as bars and alpha as marks by class, the worst on top; beside it the objects by both their labels."""
    table = compared.by_class()
    every = table.loc[ALL]
    classes = table.drop(index=ALL)
    shown = classes.assign(many=classes["left"] + classes["right"]).nlargest(MOST, "many")
    shown = shown.sort_values("F1", ascending=False, kind="stable")
    names = [*shown.index, ALL]
    chart = Chart(figsize=(9.2, max(2.6, 0.9 + 0.27 * len(names))), layout="constrained")
    bars, grid = chart.subplots(1, 2, width_ratios=(1.15, 1))
    f1 = [*shown["F1"], every["F1"]]
    alpha = [*shown["alpha"], every["alpha"]]
    at = np.arange(len(names))
    bars.barh(at, f1, height=0.62, color=[ACCENT] * len(shown) + [INK], alpha=0.85, label="F1")
    bars.plot(alpha, at, "D", color="#d55e00", markersize=5, label="alpha")
    for place, value in enumerate(f1):
        # At the foot of the bar, where no mark of alpha hides it; a bar too short for it has it beside.
        fits = value > 0.12
        color, from_x = ("white", 0.0) if fits else (INK, max(value, 0.0) if value == value else 0.0)
        bars.annotate(f"{value:.2f}", (from_x, place), (5, 0), color=color, fontsize=8, **_BESIDE)
    bars.set_yticks(at, names)
    least = float(np.nanmin([0.0, *alpha]))
    bars.set(xlim=(least - 0.05 if least < 0 else 0, 1.02), ylim=(-0.6, len(names) - 0.4))
    bars.axvline(0, color=INK, linewidth=0.8)
    bars.set_title(f"{left} and {right}: agreement at IoU {iou:g}")
    bars.legend(frameon=False, fontsize=8, labelcolor=INK, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.06))
    _matrix(grid, compared, [name for name in compared.names if name in set(shown.index)], left, right)
    for axes in (bars, grid):
        axes.tick_params(colors=INK, labelsize=8, length=0)
        axes.spines[:].set_visible(False)
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_color(INK)
            text.set_fontsize(9)
    bars.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    bars.set_axisbelow(True)
    return chart


_BESIDE = {"textcoords": "offset points", "ha": "left", "va": "center"}


def _matrix(axes: Axes, compared: Compared, names: list[str], left: str, right: str) -> None:
    """The share of what the one labelled so that the other labelled otherwise; the numbers are counts."""
    from matplotlib.colors import LinearSegmentedColormap

    wanted = [*names, NOTHING]
    table = compared.confusion().reindex(index=wanted, columns=wanted)
    counts = table.to_numpy()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # From nothing at all to the accent: on a light page and on a dark one.
    fade = LinearSegmentedColormap.from_list("fade", [(0.18, 0.5, 0.82, 0.0), (0.18, 0.5, 0.82, 0.9)])
    axes.imshow(share, cmap=fade, vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(counts > 0).tolist():
        axes.text(
            column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8,
            color="white" if share[row, column] > 0.6 else INK, fontweight="bold" if row == column else "normal",
        )  # fmt: skip
    axes.set_xticks(range(len(wanted)), wanted, rotation=40, ha="right")
    axes.set_yticks(range(len(wanted)), wanted)
    axes.set(xlabel=right, ylabel=left, title="what either calls an object")
