"""Figures of what an evaluation gets wrong: legible on light and dark, as those of ``evalnb.runs.charts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evalnb.core.metrics.errors import ERRORS, KINDS
from evalnb.runs.charts import ACCENT, INK, Chart

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation
    from evalnb.runs.explain import Calibration

HIT, GHOST = "#009e73", "#d55e00"
SPECIAL = len(KINDS) + 1
"""The errors that are sums of others begin here."""


def errors(frame: pd.DataFrame, *, iou: float = 0.5) -> Chart:
    """What mending each kind of error would bring, as bars, the counts beside them."""
    chart = Chart(figsize=(6.4, 3.4), layout="constrained")
    _errors(chart.subplots(), frame, iou)
    return chart


def reliability(one: Calibration) -> Chart:
    """Precision, and precision times IoU, over confidence; the diagonal is where both want to be."""
    chart = Chart(figsize=(4.6, 3.8), layout="constrained")
    _reliability(chart.subplots(), one)
    return chart


def scores(frame: pd.DataFrame) -> Chart:
    """True positives above the line, false positives below it, over confidence."""
    chart = Chart(figsize=(4.6, 3.4), layout="constrained")
    _scores(chart.subplots(), frame)
    return chart


def sizes(frame: pd.DataFrame) -> Chart:
    """AP and recall over the size of objects, and how many there are."""
    chart = Chart(figsize=(4.6, 3.4), layout="constrained")
    _sizes(chart.subplots(), frame)
    return chart


def crowding(frame: pd.DataFrame, *, by: str = "overlap") -> Chart:
    """Recall over how crowded truths stand, and how many stand so."""
    chart = Chart(figsize=(4.6, 3.4), layout="constrained")
    _crowding(chart.subplots(), frame, by)
    return chart


def overview(evaluation: Evaluation, *, iou: float = 0.5) -> Chart:
    """All of them in one figure."""
    chart = Chart(figsize=(10.6, 6.6), layout="constrained")
    grid = chart.add_gridspec(2, 6)
    _errors(chart.add_subplot(grid[0, :4]), evaluation.errors(iou=iou), iou)
    _reliability(chart.add_subplot(grid[0, 4:]), evaluation.calibration(iou=iou))
    _scores(chart.add_subplot(grid[1, :2]), evaluation.score_histogram(iou=iou))
    _sizes(chart.add_subplot(grid[1, 2:4]), evaluation.by_size(iou=iou))
    _crowding(chart.add_subplot(grid[1, 4:]), evaluation.by_crowding(iou=iou), "overlap")
    return chart


def _errors(axes: Any, frame: pd.DataFrame, iou: float) -> None:
    cost = frame["dAP"].fillna(0.0).to_numpy()
    # A gap sets the two sums apart from the kinds that they are made of.
    place = np.arange(len(cost)) + 0.6 * (np.arange(len(cost)) >= SPECIAL)
    axes.barh(place, cost, height=0.66, color=[ACCENT] * SPECIAL + [INK] * (len(cost) - SPECIAL), alpha=0.9)
    for y, value, many in zip(place, cost, frame["count"], strict=True):
        axes.annotate(
            f"{value:.3f} · {many:,}",
            (value, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
        )
    axes.set_yticks(place, ERRORS)
    axes.invert_yaxis()
    # Room for the words beside the longest bar.
    axes.set_xlim(0, max(float(cost.max(initial=0.0)) * 1.28, 0.01))
    _dress(axes, title=f"AP to gain by mending an error at IoU {iou:g} · how many", grid="x")


def _reliability(axes: Any, one: Calibration) -> None:
    table = one.table
    some = table[table["detections"] > 0]
    middle, width = (some["low"] + some["high"]) / 2, some["high"] - some["low"]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=":")
    axes.bar(middle, some["precision"], width=width * 0.92, color=ACCENT, alpha=0.35, label="precision")
    tight = some["precision"] * some["IoU"].fillna(0.0)
    axes.step(
        [*some["low"], *some["high"][-1:]],
        [*tight, *tight[-1:]],
        where="post",
        color=GHOST,
        linewidth=1.6,
        label="precision × IoU",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("confidence")
    _dress(axes, title=f"D-ECE {one.d_ece:.3f} · LaECE {one.laece:.3f}", legend="upper left")


def _scores(axes: Any, frame: pd.DataFrame) -> None:
    middle, width = (frame["low"] + frame["high"]) / 2, (frame["high"] - frame["low"]) * 0.9
    axes.bar(middle, frame["TP"], width=width, color=HIT, alpha=0.85, label="true positives")
    axes.bar(middle, -frame["FP"], width=width, color=GHOST, alpha=0.85, label="false positives")
    axes.axhline(0, color=INK, linewidth=0.8)
    # Ghosts of little confidence outnumber all else a hundredfold: a symmetric logarithm keeps both in sight.
    highest = max(int(frame[["TP", "FP"]].to_numpy().max(initial=0)), 1)
    axes.set_yscale("symlog", linthresh=10)
    axes.set(xlim=(0, 1), ylim=(-highest * 6, highest * 6))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.set_xlabel("confidence")
    _dress(axes, title="Confidence of true and false positives", legend="upper left")


def _sizes(axes: Any, frame: pd.DataFrame) -> None:
    names = [
        f"{low:g}–{high:g}" if high < 1e5 else f"≥ {low:g}"
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    _over(axes, frame, names, ("recall", "AP"), "side of an object, px (√ area)", "Recall and AP by size")


def _crowding(axes: Any, frame: pd.DataFrame, by: str) -> None:
    names = [
        f"{low:g}"
        if by == "neighbours" and high == low + 1
        else (f"≥ {low:g}" if high == np.inf else f"{low:g}–{high:g}")
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    label = "highest IoU with another truth" if by == "overlap" else "truths that overlap it by 0.1"
    _over(axes, frame, names, ("recall",), label, "Recall by crowding")


def _over(axes: Any, frame: pd.DataFrame, names: list[str], what: tuple[str, ...], label: str, title: str) -> None:
    """Lines over named bins; how many truths each bin has stands behind them."""
    place = np.arange(len(frame))
    share = frame["truths"] / max(int(frame["truths"].max()), 1)
    axes.bar(place, share, width=0.86, color=INK, alpha=0.16, label="truths (share of the fullest)")
    for name, color in zip(what, (HIT, ACCENT), strict=False):
        axes.plot(place, frame[name], color=color, linewidth=1.8, marker="o", markersize=3.5, label=name)
    axes.set_xticks(place, names, rotation=30, ha="right")
    axes.set(ylim=(0, 1.02))
    axes.set_xlabel(label)
    _dress(axes, title=title, legend="best")


def _dress(axes: Any, *, title: str, legend: str | None = None, grid: str = "both") -> None:
    axes.set_title(title)
    axes.set_axisbelow(True)
    axes.grid(color=INK, alpha=0.15, linewidth=0.6, axis=grid)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(9)
    if legend:
        axes.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc=legend)
