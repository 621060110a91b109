"""Figures of an evaluation for a notebook cell: matplotlib, transparent, legible on light and dark."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from evalnb.core.taxonomy import color_at

if TYPE_CHECKING:
    import pandas as pd

# A grey of equal contrast (4.5 : 1 and more) on white and on JupyterLab's dark background.
INK = "#767676"
ACCENT = "#2f7fd1"
MOST_CLASSES = 8


class Chart(Figure):
    """A figure that shows itself in a cell without pyplot's global state."""

    def _repr_svg_(self) -> str:
        out = io.StringIO()
        self.savefig(out, format="svg", transparent=True, bbox_inches="tight")
        text = out.getvalue()
        return text[text.index("<svg") :]


def curves(by_recall: pd.DataFrame, by_confidence: pd.DataFrame, *, iou: float) -> Chart:
    """Precision over recall (the mean, and the classes behind it), beside the operating points."""
    chart = Chart(figsize=(9.2, 3.6), layout="constrained")
    left, right = chart.subplots(1, 2)
    names = [one for one in dict.fromkeys(by_recall["class"]) if one != "all"]
    few = len(names) <= MOST_CLASSES
    for place, name in enumerate(names):
        rows = by_recall[by_recall["class"] == name]
        left.plot(
            rows["recall"],
            rows["precision"],
            color=color_at(place) if few else INK,
            linewidth=1.1,
            alpha=0.8 if few else 0.25,
            label=name if few else None,
        )
    rows = by_recall[by_recall["class"] == "all"]
    left.plot(rows["recall"], rows["precision"], color=ACCENT, linewidth=2.4, label="all")
    left.set(xlabel="recall", ylabel="precision", title=f"Precision and recall at IoU {iou:g}")
    for name, color in (("precision", "#d55e00"), ("recall", "#009e73"), ("F1", ACCENT)):
        right.plot(by_confidence["confidence"], by_confidence[name], color=color, label=name, linewidth=1.8)
    if len(by_confidence):
        at = int(by_confidence["F1"].to_numpy().argmax())
        f1, confidence = float(by_confidence["F1"].iloc[at]), float(by_confidence["confidence"].iloc[at])
        right.axvline(confidence, color=INK, linewidth=0.8, linestyle=":")
        right.annotate(
            f" best F1 {f1:.3f} at {confidence:.2f} ",
            (confidence, 0.02),
            color=INK,
            fontsize=8,
            ha="left" if confidence < 0.6 else "right",
        )
    right.set(xlabel="confidence", title="Operating points")
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(color=INK, alpha=0.15, linewidth=0.6)
        axes.tick_params(colors=INK, labelsize=8, length=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_color(INK)
            text.set_fontsize(9)
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return chart
