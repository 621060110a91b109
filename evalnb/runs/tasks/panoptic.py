"""Panoptic segmentation: every pixel a class, every thing apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.metrics import panoptic as core
from evalnb.core.records import Floats, Ints
from evalnb.errors import NotFound
from evalnb.runs.tasks import show
from evalnb.runs.tasks.interval import Interval, checked, over_images
from evalnb.runs.tasks.maps import Name, chosen
from evalnb.runs.tasks.panoptic_files import panoptic_file
from evalnb.runs.tasks.streaming import streamed

if TYPE_CHECKING:
    import pandas as pd

Json = str | Path | Mapping[str, Any]
Maps = str | Path | Mapping[Name, object]
GROUPS = ("", "_things", "_stuff")


@dataclass(frozen=True, eq=False)
class Panoptic:
    """Matched segments of many images, counted by image and class, and every number that follows."""

    counts: core.Counts
    class_names: tuple[str, ...]
    things: NDArray[np.bool_]
    """(k,) whether the class is one of things; the others are stuff."""
    image_names: tuple[Name, ...]
    images: Ints
    """Places of the images that count."""

    def __len__(self) -> int:
        return len(self.images)

    def where(self, *, images: object) -> Panoptic:
        """Some of the images: their ids, or a mask over those that count now. Nothing is matched again."""
        at = chosen(images, [self.image_names[one] for one in self.images.tolist()])
        return replace(self, images=self.images[at])

    def summary(self) -> dict[str, float]:
        """PQ, SQ and RQ of all classes, then of things, then of stuff: means over the classes that occur or are
        predicted. NaN where there are none."""
        one = core.Quality.of(self._total)
        return {
            f"{name}{group}": float(one.mean(name, self._group(group))) for group in GROUPS for name in core.NUMBERS
        }

    def per_class(self) -> pd.DataFrame:
        """One row for each class: thing, PQ, SQ, RQ, TP, FP, FN; NaN for one that neither occurs nor is predicted."""
        import pandas as pd

        one = core.Quality.of(self._total)
        return pd.DataFrame(
            {
                "class": list(self.class_names),
                "thing": self.things,
                "PQ": one.pq,
                "SQ": one.sq,
                "RQ": one.rq,
                **_counted(self._total),
            }
        )

    def per_image(self) -> pd.DataFrame:
        """One row for each image, the lowest PQ first: image, PQ (over the classes in it), TP, FP, FN."""
        import pandas as pd

        each = self.counts.by_image(self.images)
        frame = pd.DataFrame(
            {
                "image": [self.image_names[one] for one in self.images.tolist()],
                "PQ": core.Quality.of(each).mean("PQ", self._group("")),
                **_counted(each.sum(axis=1)),
            }
        )
        return frame.sort_values("PQ", kind="stable").reset_index(drop=True)

    def interval(self, name: str, *, replicates: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
        """The bootstrap interval of a number of the summary, images drawn with replacement."""
        numbers = self.summary()
        checked(name, list(numbers), replicates, level)
        quality, _, group = name.partition("_")
        classes = self._group(f"_{group}" if group else "")
        each = self.counts.by_image(self.images)[:, classes]
        flat, of = each.reshape(len(each), -1), np.ones(each.shape[1], bool)

        def number(weights: Floats) -> Floats:
            sums = (weights @ flat).reshape(len(weights), -1, 4)
            return core.Quality.of(sums).mean(quality, of)

        return over_images(
            name,
            numbers[name],
            number,
            images=len(self),
            replicates=replicates,
            level=level,
            seed=seed,
            bytes_per_row=16 * 8 * max(1, each.shape[1]),
        )

    def __repr__(self) -> str:
        return show.listing("Panoptic segmentation", self._words(), self.summary())

    def _repr_html_(self) -> str:
        return show.card("Panoptic segmentation", self._words(), self.summary(), lead="PQ", table=self.per_class())

    def _words(self) -> list[str]:
        things = int(self.things.sum())
        return [
            show.count(len(self), "image", "images"),
            show.count(things, "class of things", "classes of things"),
            f"{len(self.things) - things} of stuff",
        ]

    def _group(self, group: str) -> NDArray[np.bool_]:
        return {"": np.ones(len(self.things), bool), "_things": self.things, "_stuff": ~self.things}[group]

    @cached_property
    def _total(self) -> Floats:
        return self.counts.total(self.images)


def evaluate_panoptic(
    truth: Json, predicted: Json, *, truth_images: Maps | None = None, predicted_images: Maps | None = None
) -> Panoptic:
    """Panoptic quality by panopticapi's rules.

    ``truth`` and ``predicted`` are COCO panoptic JSON, as paths or parsed. ``truth_images`` and ``predicted_images``
    are the folders of their PNG (default: the path without ``.json``), or maps by image id: (h, w) arrays of segment
    ids, (h, w, 3) of their colours, paths, or bytes. Images are read one after another; predictions for other images
    are left alone.

    NotFound for a truth without a prediction; Invalid, naming file, image and field, for segments that do not fit
    their map or have no known category.
    """
    left = panoptic_file(truth, truth_images, "truth")
    right = panoptic_file(predicted, predicted_images, "predicted")
    categories = left.categories()
    places = {one.id: at for at, one in enumerate(categories)}

    def counted(image: Name) -> core.Tallies:
        return core.tallies(
            left.pixels(image),
            right.pixels(image),
            left.segments(image, places),
            right.segments(image, places),
            len(categories),
            f"image {image!r}",
        )

    for image in left.annotations:
        if image not in right.annotations:
            raise NotFound(
                f"{right.name} has nothing for image {image!r}", remedy="write one prediction for each image"
            )
    return Panoptic(
        counts=core.Counts.of(list(streamed(counted, left.annotations)), len(categories)),
        class_names=tuple(one.name for one in categories),
        things=np.array([one.thing for one in categories], dtype=bool),
        image_names=tuple(left.annotations),
        images=np.arange(len(left.annotations)),
    )


def _counted(counts: Floats) -> dict[str, Ints]:
    return {name: counts[..., at].astype(np.int64) for at, name in enumerate(("TP", "FP", "FN"))}
