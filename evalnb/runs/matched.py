"""What was matched, narrowed to any part, and COCO's numbers of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import metrics
from evalnb.core.matching import THRESHOLDS, Matches
from evalnb.core.near import Near
from evalnb.core.overlaps import Overlaps, nearby
from evalnb.core.records import Detections, Truths
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.runs.columns import Images, Problem

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.charts import Chart
    from evalnb.runs.source import Source

Records: TypeAlias = Callable[[], tuple[Truths, Detections]]


@dataclass(frozen=True, eq=False)
class Matched:
    """Detections matched to truths, and the numbers that count them."""

    matches: Matches
    class_names: Mapping[int, str]
    images: Images
    records: Records
    """The truths and detections that were matched, read when they are needed (confusion, overlays)."""
    problems: tuple[Problem, ...] = ()
    """Rows that could not be used, each with its file, place and field."""
    part: Slice = field(default_factory=Slice)
    confidence: float = 0.0
    """Only detections at or above this count."""
    id: int | None = None
    """The store's number for it, where it is stored."""
    run_id: int | None = None
    dataset_id: int | None = None
    source: Source | None = None
    """Where its images are, and its truth as it stands now."""

    # ------------------------------------------------------------------------------------------------ narrowing
    def where(
        self,
        *,
        tag: str | Iterable[str] | None = None,
        classes: Iterable[str] | None = None,
        area: str | Iterable[str] | None = None,
        images: Iterable[int] | None = None,
        text: str | None = None,
        confidence: float | None = None,
    ) -> Self:
        """A part of this evaluation; conditions are joined by *and* with those it has.

        tag: images that bear all of these tags. classes: only these classes. area: the range (``small``, ``medium``
        or ``large``) that the numbers are taken over. images: only these ids. text: images whose file name contains
        it. confidence: only detections at or above it.
        """
        part = self.part.where(tag=tag, classes=classes, area=area, images=images, text=text)
        known = set(self.class_names.values())
        for name in sorted((part.classes or frozenset()) - known):
            raise NotFound(
                f"the evaluation has no class {name!r}", remedy=f"use one of {', '.join(sorted(known)[:8])}"
            )
        one_range(part)
        return replace(
            self,
            part=part,
            confidence=self.confidence if confidence is None else max(self.confidence, float(confidence)),
        )

    @property
    def area(self) -> str:
        """The area range that the numbers are taken over."""
        named = sorted((self.part.areas or frozenset()) - {"all"})
        return named[0] if named else "all"

    @property
    def kind(self) -> str:
        """What was compared: bbox, segm, keypoints, obb or boundary."""
        return self.matches.kind

    @property
    def protocol(self) -> str:
        """Whose rules it was matched by: coco, lvis or open_images."""
        return self.matches.protocol

    def rows(self) -> metrics.Part:
        """The part of the match table that this evaluation stands for."""
        keep: NDArray[np.bool_] | None = None
        if self.part.images is not None:
            keep = np.isin(self.images.id, np.array(sorted(self.part.images), dtype=np.int64))
        if self.part.tags:
            wanted = np.array([self.part.tags <= tags for tags in self.images.tags], dtype=bool)
            keep = wanted if keep is None else keep & wanted
        if self.part.text:
            wanted = np.array([self.part.text in name for name in self.images.name], dtype=bool)
            keep = wanted if keep is None else keep & wanted
        classes = None
        if self.part.classes is not None:
            classes = np.array(
                [i for i, one in enumerate(self.matches.classes.tolist()) if self.named(one) in self.part.classes],
                dtype=np.int64,
            )
        return metrics.Part(
            images=keep, classes=classes, confidence=self.confidence if self.confidence > 0 else -np.inf
        )

    def image_count(self) -> int:
        """How many images it stands for."""
        keep = self.rows().images
        return len(self.images.id) if keep is None else int(keep.sum())

    def named(self, class_id: int) -> str:
        """The class's name."""
        return self.class_names.get(int(class_id), str(class_id))

    @property
    def nearby(self) -> Overlaps:
        """Every pair of a detection and a truth of one image that overlap by a tenth or more; computed when asked."""
        return self.near.pairs

    @property
    def near(self) -> Near:
        """The same, laid out for asking; kept with the match table, which every part of this evaluation shares."""
        known = self.matches.__dict__.get("_near")
        if known is None:
            truths, detections = self.records()
            known = Near.of(self.matches, truths, nearby(self.matches, truths, detections))
            self.matches.__dict__["_near"] = known
        assert isinstance(known, Near)
        return known

    # -------------------------------------------------------------------------------------------------- numbers
    def summary(self) -> dict[str, float]:
        """The protocol's numbers by name (COCO's twelve, ten for keypoints); -1 where there is no truth to find."""
        return metrics.summary(self.matches, self.rows(), area=self.area)

    def accumulated(self) -> metrics.Accumulated:
        """COCO's full precision, recall and score arrays."""
        return metrics.accumulate(self.matches, self.rows())

    def per_class(self) -> pd.DataFrame:
        """One row for each class: AP, AP50, AP75, AR, and how many truths and detections it has."""
        import pandas as pd

        one = metrics.per_class(self.matches, self.rows(), area=self.area)
        return pd.DataFrame(
            {
                "class": [self.named(i) for i in one.class_id],
                "AP": one.ap,
                "AP50": one.ap50,
                "AP75": one.ap75,
                "AR": one.ar,
                "truths": one.truths,
                "detections": one.detections,
            }
        )

    def curve_data(self, *, iou: float = 0.5) -> pd.DataFrame:
        """Precision at 101 recalls for each class that has truths, and for ``all`` (their mean): columns class,
        recall, precision, confidence."""
        import pandas as pd

        t = self.threshold_of(iou)
        full = metrics.accumulate(self.matches, self.rows(), areas=(self.area,), limits=self.matches.limits[-1:])
        precision, score = full.precision[t, :, :, 0, 0], full.scores[t, :, :, 0, 0]
        some = precision[0] > -1
        names = [self.named(i) for i in self.matches.classes[self.rows().places(self.matches)][some]]
        frames = [("all", precision[:, some].mean(axis=1), np.full(len(metrics.RECALLS), np.nan))] if names else []
        frames += list(zip(names, precision[:, some].T, score[:, some].T, strict=True))
        return pd.concat(
            [
                pd.DataFrame({"class": name, "recall": metrics.RECALLS, "precision": p, "confidence": s})
                for name, p, s in frames
            ]
            or [pd.DataFrame({"class": [], "recall": [], "precision": [], "confidence": []})],
            ignore_index=True,
        )

    def confidence_data(self, *, iou: float = 0.5) -> pd.DataFrame:
        """Precision, recall and F1 of the operating points at confidences 0, 0.01 … 1, all classes together.

        Precision is NaN where nothing is detected.
        """
        import pandas as pd

        one = metrics.by_confidence(self.matches, self.rows(), area=self.area, threshold=self.threshold_of(iou))
        return pd.DataFrame(
            {"confidence": one.confidence, "precision": one.precision, "recall": one.recall, "F1": one.f1}
        )

    def curves(self, *, iou: float = 0.5) -> Chart:
        """The precision–recall curve, and precision, recall and F1 over confidence, as one figure."""
        from evalnb.runs.charts import curves

        return curves(self.curve_data(iou=iou), self.confidence_data(iou=iou), iou=iou)

    def confusion(self, *, iou: float = 0.5, confidence: float = 0.25) -> pd.DataFrame:
        """Truths' classes (rows) against detections' (columns), both with ``background`` last.

        Matched regardless of class: see ``evalnb.core.metrics.confusion``.
        """
        import pandas as pd

        one = metrics.confusion(self.near, self.rows(), iou=iou, confidence=confidence)
        names = [*(self.named(i) for i in one.class_id), metrics.BACKGROUND]
        return pd.DataFrame(one.counts, index=pd.Index(names, name="truth"), columns=pd.Index(names, name="detected"))

    def per_image(self, *, confidence: float = 0.25, iou: float = 0.5) -> pd.DataFrame:
        """One row for each image: image, file_name, TP, FP, FN and F1 at a confidence; the worst first."""
        import pandas as pd

        one = metrics.by_image(
            self.matches, self.rows(), confidence=confidence, area=self.area, threshold=self.threshold_of(iou)
        )
        frame = pd.DataFrame(
            {
                "image": one.image,
                "file_name": self.images.name,
                "TP": one.tp,
                "FP": one.fp,
                "FN": one.fn,
                "F1": one.f1,
            }
        )
        keep = self.rows().images
        frame = frame if keep is None else frame[keep]
        wrong = (frame["FP"] + frame["FN"]).rename("wrong")
        order = pd.concat([frame["F1"], -wrong, frame["image"]], axis=1).sort_values(["F1", "wrong", "image"]).index
        return frame.loc[order].reset_index(drop=True)

    def threshold_of(self, iou: float) -> int:
        """The place of an IoU among those that were matched; Invalid for one that was not."""
        at = int(np.argmin(np.abs(THRESHOLDS - iou)))
        if abs(float(THRESHOLDS[at]) - iou) > 1e-9:
            raise Invalid(f"nothing was matched at IoU {iou}", remedy="use 0.5, 0.55, … 0.95")
        return at


def one_range(part: Slice) -> None:
    """Invalid unless the slice names one area range at the most: the table was matched for each of them apart."""
    if part.areas is not None and len(part.areas - {"all"}) != 1 and part.areas != {"all"}:
        raise Invalid(
            f"numbers are taken over one area range, not over {sorted(part.areas)}", remedy="ask for one at a time"
        )
