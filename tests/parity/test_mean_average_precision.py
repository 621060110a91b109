"""Fed batch by batch it says what torchmetrics says, given the same thresholds, and what COCO's rules say."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evalnb as ev
from evalnb.core.matching import THRESHOLDS
from evalnb.core.metrics import RECALLS
from evalnb.errors import Invalid
from evalnb.runs.files import evaluate_coco
from tests.parity import problems

COCO_RULES: dict[str, Any] = {"iou_thresholds": THRESHOLDS.tolist(), "rec_thresholds": RECALLS.tolist()}
some = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def batches(seed: int, *, shaped: bool = False, images: int = 5) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = np.random.default_rng(seed)
    preds, target = [], []
    for _ in range(images):
        n = int(rng.integers(0, 6))
        corner = rng.uniform(0, 60, (n, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(3, 120, (n, 2))], axis=1)
        labels = rng.integers(0, 3, n)
        target.append({"boxes": boxes, "labels": labels, "iscrowd": (rng.random(n) < 0.2).astype(int)})
        again = rng.integers(0, max(n, 1), 2 * n) if n else np.empty(0, int)
        moved = boxes[again] + rng.normal(0, 3, (len(again), 4)) if n else np.empty((0, 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        preds.append(
            {"boxes": moved, "scores": rng.random(len(again)).round(2), "labels": labels[again] if n else labels}
        )
        if shaped:
            for one in (preds[-1], target[-1]):
                grid = np.arange(200)
                across = (grid >= one["boxes"][:, :1]) & (grid < one["boxes"][:, 2:3])
                down = (grid >= one["boxes"][:, 1:2]) & (grid < one["boxes"][:, 3:])
                one["masks"] = down[:, :, None] & across[:, None, :]
    return preds, target


def as_tensors(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import torch

    return [{key: torch.as_tensor(value) for key, value in one.items()} for one in items]


@some
@given(seed=st.integers(0, 2**32 - 1), limits=st.sampled_from([[1, 10, 100], [1, 2, 100]]), shaped=st.booleans())
def test_numbers_equal_torchmetrics_under_the_same_thresholds(seed: int, limits: list[int], shaped: bool) -> None:
    torch = pytest.importorskip("torch")
    from torchmetrics.detection import MeanAveragePrecision

    preds, target = map(as_tensors, batches(seed, shaped=shaped))
    kinds: Any = ("bbox", "segm") if shaped else "bbox"
    rules = {**COCO_RULES, "max_detection_thresholds": limits, "class_metrics": True, "iou_type": kinds}
    theirs, mine = MeanAveragePrecision(**rules), ev.MeanAveragePrecision(**rules)
    for metric in (theirs, mine):
        metric.update(preds[:2], target[:2])
        metric.update(preds[2:], target[2:])
    expected, found = theirs.compute(), mine.compute()
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert isinstance(found[key], torch.Tensor)
        np.testing.assert_allclose(found[key].numpy().reshape(value.shape), value.numpy(), atol=1e-6, err_msg=key)


@some
@given(problem=problems.problems())
def test_numbers_are_coco_s_to_the_bit_with_areas_and_crowds_given(problem) -> None:
    truth, results = problem
    metric = ev.MeanAveragePrecision("xywh")
    ids = sorted(one["id"] for one in truth["images"])
    known = {one["id"] for one in truth["categories"]}
    for image in ids:
        rows = [one for one in truth["annotations"] if one["image_id"] == image]
        found = [one for one in results if one["image_id"] == image and one["category_id"] in known]
        metric.update(
            [
                {
                    "boxes": [one["bbox"] for one in found],
                    "scores": [one["score"] for one in found],
                    "labels": [one["category_id"] for one in found],
                }
            ],
            [
                {
                    "boxes": [one["bbox"] for one in rows],
                    "labels": [one["category_id"] for one in rows],
                    "iscrowd": [one["iscrowd"] for one in rows],
                    "area": [one["area"] for one in rows],
                }
            ],
        )
    # Annotation id 0 never matches, which is a matter of files: here there are no ids.
    shifted = {**truth, "annotations": [{**one, "id": one["id"] + 1} for one in truth["annotations"]]}
    expected = evaluate_coco(shifted, results).summary()
    numbers = metric.compute()
    names = {"map": "AP", "map_50": "AP50", "map_75": "AP75", "map_small": "APs", "mar_1": "AR1", "mar_large": "ARl"}
    assert [numbers[name] for name in names] == [pytest.approx(expected[key], abs=1e-12) for key in names.values()]
    assert list(metric.evaluation.summary().values()) == list(expected.values())


def test_formats_agree_and_a_reset_forgets() -> None:
    preds, target = batches(3)
    metrics = [ev.MeanAveragePrecision(one) for one in ("xyxy", "xywh", "cxcywh")]
    said = []
    for metric in metrics:
        form = metric._box_format

        def turned(items: list[dict[str, Any]], form: str = form) -> list[dict[str, Any]]:
            out = []
            for one in items:
                low, high = one["boxes"][:, :2], one["boxes"][:, 2:]
                first = (low + high) / 2 if form == "cxcywh" else low
                out.append({**one, "boxes": np.hstack([first, high if form == "xyxy" else high - low])})
            return out

        metric.update(turned(preds), turned(target))
        said.append(metric.compute()["map"])
    assert said[0] > 0.1
    assert said == [pytest.approx(said[0], abs=1e-9)] * 3
    metrics[0].reset()
    assert metrics[0].compute()["map"] == -1


def test_names_of_the_classes_reach_the_evaluation() -> None:
    metric = ev.MeanAveragePrecision(class_names=["cat", "dog", "eel"])
    metric.update(*batches(1))
    assert set(metric.evaluation.per_class()["class"]) <= {"cat", "dog", "eel"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": [0.5]}, "labels and 1 of its score"),
        ({"boxes": [[1, 2, 3]]}, r"shape \(1, 3\)"),
        ({"boxes": "all"}, "no array of numbers"),
        ({"scores": [float("nan")]}, "not finite"),
        ({"labels": [0.5]}, "not whole"),
    ],
)
def test_a_bad_batch_is_refused_by_name_and_nothing_of_it_is_kept(change: dict[str, Any], said: str) -> None:
    metric = ev.MeanAveragePrecision()
    good = {"boxes": [[0, 0, 9, 9], [0, 0, 5, 5]], "scores": [0.5, 0.4], "labels": [1, 1]}
    with pytest.raises(Invalid, match=said):
        metric.update([good, good | change], [good, good])
    with pytest.raises(Invalid, match="1 predictions and 0 targets"):
        metric.update([good], [])
    with pytest.raises(Invalid, match="no 'labels'"):
        metric.update([{"boxes": []}], [good])
    assert metric.compute()["map"] == -1


def test_without_tensors_torch_is_not_imported() -> None:
    program = (
        "import sys, evalnb as ev\n"
        "m = ev.MeanAveragePrecision()\n"
        "o = {'boxes': [[0, 0, 9, 9]], 'scores': [0.5], 'labels': [1]}\n"
        "m.update([o], [o])\n"
        "assert m.compute()['map'] > 0.99\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
