"""Other tools' AP of the same boxes, to 1e-6 of their own code; and parts that add up to the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalnb.errors import Invalid, NotFound
from evalnb.runs.dialects import TOOLS
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from tests.parity import problems, tools

CLOSE = 1e-6
NUMBERS = ["AP", "AP50", "AP75"]
thorough = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[problems.Problem], tools.Numbers]]:
    """Every tool's own answer, by name."""
    home = tmp_path_factory.mktemp("home")
    return {name: lambda problem, name=name: tools.asked_of(name, problem, home) for name in TOOLS}


def crowded(seed: int, *, score_steps: int = 10) -> problems.Problem:
    """More than 300 detections of an image, more than 100 of some of its classes, and crowds."""
    return problems.make(
        seed=seed, images=2, classes=3, truths=12, detections=420, score_steps=score_steps, crowd=0.2
    )


def assert_it_says_what_they_say(evaluation: Evaluation, asked: dict[str, Any], problem: problems.Problem) -> None:
    table = evaluation.dialects().set_index("tool")[NUMBERS]
    assert list(table.index) == list(asked)
    for tool, ask in asked.items():
        try:
            theirs = ask(problem)
        except ZeroDivisionError:
            assert tool == "tide", "tidecv alone divides by the number of classes that it has seen"
            theirs = (-1.0, -1.0, -1.0)
        assert table.loc[tool].tolist() == pytest.approx(theirs, abs=CLOSE), tool


def test_it_says_what_each_tool_says(asked: dict[str, Any]) -> None:
    @thorough
    @given(problem=problems.problems())
    def holds(problem: problems.Problem) -> None:
        assert_it_says_what_they_say(evaluate_coco(*problem), asked, problem)

    holds()


@pytest.mark.parametrize("score_steps", [10, 100_000])
def test_it_says_so_where_limits_cut_detections_off(score_steps: int, asked: dict[str, Any]) -> None:
    problem = crowded(score_steps, score_steps=score_steps)
    assert_it_says_what_they_say(evaluate_coco(*problem), asked, problem)


def test_an_image_with_more_than_300_truths_raises_the_limit_of_an_image(asked: dict[str, Any]) -> None:
    problem = problems.make(seed=3, images=1, classes=2, truths=340, detections=400, crowd=0.02)
    mine = evaluate_coco(*problem).why("ultralytics")["AP after"].iloc[-1]
    assert mine == pytest.approx(asked["ultralytics"](problem)[0], abs=CLOSE)


def test_a_slice_says_what_each_tool_says_of_it(asked: dict[str, Any]) -> None:
    truth, results = problems.make(seed=5, images=6, classes=3, truths=6, detections=30)
    some = sorted(one["id"] for one in truth["images"])[::2]
    kinds = truth["categories"][:2]
    names, ids = [one["name"] for one in kinds], {one["id"] for one in kinds}
    mine = evaluate_coco(truth, results).where(images=some, classes=names, confidence=0.2)

    def kept(one: dict[str, Any]) -> bool:
        return one["image_id"] in some and one["category_id"] in ids and one.get("score", 1) >= 0.2

    part = {
        "images": [one for one in truth["images"] if one["id"] in some],
        "categories": kinds,
        "annotations": [one for one in truth["annotations"] if kept(one)],
    }
    assert_it_says_what_they_say(mine, asked, (part, [one for one in results if kept(one)]))


@thorough
@given(problem=problems.problems(), tool=st.sampled_from(list(TOOLS)), ap50=st.booleans())
def test_the_parts_add_up_from_cocos_number_to_the_tools(problem: problems.Problem, tool: str, ap50: bool) -> None:
    evaluation = evaluate_coco(*problem)
    number = "AP50" if ap50 else "AP"
    why = evaluation.why(tool, ap50=ap50)
    assert why[f"{number} after"].iloc[0] == pytest.approx(evaluation.summary()[number], abs=1e-12)
    assert why[f"{number} after"].iloc[-1] == evaluation.dialects().set_index("tool").loc[tool, number]
    whole = why[f"{number} after"].iloc[-1] - why[f"{number} after"].iloc[0]
    assert why["difference"].sum() == pytest.approx(whole, abs=1e-12)


def test_every_rule_of_every_tool_matters_somewhere() -> None:
    """A rule that never moved a number could be any rule."""
    still = {(tool, text) for tool, rules in TOOLS.items() for text, _ in rules.steps()}
    for problem in [*RULES.values(), crowded(1), crowded(2), *(nasty(seed) for seed in range(40))]:
        evaluation = evaluate_coco(*problem)
        for tool in {tool for tool, _ in still}:
            why = evaluation.why(tool)
            still -= {(tool, rule) for rule in why["rule"][why["difference"].abs() > 1e-9]}
    assert still == set()


def nasty(seed: int) -> problems.Problem:
    return problems.make(
        seed=seed, images=5, classes=2, truths=8, detections=[4, 12, 40][seed % 3], score_steps=[3, 10, 40][seed % 3]
    )


def one_image(truths: list[dict[str, Any]], results: list[dict[str, Any]]) -> problems.Problem:
    """Boxes of one class in one image of 400 × 300."""
    return (
        {
            "images": [{"id": 1, "width": 400, "height": 300, "file_name": "1.png"}],
            "categories": [{"id": 1, "name": "one"}],
            "annotations": [
                {
                    "id": place,
                    "image_id": 1,
                    "category_id": 1,
                    "area": one["bbox"][2] * one["bbox"][3],
                    "iscrowd": 0,
                    **one,
                }
                for place, one in enumerate(truths, 1)
            ],
        },
        [{"image_id": 1, "category_id": 1, **one} for one in results],
    )


TRUTH = {"bbox": [0.0, 0.0, 10.0, 10.0]}
FOUND = {"bbox": [0.0, 0.0, 10.0, 10.0], "score": 0.9}
RULES = {
    "a truth of more area than COCO counts": one_image([{**TRUTH, "area": 2e10}, {"bbox": [50, 50, 9, 9]}], [FOUND]),
    "a truth with id 0": one_image([{**TRUTH, "id": 0}], [FOUND]),
    "no truth": one_image([], [FOUND]),
    "a detection exactly at the threshold on a crowd": one_image(
        [{**TRUTH, "iscrowd": 1}, {"bbox": [50, 50, 9, 9]}],
        [{"bbox": [0, 0, 20, 10], "score": 0.9}, {"bbox": [50, 50, 9, 9], "score": 0.5}],
    ),
    "an IoU of 0.9, which is a hair below it in float64": one_image(
        [{"bbox": [34.51, 74.0, 50.0, 43.37]}], [{"bbox": [34.51, 74.0, 45.0, 43.37], "score": 0.9}]
    ),
    "an IoU of 0.75, which is a hair below it before corners are rounded": one_image(
        [{"bbox": [7.9, 0.0, 20.0, 10.0]}], [{"bbox": [7.9, 0.0, 15.0, 10.0], "score": 0.9}]
    ),
    "an IoU of 0.85, which is a hair below it before corners are taken": one_image(
        [{"bbox": [16.8, 0.0, 20.0, 10.0]}], [{"bbox": [16.8, 0.0, 17.0, 10.0], "score": 0.9}]
    ),
    "a detection halfway between two truths": one_image(
        [TRUTH, {"bbox": [4, 0, 10, 10]}], [{"bbox": [2, 0, 10, 10], "score": 0.9}, {**FOUND, "score": 0.5}]
    ),
    "two detections nearest to one of two truths": one_image(
        [TRUTH, {"bbox": [2, 0, 10, 10]}],
        [{"bbox": [2, 0, 10, 10], "score": 0.9}, {"bbox": [1.6, 0, 10, 10], "score": 0.5}],
    ),
    "two scores that float32 does not tell apart": one_image(
        [TRUTH], [{"bbox": [90, 90, 9, 9], "score": 0.9}, {**FOUND, "score": 0.9 + 1e-9}]
    ),
}


@pytest.mark.parametrize("what", RULES)
def test_the_rare_cases_are_what_each_tool_says(what: str, asked: dict[str, Any]) -> None:
    assert_it_says_what_they_say(evaluate_coco(*RULES[what]), asked, RULES[what])


def test_dialects_starts_with_cocos_own_numbers() -> None:
    evaluation = evaluate_coco(*crowded(4))
    table = evaluation.dialects()
    assert table["tool"].tolist() == list(TOOLS)
    assert table.loc[0, NUMBERS].tolist() == pytest.approx([evaluation.summary()[key] for key in NUMBERS], abs=1e-12)
    assert table["difference"].tolist() == pytest.approx(
        (table["AP"] - evaluation.summary()["AP"]).tolist(), abs=1e-12
    )


def test_an_unknown_tool_is_named_with_those_that_are_known() -> None:
    with pytest.raises(NotFound, match="'detectron3' are not known; use one of pycocotools, torchmetrics"):
        evaluate_coco(*crowded(1)).why("detectron3")


def test_masks_and_area_ranges_are_refused() -> None:
    masks = evaluate_coco(*problems.make(seed=1, kind="segm", images=1, classes=1, truths=2, detections=2), "segm")
    with pytest.raises(Invalid, match="this evaluation compares segm; evaluate with kind='bbox'"):
        masks.dialects()
    with pytest.raises(Invalid, match="this part holds the small ones"):
        evaluate_coco(*crowded(1)).where(area="small").why("tide")
