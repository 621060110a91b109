"""Prompts for a segmenter: points, a box, a rough mask; checked against the image that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.core.records import Floats, Geometry, Ints
from evalnb.core.shapes import mask_of
from evalnb.errors import Invalid

Points: TypeAlias = Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]] | Floats
"""One object's points, or a list of those for several objects. A point is x, y (inside it) or x, y, label."""
Boxes: TypeAlias = Sequence[float] | Sequence[Sequence[float]] | Floats
"""One box x0, y0, x1, y1, or one for each object."""
Mask: TypeAlias = Rle | Geometry | NDArray[np.bool_]
"""A rough mask: run lengths, a shape that encloses pixels, or (h, w) of anything that is not 0 inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What is said of one object."""

    points: Floats
    """(k, 2) x, y in pixels."""
    labels: Ints
    """(k,) 1 in, 0 out."""
    box: Floats | None
    """(4,) x0, y0, x1, y1, inside the image."""
    mask: NDArray[np.bool_] | None = None
    """(h, w)."""


def prompts(
    size: tuple[int, int],
    *,
    points: Points | None = None,
    boxes: Boxes | None = None,
    mask: Mask | Sequence[Mask] | None = None,
) -> list[Prompt]:
    """One for each object of an image of ``size`` (height, width).

    Invalid if there is none, if points, boxes and masks speak of different numbers of objects, or as ``checked``.
    """
    clicks = [] if points is None else _clicks(points)
    corners = [] if boxes is None else _corners(boxes)
    roughs = (
        [] if mask is None else [_rough(one, size) for one in (mask if isinstance(mask, (list, tuple)) else [mask])]
    )
    counts = {
        name: len(found) for name, found in (("points", clicks), ("boxes", corners), ("mask", roughs)) if len(found)
    }
    if not counts:
        raise Invalid("there is no prompt", remedy="give points=, boxes= or mask=")
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} of {count}" for name, count in counts.items())
        raise Invalid(
            f"the prompts speak of different numbers of objects: {said}",
            remedy="give each object an entry in all of them: points=[[(x, y), …], …], boxes=[(x0, y0, x1, y1), …]",
        )
    out = []
    for at in range(max(counts.values())):
        where, labels = clicks[at] if clicks else (np.empty((0, 2)), np.empty(0, np.int64))
        rough = roughs[at] if roughs else None
        box = corners[at] if corners else None
        if rough is not None and box is None and not len(where):
            # A mask alone says where the object is, too.
            box = _around(rough)
        where, labels, box = checked(where, labels, box, size)
        out.append(Prompt(where, labels, box, rough))
    return out


def checked(
    points: Floats, labels: Ints, box: Floats | None, size: tuple[int, int]
) -> tuple[Floats, Ints, Floats | None]:
    """Points, labels and a box as a model may take them: the box has its corners in order and is cut to the image.

    Invalid for prompts that are none, not finite, outside, or a box that holds no pixel.
    """
    height, width = size
    where = np.asarray(points, dtype=np.float64)
    marks = np.asarray(labels, dtype=np.int64)
    if where.size == 0:
        where = where.reshape(0, 2)
    if where.ndim != 2 or where.shape[1] != 2 or marks.shape != (len(where),):
        raise Invalid(
            f"points have shape {where.shape} and labels {marks.shape}", remedy="give (k, 2) x, y and (k,) of 1 and 0"
        )
    if len(where) and not np.isin(marks, (0, 1)).all():
        raise Invalid(f"the labels are {sorted(set(marks.tolist()))}", remedy="use 1 for inside and 0 for outside")
    outside = ~((where >= 0) & (where <= [width, height])).all(axis=1)
    if outside.any():
        x, y = where[outside][0]
        raise Invalid(
            f"the point ({x:g}, {y:g}) is outside the image of {width} × {height} pixels",
            remedy="give x, y in pixels of the image",
        )
    if box is None:
        if not len(where):
            raise Invalid("there is no prompt", remedy="give a point or a box")
        return where, marks, None
    corners = np.asarray(box, dtype=np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise Invalid(f"the box is {corners.tolist()}", remedy="give x0, y0, x1, y1 in pixels")
    x0, x1 = np.clip(np.sort(corners[[0, 2]]), 0, width)
    y0, y1 = np.clip(np.sort(corners[[1, 3]]), 0, height)
    if x1 <= x0 or y1 <= y0:
        raise Invalid(
            f"the box {corners.tolist()} holds no pixel of the image of {width} × {height}",
            remedy="drag a box that has a width and a height inside the image",
        )
    return where, marks, np.array([x0, y0, x1, y1])


def prior_of(mask: NDArray[np.bool_], shape: tuple[int, int], *, certainty: float = 8.0) -> NDArray[np.float32]:
    """The mask as logits (r, c) of a model's low resolution: ``certainty`` where a cell is wholly inside, less where
    it is in part, and the negative outside."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=np.float64)
    total[1:, 1:] = mask.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    y, x = (np.linspace(0, length, count + 1) for length, count in zip(mask.shape, shape, strict=True))
    # The integral image, read between its pixels: cells need not be whole numbers of pixels.
    low_y, low_x = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    high_y, high_x = np.minimum(low_y + 1, mask.shape[0]), np.minimum(low_x + 1, mask.shape[1])
    down, across = (y - low_y)[:, None], x - low_x
    rows = total[low_y] * (1 - down) + total[high_y] * down
    read = rows[:, low_x] * (1 - across) + rows[:, high_x] * across
    inside = np.diff(np.diff(read, axis=0), axis=1) / ((y[1] - y[0]) * (x[1] - x[0]))
    return np.asarray(certainty * (2 * inside - 1), dtype=np.float32)


def _clicks(points: Points) -> list[tuple[Floats, Ints]]:
    given = list(points)
    flat = bool(given) and all(np.ndim(one) == 1 and len(one) > 0 and np.ndim(one[0]) == 0 for one in given)
    return [_marked(one) for one in ([given] if flat else given)]


def _marked(points: Any) -> tuple[Floats, Ints]:
    where, labels = [], []
    for point in points if isinstance(points, (list, tuple, np.ndarray)) else [points]:
        row = np.asarray(point, dtype=np.float64) if np.ndim(point) else np.empty(0)
        if row.shape not in ((2,), (3,)):
            raise Invalid(f"{point!r} is no point", remedy="write (x, y), or (x, y, 0) for one that lies outside")
        where.append(row[:2])
        label = row[2] if len(row) == 3 else 1.0
        if label not in (0.0, 1.0):
            raise Invalid(f"the point {tuple(row.tolist())} has the label {label:g}", remedy="use 1 in and 0 out")
        labels.append(int(label))
    return np.array(where, dtype=np.float64).reshape(-1, 2), np.array(labels, dtype=np.int64)


def _corners(boxes: Boxes) -> list[Floats]:
    try:
        found = np.asarray(boxes, dtype=np.float64)
    except ValueError:
        found = np.empty((0, 0))
    rows = found[None] if found.ndim == 1 else found
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise Invalid(f"the boxes are {boxes!r}"[:200], remedy="give (x0, y0, x1, y1), or one for each object")
    return list(rows)


def _rough(mask: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    if isinstance(mask, Geometry):
        mask = mask_of(mask, size)
    found = masks.decode(mask) if isinstance(mask, Rle) else np.asarray(mask)
    if found.shape != size or found.dtype.kind not in "biu":
        raise Invalid(
            f"the mask is {found.dtype} of shape {found.shape}, and the image has {size[1]} × {size[0]} pixels",
            remedy="give an Rle, a Geometry, or a bool array of the image's own size",
        )
    inside = found != 0
    if not inside.any():
        raise Invalid("the mask is empty", remedy="leave the object out, or prompt with a point or a box")
    return np.asarray(inside, dtype=np.bool_)


def _around(inside: NDArray[np.bool_]) -> Floats:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
