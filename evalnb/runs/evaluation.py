"""An evaluation: matched once, asked as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

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

    from evalnb.runs import explain
    from evalnb.runs.charts import Chart
    from evalnb.runs.comparison import Comparison
    from evalnb.runs.intervals import By, Interval
    from evalnb.runs.source import Source

Records: TypeAlias = Callable[[], tuple[Truths, Detections]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Detections matched to truths by COCO's rules, and every number that follows from it.

    ``where`` narrows it in no time; nothing is ever matched again. In a cell it shows its card.
    """

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
    ) -> Evaluation:
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

        t = self._threshold(iou)
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

        one = metrics.by_confidence(self.matches, self.rows(), area=self.area, threshold=self._threshold(iou))
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
            self.matches, self.rows(), confidence=confidence, area=self.area, threshold=self._threshold(iou)
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

    # ------------------------------------------------------------------------------------------ how sure they are
    def interval(
        self, number: str = "AP", *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None
    ) -> Interval:
        """Where one of the numbers may lie for other datasets of this size: a bias-corrected bootstrap over images.

        ``by`` draws whole groups where images are alike: a tag's beginning (``by="scene"``), a dict of image id →
        group, or each image's group in the order of ``images.id``.
        """
        from evalnb.runs.intervals import interval

        return interval(self, number, replicates=replicates, level=level, seed=seed, by=by)

    def intervals(self, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None) -> pd.DataFrame:
        """``interval`` of all the numbers at once: number, value, low, high, standard_error, bias, warning."""
        from evalnb.runs.intervals import intervals, table

        return table(intervals(self, replicates=replicates, level=level, seed=seed, by=by), "number")

    def class_intervals(
        self, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None
    ) -> pd.DataFrame:
        """``interval`` of the AP of each class: class, value, low, high, standard_error, bias, warning."""
        from evalnb.runs.intervals import class_intervals, table

        return table(class_intervals(self, replicates=replicates, level=level, seed=seed, by=by), "class")

    def compare(
        self, other: Evaluation, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None
    ) -> Comparison:
        """This evaluation less ``other`` on the same images, number by number and class by class (classes by name),
        with intervals and tests by the same resampled images; see ``Comparison``. ``by`` as for ``interval``."""
        from evalnb.runs.comparison import Comparison

        return Comparison(self, other, replicates=replicates, level=level, seed=seed, by=by)

    # --------------------------------------------------------------------------------------- exploring and editing
    def after_edits(self, images: Iterable[int] | None = None) -> Evaluation:
        """This evaluation with the truth as it stands now; only the edited images are matched again.

        images: the ids of those that were edited (milliseconds); by default every image whose truth differs now.
        Where nothing differs it is this evaluation itself. Invalid for an evaluation of files.
        """
        from evalnb.runs.edited import after_edits

        return after_edits(self, images)

    # ---------------------------------------------------------------------------------------------------- crowds
    def mr2(self, *, iou: float = 0.5) -> float:
        """CrowdHuman's log-average miss rate MR⁻² (the less the better), the mean over classes; -1 without truths."""
        return self._in_crowds("miss_rate", iou)

    def jaccard_index(self, *, iou: float = 0.5) -> float:
        """CrowdHuman's Jaccard index JI at its best confidence, the mean over classes; -1 without truths."""
        return self._in_crowds("jaccard", iou)

    def _in_crowds(self, name: str, iou: float) -> float:
        from evalnb.core.crowd import crowd

        found = crowd(self.matches, *self.records(), self.rows(), size=self.images.size, iou=iou)
        some = getattr(found, name)[found.miss_rate > -1]
        return float(some.mean()) if len(some) else -1.0

    # ---------------------------------------------------------------------------------------- under other rules
    def merged(self, groups: Mapping[str, Iterable[str]]) -> Evaluation:
        """This evaluation with classes taken for one: ``merged({"vehicle": ["car", "truck"]})``.

        Exactly what evaluating files with those classes renamed gives, from overlaps that are known.
        """
        from evalnb.runs.regraded import merged

        return merged(self, groups)

    def ignoring(self, truths: Iterable[int] | NDArray[np.bool_]) -> Evaluation:
        """This evaluation with some truths set aside: they need not be found, and finding them is no mistake.

        truths: the ids of annotations, or a mask over the truths of ``records()``.
        """
        from evalnb.runs.regraded import ignoring

        return ignoring(self, truths)

    def under(
        self, *, iou: Sequence[float] | float = (0.5, 0.75), sizes: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """AP and AR at IoUs and over object sizes of one's own: columns iou, size, AP, AR.

        sizes: names to (least, most) in px², both included, or to one of COCO's ``all``, ``small``, ``medium``,
        ``large``; default all.
        """
        from evalnb.runs.regraded import under

        return under(self, iou=iou, sizes={"all": "all"} if sizes is None else sizes)

    # ------------------------------------------------------------------------------------------ other tools' rules
    def dialects(self) -> pd.DataFrame:
        """What other tools would say of the same boxes: columns tool, AP, AP50, AP75, difference (from COCO's AP).

        See docs/why-my-map-differs.md.
        """
        from evalnb.runs import dialects

        return dialects.table(self)

    def why(self, tool: str, *, ap50: bool = False) -> pd.DataFrame:
        """Why a tool's AP (or AP50) is not COCO's, rule by rule: columns rule, AP after (or AP50 after), difference.

        Rules are switched one at a time in a fixed order, so that the differences add up to the whole.
        """
        from evalnb.runs import dialects

        return dialects.steps(self, tool, number="AP50" if ap50 else "AP")

    # ------------------------------------------------------------------------------------------------ explaining
    def errors(self, *, iou: float = 0.5, background: float = 0.1, per_class: bool = False) -> pd.DataFrame:
        """TIDE's errors (Bolya et al., ECCV 2020): columns error, count and dAP, what mending that kind alone would
        bring; ``per_class`` a row for each class too. See ``evalnb.core.metrics.errors``."""
        from evalnb.runs import explain

        return explain.errors(self, iou=iou, background=background, per_class=per_class)

    def error_detections(self, kind: str, *, iou: float = 0.5, background: float = 0.1) -> pd.DataFrame:
        """The rows behind a kind of error, the most confident first: image, file_name, class, score, overlap, and the
        truth that shows it (-1 for none); of missed truths, the truths."""
        from evalnb.runs import explain

        return explain.error_detections(self, kind, iou=iou, background=background)

    def pairs(self, *, confidence: float = 0.0, iou: float = 0.5, background: float = 0.1) -> pd.DataFrame:
        """Who matched whom: each detection's image, class, score, outcome (TP, FP or ignored) and error, with the
        truth that it found or that its error lies on."""
        from evalnb.runs import explain

        return explain.pairs(self, confidence=confidence, iou=iou, background=background)

    def thresholds(self, *, iou: float = 0.5) -> pd.DataFrame:
        """The confidence of the best F1 of each class, and of ``all`` under one: columns class, confidence,
        precision, recall, F1, truths. Exact: every confidence that a detection has is tried."""
        from evalnb.runs import explain

        return explain.thresholds(self, iou=iou)

    def threshold_data(self, *, iou: float = 0.5) -> pd.DataFrame:
        """Precision, recall and F1 of each class at every confidence that a detection of it has."""
        from evalnb.runs import explain

        return explain.threshold_data(self, iou=iou)

    def calibration(self, *, iou: float = 0.5, bins: int = 10, position: bool = False) -> explain.Calibration:
        """How far confidences can be believed: D-ECE (with ``position``, over where the boxes lie, too), LaECE, the
        table of bins, and its ``chart``."""
        from evalnb.runs import explain

        return explain.calibration(self, iou=iou, bins=bins, position=position)

    def olrp(self, *, iou: float = 0.5) -> pd.DataFrame:
        """Optimal LRP errors (Oksuz et al. 2021) of each class and their mean (``all``): oLRP, localization, FP, FN,
        and the confidence where the optimum is."""
        from evalnb.runs import explain

        return explain.olrp(self, iou=iou)

    def by_size(self, *, iou: float = 0.5, sides: tuple[float, ...] | None = None) -> pd.DataFrame:
        """AP and recall by the size of objects: columns low, high (square roots of areas, px), truths, found, recall,
        AP. Each range is matched as COCO matches its own."""
        from evalnb.runs import explain

        return explain.by_size(self, iou=iou, sides=sides)

    def by_crowding(
        self, *, by: str = "overlap", iou: float = 0.5, confidence: float = 0.0, of_class: bool = False
    ) -> pd.DataFrame:
        """Recall by how crowded truths stand: by the highest ``overlap`` of a truth's box with another's, or by how
        many ``neighbours`` overlap it by a tenth; of any class, or ``of_class`` alone."""
        from evalnb.runs import explain

        return explain.by_crowding(self, by=by, iou=iou, confidence=confidence, of_class=of_class)

    def score_histogram(self, *, iou: float = 0.5, bins: int = 20) -> pd.DataFrame:
        """How many true and false positives have which confidence: columns low, high, TP, FP."""
        from evalnb.runs import explain

        return explain.score_histogram(self, iou=iou, bins=bins)

    def explained(self, *, iou: float = 0.5) -> Chart:
        """What it gets wrong, in one figure: errors, calibration, scores, sizes and crowding."""
        from evalnb.runs import explain_charts

        return explain_charts.overview(self, iou=iou)

    def explore(self, *, images: str | Path | None = None, on_open: Callable[[int], None] | None = None) -> Any:
        """The Evaluation widget: sliders, brushes and marks, and the images behind every mark.

        images: the folder of the pictures, for an evaluation of files. on_open: called with an image's id when one is
        clicked; by default it opens in an Annotator below, and what is edited there moves the numbers.
        """
        # By name: widgets stand above the runs, and whoever only measures needs none of them.
        widget = import_module("evalnb.widgets.evaluation").EvaluationWidget
        return widget(self, images=images, on_open=on_open)

    def why_chart(self, tool: str, *, ap50: bool = False) -> Chart:
        """``why`` as a waterfall: from COCO's number to the tool's, a bar for each rule that moves it."""
        from evalnb.runs.waterfall import waterfall

        return waterfall(self.why(tool, ap50=ap50), tool=tool)

    # ---------------------------------------------------------------------------------------------- tables and files
    def to_pandas(self) -> pd.DataFrame:
        """One row for each detection that counts: its image, file_name, class, box, score, truth and ignored.

        ``truth`` is the annotation taken at IoU .5, -1 for none; ``ignored``: it counts neither for nor against.
        """
        from evalnb.runs.results import to_pandas

        return to_pandas(self)

    def to_arrow(self) -> Any:
        """The same as a ``pyarrow.Table``; MissingExtra without pyarrow."""
        from evalnb.runs.results import to_arrow

        return to_arrow(self)

    def to_coco_results(self, path: str | Path) -> Path:
        """Write the detections that count as COCO's result file; evaluated again it gives the same numbers."""
        from evalnb.runs.results import to_coco_results

        return to_coco_results(self, path)

    # --------------------------------------------------------------------------------------------------- showing
    def __repr__(self) -> str:
        from evalnb.runs.card import coco_table

        return coco_table(self)

    def _repr_html_(self) -> str:
        from evalnb.runs.card import card

        return card(self)

    def _threshold(self, iou: float) -> int:
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
