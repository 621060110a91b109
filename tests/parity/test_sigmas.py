"""Keypoints of one's own skeleton and deviations: equal to pycocotools with its ``kpt_oks_sigmas`` set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evalnb as ev
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from evalnb.runs.frozen import freeze, thaw
from tests.parity import problems


def of_skeleton(problem: problems.Problem, points: int) -> problems.Problem:
    """The same problem with a skeleton of the first few of COCO's keypoints."""

    def cut(row: dict[str, Any]) -> dict[str, Any]:
        kept = row["keypoints"][: 3 * points]
        seen = {"num_keypoints": sum(one > 0 for one in kept[2::3])} if "num_keypoints" in row else {}
        return {**row, "keypoints": kept, **seen}

    truth, results = problem
    return {**truth, "annotations": [cut(one) for one in truth["annotations"]]}, [cut(one) for one in results]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    problem=problems.problems(kind="keypoints"),
    sigmas=st.lists(st.floats(0.01, 0.5), min_size=1, max_size=17),
)
def test_numbers_equal_pycocotools_with_the_same_deviations(problem, sigmas: list[float]) -> None:
    problem = of_skeleton(problem, len(sigmas))
    theirs = problems.ask_pycocotools(problem, "keypoints", sigmas=sigmas)
    mine = evaluate_coco(*problem, "keypoints", sigmas=sigmas)
    assert list(mine.summary().values()) == pytest.approx(theirs.stats.tolist(), abs=1e-12)


def one_person() -> problems.Problem:
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "bee"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 40, 40], "area": 1600, "iscrowd": 0}
            | {"keypoints": [5, 5, 2, 30, 30, 2], "num_keypoints": 2}
        ],
    }
    return truth, [{"image_id": 1, "category_id": 1, "keypoints": [9, 5, 1, 30, 34, 1], "score": 0.9}]


def test_files_too_and_everything_that_explains_uses_them(tmp_path: Path) -> None:
    paths = tmp_path / "truth.json", tmp_path / "results.json"
    for path, content in zip(paths, one_person(), strict=True):
        path.write_text(json.dumps(content))
    strict = ev.evaluate_coco(*paths, "keypoints", sigmas=[0.02, 0.02])
    lenient = ev.evaluate_coco(*paths, "keypoints", sigmas=[0.2, 0.2])
    assert (strict.summary()["AP50"], lenient.summary()["AP50"]) == (0.0, pytest.approx(1.0))
    assert (len(strict.nearby), len(lenient.nearby)) == (0, 1)
    assert (strict.confusion().loc["bee", "bee"], lenient.confusion().loc["bee", "bee"]) == (0, 1)
    kept = thaw(freeze(lenient.matches, lenient.records()[0], lenient.images, {1: "bee"}, ()))[0]
    assert np.array_equal(kept.sigmas, [0.2, 0.2])


@pytest.mark.parametrize("sigmas", [[0.1], [0.1, 0.0], [0.1, float("nan")], [[0.1, 0.1]]])
def test_deviations_that_do_not_fit_the_skeleton_are_refused(sigmas) -> None:
    with pytest.raises(Invalid, match="do not fit 2 keypoints"):
        evaluate_coco(*one_person(), "keypoints", sigmas=sigmas)
