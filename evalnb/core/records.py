"""The records that every room shares: truths, detections, and one annotated shape.

Coordinates are pixels with the origin at the top left corner of the top left pixel. Boxes are ``x, y, w, h``: the
file formats' own form, kept because ``x + w - x`` is not ``w`` in floating point and COCO's numbers depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from evalnb.core.masks import Rle

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
GeometryKind: TypeAlias = Literal["box", "rotated", "polygon", "polyline", "points", "ellipse", "mask", "keypoints"]


@dataclass(frozen=True, slots=True)
class Turned:
    """A rectangle turned about its centre: a rotated box, or the one that an ellipse fills."""

    center: tuple[float, float]
    """x, y in pixels."""
    size: tuple[float, float]
    """Width and height in pixels before turning; an ellipse's whole axes."""
    angle: float
    """Radians, clockwise as an image is seen."""


@dataclass(frozen=True, slots=True)
class Track:
    """A shape's place in a track: one object over the frames of a sequence."""

    id: UUID | None = None
    """The track, or None: the shape stands alone."""
    keyframe: bool = True
    """Drawn by a person or a model; False: computed between the keyframes around it."""
    outside: bool = False
    """The object is not in sight from this frame on, up to the next keyframe."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """One shape's outline. ``box`` is always there; the rest depends on ``kind``."""

    kind: GeometryKind
    box: tuple[float, float, float, float]
    """x, y, w, h in pixels, as the source gave it."""
    parts: tuple[tuple[float, ...], ...] = ()
    """Polygon parts, a polyline's lines, or points as one run; each is flat: x0, y0, x1, y1, …"""
    holes: tuple[tuple[float, ...], ...] = ()
    """What is cut out of a polygon's parts, each a flat run."""
    mask: Rle | None = None
    points: tuple[tuple[float, float, int], ...] = ()
    """Keypoints: x, y, visibility (0 unlabelled, 1 hidden, 2 visible)."""
    turned: Turned | None = None
    """The rectangle of a rotated box or an ellipse."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One ground-truth shape as it stands now."""

    id: UUID
    image_id: int
    class_id: int
    geometry: Geometry
    area: float | None = None
    """The area the source stated, in px²; None where it stated none (then it is computed)."""
    crowd: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    z: int = 0
    """The higher lies on top; of equals, the one drawn last."""
    track: Track = Track()
    revision: int = 1
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Truths:
    """Ground truth of many images, as columns of one length n, in the order of the source."""

    id: Ints
    """(n,) the source's annotation id; 0 is legal (and never matches, as in COCO)."""
    image: Ints
    """(n,) image ids."""
    class_id: Ints
    """(n,)"""
    box: Floats
    """(n, 4) x, y, w, h."""
    area: Floats
    """(n,) px²."""
    crowd: NDArray[np.bool_]
    """(n,)"""
    ignore: NDArray[np.bool_] | None = None
    """(n,) COCO's own ``ignore`` flag where a source has one."""
    masks: Sequence[Rle] | None = None
    """n run-length masks, for segm."""
    keypoints: Floats | None = None
    """(n, k, 3) x, y, v, for keypoints."""
    corners: Floats | None = None
    """(n, 4, 2) the corners of rotated boxes as ``rotated.convex`` orders them, for obb."""

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True)
class Detections:
    """Predictions of many images, as columns of one length n, in the order of the source (ties keep it)."""

    image: Ints
    class_id: Ints
    box: Floats
    """(n, 4) x, y, w, h."""
    score: Floats
    masks: Sequence[Rle] | None = None
    keypoints: Floats | None = None
    corners: Floats | None = None

    def __len__(self) -> int:
        return len(self.score)
