"""The waterfall tells the table: its bars are the rules that matter, and lead from COCO's number to the tool's."""

from __future__ import annotations

import pandas as pd
import pytest

from evalnb.runs.files import evaluate_coco
from evalnb.runs.waterfall import waterfall
from tests.parity import problems


def test_the_bars_lead_from_cocos_number_to_the_tools() -> None:
    evaluation = evaluate_coco(*problems.make(seed=2, images=6, classes=3, truths=8, detections=60))
    why = evaluation.why("ultralytics", ap50=True)
    axes = evaluation.why_chart("ultralytics", ap50=True).axes[0]
    names = [one.get_text().replace("\n", " ") for one in axes.get_yticklabels()]
    moved = why[why["difference"].abs() > 0.01 * why["difference"].abs().max()]
    assert names[1 : 1 + len(moved)] == moved["rule"].tolist()
    assert (names[0], names[-1]) == ("COCO", "ultralytics")
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx((100 * moved["difference"]).tolist())
    assert axes.patches[0].get_x() == pytest.approx(100 * why["AP50 after"].iloc[0])
    assert len(moved) >= 3


def test_small_rules_are_told_together_with_what_they_add() -> None:
    steps = pd.DataFrame(
        {
            "rule": ["COCO's rules", "a large one", "a small one", "another"],
            "AP after": [0.5, 0.4, 0.4004, 0.4009],
            "difference": [0.0, -0.1, 0.0004, 0.0005],
        }
    )
    names = [one.get_text() for one in waterfall(steps, tool="some tool").axes[0].get_yticklabels()]
    assert names == ["COCO", "a large one", "2 more rules together: +0.09", "some tool"]


def test_a_tool_without_a_difference_has_a_figure_too() -> None:
    evaluation = evaluate_coco(*problems.make(seed=2, images=2, classes=1, truths=3, detections=5))
    chart = evaluation.why_chart("pycocotools")
    assert [one.get_text() for one in chart.axes[0].get_yticklabels()] == ["COCO", "pycocotools"]
    assert chart._repr_svg_().startswith("<svg")
