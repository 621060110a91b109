"""Clicks through a real, trained SAM 2: the port is all that the simulation needs."""

from __future__ import annotations

import evalnb as ev
from evalnb.core import masks
from evalnb.demo.scenes import scene
from evalnb.models import _sam2


def test_sam2_answers_the_simulated_person() -> None:
    segmenter = _sam2.open_pico(device="cpu")
    drawn = scene(7, 3)
    large = max(drawn.objects, key=lambda one: int(masks.decode(one.mask).sum()))
    mask = masks.decode(large.mask)
    one = ev.evaluate_clicks([(drawn.pixels, mask)], segmenter, max_clicks=2)
    assert one.ious.shape == (1, 2) and one.segmenter == "pico (demo)"
    assert one.ious.max() > 0.7
