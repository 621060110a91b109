"""Semantic segmentation: a class for every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core.metrics import semantic as core
from evalnb.core.metrics.classification import ratio
from evalnb.core.records import Ints
from evalnb.errors import Invalid
from evalnb.runs.tasks import show
from evalnb.runs.tasks.interval import Interval, checked, over_images
from evalnb.runs.tasks.maps import Name, Pair, chosen, pairs, read
from evalnb.runs.tasks.streaming import streamed

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "nothing"
"""The column of pixels that were given no class."""


@dataclass(frozen=True, eq=False)
class Semantic:
    """The pixels of many images by true and predicted class, image by image, and every number that follows."""

    counts: core.PixelCounts
    class_names: tuple[str, ...]
    image_names: tuple[Name, ...]
    images: Ints
    """Places of the images that count."""

    def __len__(self) -> int:
        return len(self.images)

    def where(self, *, images: object) -> Semantic:
        """Some of the images: their names, or a mask over those that count now. No pixel is read again."""
        at = chosen(images, [self.image_names[one] for one in self.images.tolist()])
        return replace(self, images=self.images[at])

    def summary(self) -> dict[str, float]:
        """mIoU, fwIoU (weighted by how often a class occurs), pixel_accuracy, mean_accuracy, Dice. Means are over the
        classes that occur or are predicted (mean_accuracy: that occur); NaN without pixels."""
        return {name: float(self._areas.number(name)) for name in core.NUMBERS}

    def per_class(self) -> pd.DataFrame:
        """One row for each class: IoU, Dice, accuracy (recall), precision, and pixels by truth and by prediction."""
        import pandas as pd

        one = self._areas
        return pd.DataFrame(
            {
                "class": list(self.class_names),
                "IoU": one.iou,
                "Dice": one.dice,
                "accuracy": one.accuracy,
                "precision": one.precision,
                "truth_px": one.truth.astype(np.int64),
                "predicted_px": one.predicted.astype(np.int64),
            }
        )

    def per_image(self) -> pd.DataFrame:
        """One row for each image, the lowest mIoU first: image, mIoU (over the classes in it), pixel_accuracy."""
        import pandas as pd

        each = self._by_image
        frame = pd.DataFrame(
            {
                "image": [self.image_names[one] for one in self.images.tolist()],
                "mIoU": each.number("mIoU"),
                "pixel_accuracy": each.number("pixel_accuracy"),
            }
        )
        return frame.sort_values("mIoU", kind="stable").reset_index(drop=True)

    def confusion(self, *, normalize: bool = False) -> pd.DataFrame:
        """Pixels of each class (rows) by what they were called (columns; ``nothing`` last); ``normalize`` makes each
        row sum to 1."""
        import pandas as pd

        counts = self._confusion
        whole = np.broadcast_to(counts.sum(axis=1, keepdims=True), counts.shape)
        names = list(self.class_names)
        return pd.DataFrame(
            ratio(counts, whole) if normalize else counts,
            index=pd.Index(names, name="truth"),
            columns=pd.Index([*names, NOTHING], name="predicted"),
        )

    def interval(self, name: str, *, replicates: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
        """The bootstrap interval of a number of the summary, images drawn with replacement."""
        checked(name, list(core.NUMBERS), replicates, level)
        each = self._by_image
        return over_images(
            name,
            self.summary()[name],
            lambda weights: each.weighted(weights).number(name),
            images=len(self),
            replicates=replicates,
            level=level,
            seed=seed,
            bytes_per_row=8 * 8 * len(self.class_names),
        )

    def __repr__(self) -> str:
        return show.listing("Semantic segmentation", self._words(), self.summary())

    def _repr_html_(self) -> str:
        return show.card("Semantic segmentation", self._words(), self.summary(), lead="mIoU", table=self.per_class())

    def _words(self) -> list[str]:
        return [
            show.count(len(self), "image", "images"),
            show.count(len(self.class_names), "class", "classes"),
            show.count(int(self._areas.truth.sum()), "pixel", "pixels"),
        ]

    @cached_property
    def _confusion(self) -> Ints:
        return self.counts.confusion(self.images)

    @cached_property
    def _areas(self) -> core.Areas:
        return core.Areas.of(self._confusion)

    @cached_property
    def _by_image(self) -> core.Areas:
        every = self.counts.by_image()
        return core.Areas(every.both[self.images], every.truth[self.images], every.predicted[self.images])


def evaluate_semantic(
    truth: object,
    predicted: object,
    class_names: Sequence[str] | Mapping[int, str],
    *,
    ignore: int | Iterable[int] | None = 255,
    images: Sequence[Name] | None = None,
) -> Semantic:
    """Semantic segmentation's numbers of label maps, read one after another.

    ``truth`` and ``predicted`` are two folders whose files have the same stems, or two iterables of (h, w) integer
    arrays, paths or bytes of PNG (palette or grey; the stored numbers count). ``class_names`` names the numbers from
    0, or by number. Pixels whose truth is ``ignore`` are left out; a prediction of ``ignore`` is a miss. ``images``
    calls the images by name (default: their stems, or 0, 1 …).

    Invalid, naming the image, for sizes that differ and numbers that are no class.
    """
    names = dict(class_names) if isinstance(class_names, Mapping) else dict(enumerate(class_names))
    if not names:
        raise Invalid("class_names is empty", remedy="name the classes by their numbers in the maps")
    without = frozenset([ignore] if isinstance(ignore, int) else ignore or ())
    numbers = sorted(set(names) - without)
    labels = core.Labels(place={number: at for at, number in enumerate(numbers)}, ignored=without)

    def counted(pair: Pair) -> tuple[Name, core.Cells]:
        what = f"image {pair.name!r}"
        maps = read(pair.truth, f"{what}'s truth"), read(pair.predicted, f"{what}'s prediction")
        return pair.name, core.cells(*maps, labels, what)

    found: list[core.Cells] = []
    seen: dict[Name, None] = {}
    for name, one in streamed(counted, pairs(truth, predicted, images)):
        if name in seen:
            raise Invalid(f"two images are called {name!r}", remedy="pass images= with a name for each")
        seen[name] = None
        found.append(one)
    return Semantic(
        counts=core.PixelCounts.of(found, len(numbers)),
        class_names=tuple(str(names[number]) for number in numbers),
        image_names=tuple(seen),
        images=np.arange(len(found)),
    )
