"""The numbers that torchmetrics has too. It calculates some of them in single precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional import classification as theirs
from torchmetrics.functional.detection import panoptic_quality

import evalnb as ev

SINGLE = 1e-6
EXACT = 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_classification(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 6, 500)
    scores = random.dirichlet(np.ones(6), 500) / 2 + np.eye(6)[truth] * 0.2
    scores /= scores.sum(axis=1, keepdims=True)
    numbers = ev.evaluate_classification(truth, scores).summary()
    both = torch.from_numpy(scores), torch.from_numpy(truth)
    for name, value in {
        "ECE": theirs.multiclass_calibration_error(*both, num_classes=6, n_bins=15, norm="l1"),
        "MCE": theirs.multiclass_calibration_error(*both, num_classes=6, n_bins=15, norm="max"),
        "F1_macro": theirs.multiclass_f1_score(*both, num_classes=6, average="macro"),
        "F1_weighted": theirs.multiclass_f1_score(*both, num_classes=6, average="weighted"),
        "accuracy": theirs.multiclass_accuracy(*both, num_classes=6, average="micro"),
        "AUC_macro": theirs.multiclass_auroc(*both, num_classes=6, average="macro"),
        "AP_macro": theirs.multiclass_average_precision(*both, num_classes=6, average="macro"),
    }.items():
        assert numbers[name] == pytest.approx(float(value), abs=SINGLE), name


@pytest.mark.parametrize("seed", range(3))
def test_semantic(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 5, (4, 30, 40))
    predicted = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, 5, truth.shape))
    truth[random.random(truth.shape) < 0.1] = 255
    one = ev.evaluate_semantic(truth, predicted, [*"abcde"])
    both = torch.from_numpy(predicted), torch.from_numpy(truth)
    matrix = theirs.multiclass_confusion_matrix(*both, num_classes=5, ignore_index=255)
    np.testing.assert_array_equal(one.confusion().to_numpy()[:, :5], matrix.numpy())
    numbers = one.summary()
    for name, value in {
        "mIoU": theirs.multiclass_jaccard_index(*both, num_classes=5, ignore_index=255),
        "mean_accuracy": theirs.multiclass_accuracy(*both, num_classes=5, ignore_index=255, average="macro"),
        "pixel_accuracy": theirs.multiclass_accuracy(*both, num_classes=5, ignore_index=255, average="micro"),
        "Dice": theirs.multiclass_f1_score(*both, num_classes=5, ignore_index=255, average="macro"),
    }.items():
        assert numbers[name] == pytest.approx(float(value), abs=SINGLE), name


@pytest.mark.parametrize("seed", range(3))
def test_panoptic(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Pairs of a category (0 and 1 are things) and an instance, without void: torchmetrics has other rules for that.
    grid = np.stack([random.integers(0, 4, (4, 5)), random.integers(0, 3, (4, 5))], axis=2)
    grid[:, :, 1] *= grid[:, :, 0] < 2
    truth = np.kron(grid, np.ones((4, 4, 1), np.int64))
    predicted = np.where(random.random((16, 20, 1)) < 0.85, truth, truth[random.permutation(16)])
    value = panoptic_quality(
        torch.from_numpy(predicted)[None], torch.from_numpy(truth)[None], things={0, 1}, stuffs={2, 3}
    )

    def side(pairs: np.ndarray) -> tuple[dict, dict]:
        ids = 1 + pairs[:, :, 0] * 3 + pairs[:, :, 1]
        rows = [{"id": int(one), "category_id": int(one - 1) // 3} for one in np.unique(ids)]
        return {"annotations": [{"image_id": 0, "segments_info": rows}]}, {0: ids}

    (left, left_maps), (right, right_maps) = side(truth), side(predicted)
    left["categories"] = [{"id": one, "name": str(one), "isthing": int(one < 2)} for one in range(4)]
    one = ev.evaluate_panoptic(left, right, truth_images=left_maps, predicted_images=right_maps)
    assert one.summary()["PQ"] == pytest.approx(float(value), abs=SINGLE)
