"""The report's figures as SVG. They take their colours from the page's CSS, so that one figure serves light, dark and
paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from markupsafe import Markup

from evalnb.core.taxonomy import color_at
from evalnb.reports.bundle import Picture

MOST_COLOURED = 10
"""With more classes than this the curves behind the mean are all of one faint colour."""
MOST_CONFUSED = 36
"""The matrix shows at most this many classes: those with the most mistakes."""

_W, _H, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 340, 40, 14, 26, 40


def class_color(place: int) -> str:
    """The colour of the ``place``-th class, mixed with the ink so that pale ones stay legible on paper."""
    return f"color-mix(in oklab, {color_at(place)} 82%, var(--ink))"


def precision_recall(recall: Sequence[float], curves: Mapping[str, Sequence[float]], *, iou: float = 0.5) -> Markup:
    """Precision over recall: the mean over classes, and each class behind it."""
    names = [name for name in curves if name]
    few = len(names) <= MOST_COLOURED
    lines = [
        f'<polyline class="curve one" data-class="{escape(name)}" points="{_points(recall, curves[name])}"'
        + (f' style="stroke:{class_color(place)}"' if few else "")
        + f"><title>{escape(name)}</title></polyline>"
        for place, name in enumerate(names)
    ]
    if "" in curves:
        area = f"{_x(0):.1f},{_y(0):.1f} {_points(recall, curves[''])} {_x(1):.1f},{_y(0):.1f}"
        lines.insert(0, f'<polygon class="under" points="{area}"/>')
        lines.append(f'<polyline class="curve all" points="{_points(recall, curves[""])}"/>')
    legend = [("all classes", "var(--accent)")] if "" in curves else []
    if few:
        legend += [(name, class_color(place)) for place, name in enumerate(names)]
    return _chart("recall", "precision", lines, legend, label=f"Precision over recall at IoU {iou:g}")


def operating_points(values: Mapping[str, Sequence[float]], confidence: float | None) -> Markup:
    """Precision, recall and F1 over confidence, with the chosen point marked."""
    lines: list[str] = []
    if confidence is not None:
        x = _x(confidence)
        lines.append(f'<line class="mark" x1="{x:.1f}" y1="{_y(1)}" x2="{x:.1f}" y2="{_y(0)}"/>')
        f1 = float(np.interp(confidence, values["confidence"], values["F1"]))
        right = confidence > 0.55
        lines.append(
            f'<text class="note" x="{x + (-7 if right else 7):.1f}" y="{_y(0) - 8}" '
            f'text-anchor="{"end" if right else "start"}">F1 {f1:.3f} at {confidence:.2f}</text>'
        )
        lines.append(f'<circle class="dot" cx="{x:.1f}" cy="{_y(f1):.1f}" r="4"/>')
    kinds = (("precision", "var(--warm)"), ("recall", "var(--good)"), ("F1", "var(--accent)"))
    for name, color in kinds:
        points = _points(values["confidence"], values[name])
        lines.append(f'<polyline class="curve" style="stroke:{color}" points="{points}"/>')
    return _chart("confidence", "", lines, list(kinds), label="Precision, recall and F1 over confidence")


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """The confusion matrix as a heat map: each row's shares, the diagonal in one hue and mistakes in another."""
    names, table, left_out = _most_confused(list(names), np.array(counts, dtype=np.int64).reshape(len(names), -1))
    many = len(names)
    cell = 46 if many <= 10 else 30 if many <= 20 else 19
    gutter = min(150, 14 + 6.4 * max(map(len, names), default=0))
    numbers = cell >= 30
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.zeros(table.shape), where=total > 0)
    parts: list[str] = []
    for place, name in enumerate(names):
        at = gutter + place * cell + cell / 2
        short = escape(name if len(name) <= 22 else f"{name[:21]}…")
        parts.append(f'<text class="tick" x="{gutter - 8:.0f}" y="{at + 4:.1f}" text-anchor="end">{short}</text>')
        parts.append(
            f'<text class="tick" transform="translate({at + 4:.1f} {gutter - 8:.0f}) rotate(-90)">{short}</text>'
        )
    for i in range(many):
        for j in range(many):
            if i == j == many - 1:
                continue
            value, part = int(table[i, j]), float(share[i, j])
            hue = "right" if i == j else "wrong"
            x, y = gutter + j * cell, gutter + i * cell
            hint = f"{names[i]} → {names[j]}: {value} ({part:.0%} of {int(total[i, 0])})"
            # The square root lifts small shares off the paper; a mistake of 2 % is worth seeing.
            strength = 0 if value == 0 else 0.08 + 0.92 * part**0.5
            parts.append(
                f'<rect class="{hue}" x="{x + 1:.0f}" y="{y + 1:.0f}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                f'style="--s:{strength:.3f}"><title>{escape(hint)}</title></rect>'
            )
            if numbers and value:
                strong = " strong" if strength > 0.62 else ""
                parts.append(
                    f'<text class="count{strong}" x="{x + cell / 2:.0f}" y="{y + cell / 2 + 4:.0f}">{value}</text>'
                )
    side = gutter + many * cell + 4
    note = f"<p class='aside'>{left_out} classes with fewer mistakes are not drawn.</p>" if left_out else ""
    return Markup(
        f'<svg class="confusion" viewBox="0 0 {side:.0f} {side:.0f}" style="max-width:{side:.0f}px" role="img" '
        f'aria-label="Confusion matrix: truths by rows, detections by columns">{"".join(parts)}</svg>{note}'
    )


def overlay(picture: Picture) -> Markup:
    """The shapes of a picture, to lie over its pixels."""
    scale = max(picture.width, picture.height) / 360
    parts = [
        f'<svg class="shapes" viewBox="0 0 {picture.width} {picture.height}" preserveAspectRatio="none" '
        f'style="--u:{scale:.3f}px">'
    ]
    # Truths first: a detection's line then lies over its truth's.
    for shape in sorted(picture.shapes, key=lambda one: one.score is not None):
        x, y, w, h = shape.box
        hint = shape.class_name if shape.score is None else f"{shape.class_name} {shape.score:.2f}"
        said = {"hit": "found", "miss": "missed", "found": "right", "ghost": "ghost"}[shape.state]
        drawn = (
            f'<path d="{shape.outline}"/>'
            if shape.outline
            else f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/>'
        )
        size = 10.5 * scale
        label = ""
        if shape.state in {"miss", "ghost"}:
            # Above the box, or inside it at the picture's upper edge.
            at = y - 0.3 * size if y > 1.4 * size else y + size
            label = (
                f'<text x="{min(max(x, 0), picture.width * 0.8):.1f}" y="{at:.1f}" '
                f'style="font-size:{size:.1f}px">{escape(hint)}</text>'
            )
        parts.append(f'<g class="{shape.state}"><title>{escape(hint)} · {said}</title>{drawn}{label}</g>')
    return Markup("".join(parts) + "</svg>")


def bar(value: float) -> Markup:
    """A number between 0 and 1 as the length of a bar behind it."""
    return Markup(f"--v:{max(0.0, min(1.0, value)):.4f}")


def _most_confused(names: list[str], table: np.ndarray) -> tuple[list[str], np.ndarray, int]:
    classes = len(names) - 1
    if classes <= MOST_CONFUSED:
        return names, table, 0
    wrong = table.sum(axis=1)[:-1] + table.sum(axis=0)[:-1] - 2 * np.diag(table)[:-1]
    keep = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CONFUSED])
    keep = np.append(keep, classes)
    return [names[i] for i in keep], table[np.ix_(keep, keep)], classes - MOST_CONFUSED


def _x(value: float) -> float:
    return _LEFT + value * (_W - _LEFT - _RIGHT)


def _y(value: float) -> float:
    return _H - _BOTTOM - value * (_H - _TOP - _BOTTOM)


def _points(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in zip(xs, ys, strict=True) if not math.isnan(y))


def _chart(x_name: str, y_name: str, lines: list[str], legend: list[tuple[str, str]], *, label: str) -> Markup:
    grid: list[str] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        text = f"{tick:g}"
        grid.append(f'<line class="grid" x1="{_x(0)}" y1="{_y(tick):.1f}" x2="{_x(1)}" y2="{_y(tick):.1f}"/>')
        grid.append(f'<text class="tick" x="{_x(0) - 8}" y="{_y(tick) + 4:.1f}" text-anchor="end">{text}</text>')
        grid.append(f'<text class="tick" x="{_x(tick):.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{text}</text>')
    grid.append(f'<text class="axis" x="{_x(1)}" y="{_H - 4}" text-anchor="end">{x_name}</text>')
    if y_name:
        grid.append(f'<text class="axis" x="{_x(0)}" y="{_y(1) - 12}">{y_name}</text>')
    key = "".join(f'<li><i style="background:{color}"></i>{escape(name)}</li>' for name, color in legend)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_W} {_H}" role="img" aria-label="{escape(label)}">'
        f'{"".join(grid)}{"".join(lines)}</svg><ul class="legend">{key}</ul>'
    )
