"""Clicks through the real SAM 2 classes (random weights): the port is all that the simulation needs."""

from __future__ import annotations

import numpy as np

import evalnb as ev
from evalnb.models import _sam2


def test_sam2_answers_the_simulated_person() -> None:
    segmenter = _sam2.open_random(device="cpu")
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[30:70, 40:90] = True
    one = ev.evaluate_clicks([(image, mask)], segmenter, max_clicks=2)
    assert one.ious.shape == (1, 2)
    # What it answers is what the segmenter says of the object's middle.
    y, x = np.nonzero(mask)
    first = np.array([[x.min() + 19.5, y.min() + 19.5]])
    key = next(iter(segmenter._kept))
    answer, _ = segmenter.segment(key, points=first, labels=np.array([1]))
    assert one.ious[0, 0] == (answer & mask).sum() / (answer | mask).sum()
