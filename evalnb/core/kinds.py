"""What each kind of evaluation compares: how much a detection and a truth overlap, and how large a detection is."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from evalnb.core import boxes
from evalnb.core.boundary import pair_boundary_iou
from evalnb.core.packed import PackedMasks, pair_mask_iou
from evalnb.core.records import Detections, Floats, Truths
from evalnb.core.rotated import area_px, pair_rotated_iou
from evalnb.errors import Invalid

Kind: TypeAlias = Literal["bbox", "segm", "keypoints", "obb", "boundary"]
Rows: TypeAlias = NDArray[np.integer[Any]]

MAX_DETECTIONS = {
    "bbox": (1, 10, 100),
    "segm": (1, 10, 100),
    "keypoints": (20,),
    "obb": (1, 10, 100),
    "boundary": (1, 10, 100),
}
"""How many detections of one image and class count, at most; the last is how many are matched at all."""

_T = TypeVar("_T")


def overlaps(
    truths: Truths,
    detections: Detections,
    at_detection: Rows,
    at_truth: Rows,
    *,
    kind: Kind,
    sigmas: Floats | None = None,
    at_least: float = 0.0,
) -> Floats:
    """(p,) IoU or keypoint similarity of the pairs; what is surely below ``at_least`` may come back as 0."""
    if kind in ("segm", "boundary"):
        left = PackedMasks.of(needed(detections.masks, "detections", kind))
        right = PackedMasks.of(needed(truths.masks, "truths", kind))
        if kind == "boundary":
            return pair_boundary_iou(left, right, at_detection, at_truth, truths.crowd, at_least=at_least)
        return pair_mask_iou(left, right, at_detection, at_truth, truths.crowd, at_least=at_least)
    if kind == "obb":
        left_corners, right_corners = (
            needed(detections.corners, "detections", kind),
            needed(truths.corners, "truths", kind),
        )
        return pair_rotated_iou(left_corners, right_corners, at_detection, at_truth, truths.crowd)
    if kind == "keypoints":
        points, found = (
            needed(truths.keypoints, "truths", kind),
            needed(detections.keypoints, "detections", kind),
        )
        count = points.shape[1]
        if len(at_truth) and found.shape[1] != count:
            raise Invalid(
                f"the truths have {count} keypoints and the detections {found.shape[1]}",
                remedy="evaluate detections of the same skeleton",
            )
        sigmas = sigmas_of(count, sigmas if len(at_truth) else None)
        return boxes.pair_oks(
            found,
            points,
            at_detection,
            at_truth,
            area=truths.area,
            box=truths.box,
            sigmas=sigmas,
        )
    out = np.empty(len(at_detection))
    for begin in range(0, len(out), boxes.PAIRS_AT_ONCE):
        some = slice(begin, begin + boxes.PAIRS_AT_ONCE)
        out[some] = boxes.pair_iou(detections.box, truths.box, at_detection[some], at_truth[some], truths.crowd)
    return out


def sigmas_of(count: int, sigmas: Floats | None) -> Floats:
    """(k,) the deviations of ``count`` keypoints: those given, else COCO's for 17 and 1/k otherwise."""
    if sigmas is None:
        coco = count == len(boxes.KEYPOINT_SIGMAS)
        return boxes.KEYPOINT_SIGMAS if coco else np.full(count, 1 / max(count, 1))
    sigmas = np.asarray(sigmas, dtype=np.float64)
    if sigmas.shape != (count,) or not (sigmas > 0).all() or not np.isfinite(sigmas).all():
        raise Invalid(
            f"the deviations {sigmas.tolist()!s:.80} do not fit {count} keypoints",
            remedy="pass one number above 0 for each keypoint, in the skeleton's order",
        )
    return sigmas


def areas_px(detections: Detections, kind: Kind) -> Floats:
    """(d,) the area that decides whether an unmatched detection is in an area range."""
    if kind in ("segm", "boundary"):
        masks = needed(detections.masks, "detections", kind)
        return PackedMasks.of(masks).area.astype(np.float64)
    if kind == "obb":
        return area_px(needed(detections.corners, "detections", kind))
    if kind == "keypoints":
        points = needed(detections.keypoints, "detections", kind)
        if not len(points):
            return np.empty(0)
        side: Floats = points[:, :, :2].max(axis=1) - points[:, :, :2].min(axis=1)
        return np.multiply(side[:, 0], side[:, 1])
    return np.multiply(detections.box[:, 2], detections.box[:, 3])


def needed(value: _T | None, whose: str, kind: Kind) -> _T:
    """The records' masks, keypoints or corners; Invalid where they have none."""
    if value is None:
        what = {"keypoints": "keypoints", "obb": "corners"}.get(kind, "masks")
        raise Invalid(f"the {whose} have no {what}, which kind={kind!r} compares", remedy="use kind='bbox'")
    return value
