"""The numbers that torchmetrics has too. It calculates some of them in single precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional import classification as theirs

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
