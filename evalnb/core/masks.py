"""Run-length masks, bit for bit as COCO's: column-major runs, the first of zeros.

Source of the format and of the polygon rasteriser's arithmetic: the COCO API's ``maskApi.c`` (cocodataset/cocoapi).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True, eq=False)
class Rle:
    """One binary mask as run lengths.

    ``size`` is (height, width) in pixels; ``counts`` (m,) uint32 alternates runs of 0 and 1 down the columns and
    sums to height · width.
    """

    size: tuple[int, int]
    counts: NDArray[np.uint32]

    @property
    def area_px(self) -> int:
        """How many pixels are set."""
        return int(self.counts[1::2].sum(dtype=np.int64))

    def __eq__(self, other: object) -> bool:
        """Equal as masks of the same size with the same runs."""
        return isinstance(other, Rle) and self.size == other.size and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        """By content, as equality is."""
        return hash((self.size, self.counts.tobytes()))


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> Rle:
    """The runs of a (h, w) mask; anything not zero is set."""
    if mask.ndim != 2:
        raise Invalid(f"a mask has two dimensions, not shape {mask.shape}", remedy="pass one (height, width) array")
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate(([0] if flat.size and flat[0] else [], turns, [flat.size]))
    return Rle((mask.shape[0], mask.shape[1]), np.diff(edges, prepend=0).astype(np.uint32))


def placed(inside: NDArray[np.bool_], window: tuple[int, int, int, int], size: tuple[int, int]) -> Rle:
    """The mask of ``size`` that is ``inside`` (h, w) in the window x, y, w, h and empty elsewhere.

    Only the window is looked at: a small object in a large image costs what the object does.
    """
    x, y, w, h = window
    height, width = size
    if inside.shape != (h, w) or min(x, y) < 0 or x + w > width or y + h > height:
        raise Invalid(
            f"{inside.shape} pixels do not fill the window {window} of an image of {width} × {height}",
            remedy="cut the mask to a window inside the image",
        )
    edged = np.zeros((w, h + 2), dtype=np.int8)
    edged[:, 1:-1] = inside.T
    column, row = np.nonzero(np.diff(edged, axis=1))
    # Starts and ends by turns, column after column.
    turns = (column + x) * height + row + y
    # A run that ends with its column may go on in the next.
    goes_on = np.flatnonzero(turns[1:-1:2] == turns[2::2])
    turns = np.delete(turns, np.concatenate([2 * goes_on + 1, 2 * goes_on + 2]))
    edges = np.concatenate([turns, [height * width]] if not len(turns) or turns[-1] < height * width else [turns])
    return Rle(size, np.diff(edges, prepend=0).astype(np.uint32))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """The (h, w) mask of these runs."""
    values = np.zeros(len(rle.counts), dtype=bool)
    values[1::2] = True
    return np.repeat(values, rle.counts).reshape(rle.size, order="F")


def checked(size: Sequence[int], counts: NDArray[np.uint32]) -> Rle:
    """An Rle whose runs fill its size exactly; Invalid otherwise."""
    height, width = int(size[0]), int(size[1])
    total = int(np.sum(counts, dtype=np.int64))
    if height <= 0 or width <= 0 or total != height * width:
        raise Invalid(
            f"the mask's runs cover {total} pixels and its size is {height} × {width}",
            remedy="write size as [height, width] and runs that sum to their product",
        )
    return Rle((height, width), np.asarray(counts, dtype=np.uint32))


def to_string(rle: Rle) -> str:
    """COCO's compressed form: 5 bits a character, each run from the third on less the one two before it."""
    out = bytearray()
    counts = rle.counts.tolist()
    for place, run in enumerate(counts):
        value = run - counts[place - 2] if place > 2 else run
        more = True
        while more:
            char = value & 0x1F
            value >>= 5
            more = value != -1 if char & 0x10 else value != 0
            out.append((char | 0x20 if more else char) + 48)
    return out.decode("ascii")


def from_string(text: str | bytes, size: Sequence[int]) -> Rle:
    """The mask of COCO's compressed form; Invalid if it does not fill ``size``."""
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else text
    chars = np.frombuffer(raw, dtype=np.uint8).astype(np.int64) - 48
    if chars.size == 0 or chars.min() < 0 or chars.max() > 63 or chars[-1] & 0x20:
        raise Invalid(f"the compressed runs {text[:40]!r} are broken", remedy="write them with COCO's own encoder")
    ends = np.flatnonzero((chars & 0x20) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 13:
        raise Invalid(f"the compressed runs {text[:40]!r} are broken", remedy="write them with COCO's own encoder")
    place = np.arange(chars.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((chars & 0x1F) << (5 * place), starts)
    values -= np.where(chars[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    # Runs 3, 5, 7 … add up from run 1, and 4, 6, 8 … from run 2; run 0 stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise Invalid(f"the compressed runs {text[:40]!r} are broken", remedy="write them with COCO's own encoder")
    return checked(size, values)


def box(rle: Rle) -> tuple[float, float, float, float]:
    """The tight box x, y, w, h of the set pixels; zeros for an empty mask."""
    height = rle.size[0]
    ends = np.cumsum(rle.counts.astype(np.int64))
    first, last = ends[0:-1:2], ends[1::2] - 1
    first = first[: len(last)]
    some = last >= first
    first, last = first[some], last[some]
    if len(first) == 0:
        return (0.0, 0.0, 0.0, 0.0)
    x0, x1 = int(first.min() // height), int(last.max() // height)
    if np.any(first // height != last // height):
        y0, y1 = 0, height - 1
    else:
        y0, y1 = int((first % height).min()), int((last % height).max())
    return (float(x0), float(y0), float(x1 - x0 + 1), float(y1 - y0 + 1))


def from_polygon(flat: Sequence[float], size: tuple[int, int]) -> Rle:
    """Rasterise one polygon part (x0, y0, x1, y1, … in pixels) exactly as COCO does."""
    height, width = size
    corners = (5.0 * np.asarray(flat, dtype=np.float64).reshape(-1, 2) + 0.5).astype(np.int64)
    after = np.roll(corners, -1, axis=0)
    span = np.abs(after - corners)
    wide = span[:, 0] >= span[:, 1]
    flip = np.where(wide, corners[:, 0] > after[:, 0], corners[:, 1] > after[:, 1])
    start = np.where(flip[:, None], after, corners)
    end = np.where(flip[:, None], corners, after)
    long = np.maximum(span[:, 0], span[:, 1])
    rise = np.where(wide, end[:, 1] - start[:, 1], end[:, 0] - start[:, 0])
    slope = rise / np.maximum(long, 1)
    edge = np.repeat(np.arange(len(long)), long + 1)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(long + 1) - (long + 1), long + 1)
    along = np.where(flip[edge], long[edge] - step, step)
    major = along + np.where(wide, start[:, 0], start[:, 1])[edge]
    minor = (np.where(wide, start[:, 1], start[:, 0])[edge] + slope[edge] * along + 0.5).astype(np.int64)
    u = np.where(wide[edge], major, minor)
    v = np.where(wide[edge], minor, major)
    turn = np.flatnonzero(u[1:] != u[:-1]) + 1
    x = (np.minimum(u[turn], u[turn - 1]) + 0.5) / 5.0 - 0.5
    # A step down in x lands on the new column, a step up on the one before it: both are the smaller of the two,
    # since neighbours differ by one.
    keep = (np.floor(x) == x) & (x >= 0) & (x <= width - 1)
    y = (np.minimum(v[turn], v[turn - 1])[keep] + 0.5) / 5.0 - 0.5
    y = np.ceil(np.clip(y, 0, height))
    at = x[keep].astype(np.int64) * height + y.astype(np.int64)
    places, times = np.unique(at, return_counts=True)
    toggles = places[(times % 2 == 1) & (places < height * width)]
    return Rle(size, np.diff(np.append(toggles, height * width), prepend=0).astype(np.uint32))


def from_polygons(parts: Iterable[Sequence[float]], size: tuple[int, int]) -> Rle:
    """The union of polygon parts, as COCO merges them."""
    return union([from_polygon(part, size) for part in parts], size)


def union(rles: Sequence[Rle], size: tuple[int, int]) -> Rle:
    """The pixels set in any of the masks."""
    if len(rles) == 1:
        return rles[0]
    at: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    step: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for rle in rles:
        edges = np.cumsum(rle.counts.astype(np.int64))[:-1]
        at.append(edges)
        step.append(np.where(np.arange(len(edges)) % 2 == 0, 1, -1))
    where, which = np.unique(np.concatenate(at), return_inverse=True)
    change = np.zeros(len(where), np.int64)
    np.add.at(change, which, np.concatenate(step))
    on = np.cumsum(change) > 0
    toggles = where[np.flatnonzero(np.diff(on, prepend=False))]
    total = size[0] * size[1]
    return Rle(size, np.diff(np.append(toggles[toggles < total], total), prepend=0).astype(np.uint32))


def intersection_px(left: Rle, right: Rle) -> int:
    """How many pixels both masks set."""
    a, b = np.cumsum(left.counts.astype(np.int64)), np.cumsum(right.counts.astype(np.int64))
    edges = np.union1d(a, b)
    starts = np.concatenate(([0], edges[:-1]))
    on = (np.searchsorted(a, starts, side="right") % 2 == 1) & (np.searchsorted(b, starts, side="right") % 2 == 1)
    return int((edges - starts)[on].sum())


def iou(detections: Sequence[Rle], truths: Sequence[Rle], crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(d, t) intersection over union; over the detection's own area where the truth is a crowd."""
    out = np.zeros((len(detections), len(truths)))
    boxes_d = np.array([box(one) for one in detections]).reshape(-1, 4)
    boxes_t = np.array([box(one) for one in truths]).reshape(-1, 4)
    for j, truth in enumerate(truths):
        apart = (
            (boxes_d[:, 0] >= boxes_t[j, 0] + boxes_t[j, 2])
            | (boxes_t[j, 0] >= boxes_d[:, 0] + boxes_d[:, 2])
            | (boxes_d[:, 1] >= boxes_t[j, 1] + boxes_t[j, 3])
            | (boxes_t[j, 1] >= boxes_d[:, 1] + boxes_d[:, 3])
        )
        for i in np.flatnonzero(~apart).tolist():
            both = intersection_px(detections[i], truth)
            whole = detections[i].area_px if crowd[j] else detections[i].area_px + truth.area_px - both
            out[i, j] = both / whole if whole else 0.0
    return out
