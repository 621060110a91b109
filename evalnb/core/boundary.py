"""Boundary IoU: how well outlines agree, whatever the size of what they enclose.

Source: Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
Evaluation" (CVPR 2021). A mask's boundary is what an erosion takes away: the pixels of the mask within ``RATIO`` of
the image's diagonal (at least 1 px) of a pixel that is not, those outside of the image included. As in the authors'
own evaluation the overlap is the lesser of the masks' IoU and the boundaries', and the masks' alone for a crowd.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.packed import PackedMasks, pair_mask_iou
from evalnb.core.records import Floats

RATIO = 0.02
"""Of the diagonal: the paper's choice for COCO's and LVIS's images."""


def reach_px(size: NDArray[np.integer[Any]], ratio: float = RATIO) -> NDArray[np.int32]:
    """(n,) how many pixels wide the boundary is in images of (n, 2) height, width."""
    diagonal = np.sqrt(size.astype(np.float64)[:, 0] ** 2 + size.astype(np.float64)[:, 1] ** 2)
    # A half goes to the even side, as Python's own round does it.
    return np.maximum(np.rint(ratio * diagonal), 1).astype(np.int32)


def boundaries(masks: PackedMasks, *, ratio: float = RATIO) -> PackedMasks:
    """The boundary of each mask. Only a mask's own box is ever laid out in pixels, one mask at a time."""
    reach = reach_px(masks.size, ratio)
    trace, where = native.library().evalnb_boundaries, (native.address(masks.struct), native.address(reach))
    expected = 2 * (masks.stop - masks.start)
    return PackedMasks.made(lambda *asked: trace(*where, *asked), masks.size, expected, least=20_000)


def pair_boundary_iou(
    detection: PackedMasks,
    truth: PackedMasks,
    at_detection: NDArray[np.integer[Any]],
    at_truth: NDArray[np.integer[Any]],
    crowd: NDArray[np.bool_],
    *,
    ratio: float = RATIO,
    at_least: float = 0.0,
) -> Floats:
    """(p,) the lesser of mask IoU and boundary IoU of mask pairs; of a ``crowd`` (t,) the mask IoU.

    What is surely below ``at_least`` may come back as 0; boundaries are traced only where the masks reach it.
    """
    out = pair_mask_iou(detection, truth, at_detection, at_truth, crowd, at_least=at_least)
    near = np.flatnonzero((out >= at_least) & (out > 0) & ~crowd[at_truth])
    left, at_left = np.unique(at_detection[near], return_inverse=True)
    right, at_right = np.unique(at_truth[near], return_inverse=True)
    lines = pair_mask_iou(
        boundaries(detection.take(left), ratio=ratio),
        boundaries(truth.take(right), ratio=ratio),
        at_left,
        at_right,
        np.zeros(len(right), bool),
        at_least=at_least,
    )
    out[near] = np.minimum(out[near], lines)
    return out
