"""The formats of annotations by name: what the command line and the façades offer, importing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

Task: TypeAlias = Literal["detect", "segment", "pose", "obb"]
"""What the labels of a YOLO data set are: boxes, outlines, keypoints or rotated boxes."""
TASKS: tuple[Task, ...] = get_args(Task)

ShapesMode: TypeAlias = Literal["auto", "boxes", "outlines", "corners", "keypoints"]
YOLO: Mapping[str, ShapesMode] = {
    "yolo": "auto",
    "yolo-detect": "boxes",
    "yolo-segment": "outlines",
    "yolo-pose": "keypoints",
    "yolo-obb": "corners",
}
FORMATS = ("coco", "lvis", *YOLO, "voc", "labelme", "cvat", "cvat-video", "panoptic", "masks", "datumaro")
"""Every format that a dataset can be written in."""
