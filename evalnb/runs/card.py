"""How an evaluation shows itself in a cell and in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalnb.runs.evaluation import Evaluation

MEANING = {
    "AP": "IoU .50–.95",
    "AP50": "IoU .50",
    "AP75": "IoU .75",
    "APs": "small",
    "APm": "medium",
    "APl": "large",
    "APr": "rare classes",
    "APc": "common classes",
    "APf": "frequent classes",
    "AR": "IoU .50–.95",
    "AR50": "IoU .50",
    "AR75": "IoU .75",
    "AR1": "best 1",
    "AR10": "best 10",
    "AR100": "best 100",
    "ARs": "small",
    "ARm": "medium",
    "ARl": "large",
}

# JupyterLab's own variables carry its light and dark themes; the second value serves Voila and plain pages.
STYLE = """<style>
.evalnb-sum{color:var(--jp-ui-font-color1,inherit);font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif);
max-width:44rem;border:1px solid var(--jp-border-color2,#8884);border-radius:8px;padding:14px 16px;
font-variant-numeric:tabular-nums}
.evalnb-sum header{display:flex;gap:12px;align-items:baseline;margin:0 0 10px;flex-wrap:wrap}
.evalnb-sum header b{font-size:14px}.evalnb-sum header span{color:var(--jp-ui-font-color2,#767676)}
.evalnb-sum .body{display:flex;gap:20px;align-items:stretch;flex-wrap:wrap}
.evalnb-sum .numbers{display:grid;grid-template-columns:repeat(6,minmax(3.6rem,1fr));gap:10px 14px;flex:1 1 22rem}
.evalnb-sum .numbers div{display:flex;flex-direction:column}
.evalnb-sum .numbers small,.evalnb-sum .numbers i{color:var(--jp-ui-font-color2,#767676);font-size:11px;
font-style:normal}
.evalnb-sum .numbers strong{font-size:18px;font-weight:600;letter-spacing:-.01em}
.evalnb-sum .numbers .lead strong{color:var(--jp-brand-color1,#2f7fd1)}
.evalnb-sum svg{flex:0 0 150px;color:var(--jp-brand-color1,#2f7fd1)}
.evalnb-sum details{margin-top:10px;color:var(--jp-ui-font-color2,#767676)}
.evalnb-sum table{border-collapse:collapse}.evalnb-sum td,.evalnb-sum th{padding:2px 12px 2px 0;text-align:right;
font-weight:inherit}.evalnb-sum td:first-child,.evalnb-sum th:first-child{text-align:left}
.evalnb-sum .up{color:var(--jp-success-color1,#2e8540)}.evalnb-sum .down{color:var(--jp-error-color1,#c62828)}
</style>"""


def number(value: float) -> str:
    """Three decimals; a dash where there is nothing to measure."""
    return "–" if value <= -1 or math.isnan(value) else f"{value:.3f}"


def named(evaluation: Evaluation) -> str:
    """What was compared, and by whose rules where they are not COCO's."""
    return evaluation.kind if evaluation.protocol == "coco" else f"{evaluation.protocol}, {evaluation.kind}"


def headline(evaluation: Evaluation) -> str:
    """What it stands for, in a few words: images, classes, and how it was narrowed."""
    part = evaluation.part
    classes = len(evaluation.matches.classes) if part.classes is None else len(part.classes)
    words = [_many(evaluation.image_count(), "image", "images"), _many(classes, "class", "classes")]
    words += [f"tag {name}" for name in sorted(part.tags)]
    if part.classes is not None:
        words.append(", ".join(sorted(part.classes)[:4]) + (" …" if len(part.classes) > 4 else ""))
    if evaluation.area != "all":
        words.append(f"{evaluation.area} objects")
    if part.text:
        words.append(f"name contains {part.text!r}")
    if evaluation.confidence > 0:
        words.append(f"confidence ≥ {evaluation.confidence:g}")
    return " · ".join(words)


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def coco_table(evaluation: Evaluation) -> str:
    """The table that COCO's own tool prints."""
    limit = evaluation.matches.limits[-1]
    lines = [f"Evaluation ({named(evaluation)}): {headline(evaluation)}"]
    for key, value in evaluation.summary().items():
        rest = key[2:].partition("@")[0]
        area = {"s": "small", "m": "medium", "l": "large"}.get(rest, evaluation.area)
        iou = {"50": "0.50", "75": "0.75"}.get(rest, "0.50:0.95")
        detections = int(rest) if key.startswith("AR") and rest in {"1", "10", "100"} else limit
        group = {"r": " (rare)", "c": " (common)", "f": " (frequent)"}.get(rest, "")
        what = "Average Precision" if key.startswith("AP") else "Average Recall   "
        lines.append(
            f" {what}  ({key[:2]}) @[ IoU={iou:<9} | area={area:>6} | maxDets={detections:>3} ] = {value:0.3f}{group}"
        )
    if evaluation.problems:
        lines.append(f" {_many(len(evaluation.problems), 'row', 'rows')} could not be used: see .problems")
    return "\n".join(lines)


def card(evaluation: Evaluation) -> str:
    """The numbers in a grid beside a small precision–recall plot; it follows JupyterLab's theme."""
    cells = "".join(
        f"<div{' class=lead' if key == 'AP' else ''}><small>{key}</small><strong>{number(value)}</strong>"
        f"<i>{MEANING[key.partition('@')[0]]}</i></div>"
        for key, value in evaluation.summary().items()
    )
    curve = evaluation.curve_data()
    whole = curve[curve["class"] == "all"]
    problems = ""
    if evaluation.problems:
        shown = "".join(f"<li>{escape(str(one))}</li>" for one in evaluation.problems[:20])
        count = _many(len(evaluation.problems), "row", "rows")
        problems = f"<details><summary>{count} could not be used</summary><ul>{shown}</ul></details>"
    return (
        f'{STYLE}<div class="evalnb-sum"><header><b>Evaluation · {escape(named(evaluation))}</b>'
        f'<span>{escape(headline(evaluation))}</span></header><div class="body">'
        f'<div class="numbers">{cells}</div>{spark(whole["recall"].tolist(), whole["precision"].tolist())}</div>'
        f"{problems}</div>"
    )


def spark(recall: Sequence[float], precision: Sequence[float]) -> str:
    """A precision–recall curve in 150 × 96 px, drawn in the current colour."""
    points = " ".join(f"{8 + 134 * x:.1f},{84 - 74 * y:.1f}" for x, y in zip(recall, precision, strict=True))
    area = f'<polygon points="8,84 {points} 142,84" fill="currentColor" opacity=".14"/>' if points else ""
    return (
        '<svg viewBox="0 0 150 96" width="150" height="96" role="img" aria-label="precision over recall at IoU .50">'
        '<path d="M8 10V84H142" fill="none" stroke="currentColor" opacity=".35"/>'
        f'{area}<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.8" '
        'stroke-linejoin="round"/><text x="142" y="94" text-anchor="end" font-size="8" fill="currentColor" '
        'opacity=".8">recall</text><text x="8" y="7" font-size="8" fill="currentColor" opacity=".8">'
        "precision</text></svg>"
    )
