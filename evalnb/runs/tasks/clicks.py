"""Interactive segmentation: how many clicks a segmenter needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalnb import imagery
from evalnb.core import masks
from evalnb.core.metrics import clicks as core
from evalnb.core.ports import Pixels, Segmenter
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid
from evalnb.runs.tasks import show
from evalnb.runs.tasks.interval import Interval, checked, over_images, picked
from evalnb.runs.tasks.maps import read

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = (0.85, 0.90)
MOST_CLICKS = 20


@dataclass(frozen=True, eq=False)
class Clicks:
    """The IoU of each object's mask after each simulated click, and every number that follows.

    ``ious`` (n, m) repeats the last value once an object is done; ``used`` (n,) is how many clicks were made.
    """

    ious: Floats
    used: Ints
    thresholds: tuple[float, ...]
    segmenter: str

    def __len__(self) -> int:
        return len(self.ious)

    def where(self, *, samples: object) -> Clicks:
        """Some of the objects: a mask (n,) or their numbers from 0."""
        at = picked(samples, len(self), "samples")
        return replace(self, ious=self.ious[at], used=self.used[at])

    def summary(self) -> dict[str, float]:
        """For each threshold ``NoC@85``, the mean number of clicks to an IoU of 0.85 (the most allowed where it is
        never reached), and ``NoF@85``, how many objects never reach it; then ``mIoU@1`` and the like, the mean IoU
        after so many clicks. NaN without objects."""
        return {
            name: float(values.sum() if name.startswith("NoF") else _mean(values)) for name, values in self._each()
        }

    def curve(self) -> pd.DataFrame:
        """The mean IoU after each click: columns clicks and mIoU.

        An object that was done keeps its IoU: with ``target_iou=1`` none is done before it is perfect.
        """
        import pandas as pd

        after = [_mean(self.ious[:, at]) for at in range(self.ious.shape[1])]
        return pd.DataFrame({"clicks": np.arange(1, self.ious.shape[1] + 1), "mIoU": after})

    def per_sample(self) -> pd.DataFrame:
        """One row for each object, those that need most first: sample, NoC at each threshold, IoU after the first and
        the last click, and clicks made."""
        import pandas as pd

        columns: dict[str, NDArray[np.generic]] = {"sample": np.arange(len(self))}
        for threshold in self.thresholds:
            columns[f"NoC@{_hundredths(threshold)}"] = core.clicks_needed(self.ious, threshold)[0]
        columns |= {"first_IoU": self.ious[:, 0], "last_IoU": self.ious[:, -1], "clicks": self.used}
        frame = pd.DataFrame(columns)
        order = [f"NoC@{_hundredths(max(self.thresholds))}", "last_IoU"]
        return frame.sort_values(order, ascending=[False, True], kind="stable").reset_index(drop=True)

    def interval(self, name: str, *, replicates: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
        """The bootstrap interval of a mean of the summary, objects drawn with replacement."""
        values = dict(self._each())
        known = [one for one in values if not one.startswith("NoF")]
        checked(name, known, replicates, level)
        return over_images(
            name,
            self.summary()[name],
            lambda weights: weights @ values[name] / len(self),
            images=len(self),
            replicates=replicates,
            level=level,
            seed=seed,
            bytes_per_row=8 * max(1, len(self)),
        )

    def __repr__(self) -> str:
        return show.listing("Interactive segmentation", self._words(), self.summary())

    def _repr_html_(self) -> str:
        curve = self.curve()
        share = (curve["clicks"] / len(curve)).tolist()
        return show.card(
            "Interactive segmentation",
            self._words(),
            self.summary(),
            lead=f"NoC@{_hundredths(self.thresholds[0])}",
            plot=show.plot(share, curve["mIoU"].tolist(), over=f"clicks, 1 to {len(curve)}", shown="mIoU"),
            table=self.per_sample(),
            fold="per object",
        )

    def _words(self) -> list[str]:
        return [
            self.segmenter,
            show.count(len(self), "object", "objects"),
            f"at most {show.count(self.ious.shape[1], 'click', 'clicks')}",
        ]

    def _each(self) -> Iterator[tuple[str, Floats]]:
        """Every number of the summary, object by object."""
        for threshold in self.thresholds:
            needed, reached = core.clicks_needed(self.ious, threshold)
            yield f"NoC@{_hundredths(threshold)}", needed.astype(np.float64)
            yield f"NoF@{_hundredths(threshold)}", (~reached).astype(np.float64)
        for at in dict.fromkeys((1, 3, 5, self.ious.shape[1])):
            if at <= self.ious.shape[1]:
                yield f"mIoU@{at}", self.ious[:, at - 1]


def evaluate_clicks(
    samples: Iterable[tuple[object, object]],
    segmenter: Segmenter,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    max_clicks: int = MOST_CLICKS,
    target_iou: float | None = None,
    ignore: int | None = None,
) -> Clicks:
    """NoC: how many simulated clicks a segmenter needs to come to an IoU, object by object.

    ``samples`` gives pairs of an image ((h, w, 3) uint8 RGB, a path, or bytes) and one object's mask ((h, w) bool or
    numbers, not 0 where the object is; an ``Rle``; a path or bytes of PNG). ``ignore`` is the number of pixels that
    do not count. An image that several objects share is encoded once if they follow one another. An object is done
    at ``target_iou`` (default: the highest threshold), when nothing is wrong any more, or after ``max_clicks``.
    Clicks point at the middle of a pixel.

    Invalid, naming the sample, for masks that do not fit, are empty, or that the segmenter returns in another size.
    """
    limits = tuple(float(one) for one in thresholds)
    for one in [*limits, *([] if target_iou is None else [target_iou])]:
        if not 0 < one <= 1:
            raise Invalid(f"an IoU of {one} is no threshold", remedy="use a part of one, for instance 0.85")
    if not limits or len(set(limits)) < len(limits):
        raise Invalid(f"thresholds are {list(limits)}", remedy="give one or more, each once")
    if max_clicks < 1:
        raise Invalid(f"max_clicks is {max_clicks}", remedy="allow 1 or more; 20 is usual")
    target = max(limits) if target_iou is None else target_iou
    ious, used = [], []
    for at, (image, mask) in enumerate(samples):
        pixels, (truth, counts) = _pixels(image, at), _mask(mask, ignore, at)
        if truth.shape != pixels.shape[:2]:
            raise Invalid(
                f"sample {at}: the image is {pixels.shape[:2]} and its mask {truth.shape}",
                remedy="give both in one size",
            )
        found = _clicked(segmenter, pixels, truth, counts, max_clicks, target, at)
        used.append(len(found))
        ious.append(found + [found[-1]] * (max_clicks - len(found)))
    return Clicks(
        ious=np.array(ious, dtype=np.float64).reshape(-1, max_clicks),
        used=np.array(used, dtype=np.int64),
        thresholds=limits,
        segmenter=segmenter.name,
    )


def _clicked(
    segmenter: Segmenter,
    pixels: Pixels,
    truth: NDArray[np.bool_],
    counts: NDArray[np.bool_],
    most: int,
    target: float,
    at: int,
) -> list[float]:
    """The IoU after each click."""
    key = hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
    if not segmenter.encoded(key):
        segmenter.encode(key, pixels)
    predicted, clicked = np.zeros_like(truth), np.zeros_like(truth)
    points: list[tuple[float, float]] = []
    inside: list[int] = []
    ious: list[float] = []
    while len(ious) < most and (not ious or ious[-1] < target):
        click = core.next_click(truth, predicted, counts, clicked)
        if click is None:
            break
        clicked[click.y, click.x] = True
        points.append((click.x + 0.5, click.y + 0.5))
        inside.append(int(click.inside))
        answer, _ = segmenter.segment(key, points=np.array(points), labels=np.array(inside, dtype=np.int64))
        predicted = np.asarray(answer, dtype=bool)
        if predicted.shape != truth.shape:
            raise Invalid(
                f"sample {at}: {segmenter.name} returns a mask of shape {predicted.shape} for {truth.shape}",
                remedy="a segmenter answers in the image's own size",
            )
        ious.append(core.iou(truth, predicted, counts))
    return ious


def _pixels(image: object, at: int) -> Pixels:
    if isinstance(image, (str, Path)):
        # Reads the header first: a path that is none, or no image, is refused before its bytes are in memory.
        imagery.probe(Path(image))
        return imagery.decode(Path(image).read_bytes(), name=str(image))
    if isinstance(image, bytes):
        return imagery.decode(image, name=f"sample {at}'s image")
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise Invalid(
            f"sample {at}: the image is {pixels.dtype} of shape {pixels.shape}", remedy="give (h, w, 3) uint8 RGB"
        )
    return pixels


def _mask(mask: object, ignore: int | None, at: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the object is, and which pixels count."""
    pixels = masks.decode(mask) if isinstance(mask, masks.Rle) else read(mask, f"sample {at}'s mask")
    if pixels.ndim != 2 or pixels.dtype.kind not in "biu":
        raise Invalid(f"sample {at}: the mask is {pixels.dtype} of shape {pixels.shape}", remedy="give a (h, w) mask")
    counts = np.ones(pixels.shape, bool) if ignore is None else pixels != ignore
    truth = (pixels != 0) & counts
    if not truth.any():
        raise Invalid(f"sample {at}: the mask is empty", remedy="leave the sample out: there is nothing to click at")
    return truth, counts


def _hundredths(threshold: float) -> str:
    return f"{100 * threshold:.4g}"


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
