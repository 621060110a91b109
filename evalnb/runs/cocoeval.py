"""pycocotools' ``COCOeval``, by name, by attribute and by number; what runs behind it is evalnb's match."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Sequence
from typing import Any, cast, get_args

import numpy as np

from evalnb.core import boxes, metrics
from evalnb.core.kinds import MAX_DETECTIONS, Kind
from evalnb.core.matching import THRESHOLDS
from evalnb.core.metrics.rules import Round, Rules, accumulate_by, match_by
from evalnb.core.slices import AREAS
from evalnb.errors import Invalid
from evalnb.runs.cocorows import ImageOutcomes, Records, gathered
from evalnb.runs.columns import Images
from evalnb.runs.evaluation import Evaluation


class Params:
    """What is evaluated, and by which rules. Every attribute may be replaced before ``COCOeval.evaluate``."""

    def __init__(self, iouType: str = "segm") -> None:
        if iouType not in get_args(Kind):
            raise Invalid(f"there is no iouType {iouType!r}", remedy="use 'bbox', 'segm' or 'keypoints'")
        self.iouType = iouType
        self.imgIds: Sequence[int] = []
        self.catIds: Sequence[int] = []
        self.iouThrs: Any = THRESHOLDS.copy()
        self.recThrs: Any = metrics.RECALLS.copy()
        self.maxDets: Sequence[int] = list(MAX_DETECTIONS[cast(Kind, iouType)])
        self.areaRngLbl = [name for name in AREAS if iouType != "keypoints" or name != "small"]
        self.areaRng: Sequence[Sequence[float]] = [list(AREAS[name]) for name in self.areaRngLbl]
        self.useCats = 1
        self.useSegm: int | None = None
        """Deprecated, as it is there: 1 means segm and 0 bbox."""
        if iouType == "keypoints":
            self.kpt_oks_sigmas: Any = boxes.KEYPOINT_SIGMAS.copy()


class COCOeval:
    """Evaluate detections: ``evaluate``, then ``accumulate``, then ``summarize``, as with pycocotools.

    ``cocoGt`` and ``cocoDt`` are ``COCO`` objects of evalnb's, pycocotools' or another library of the same names.
    They are read and never changed. ``evalImgs`` makes each image's dict when it is asked for.
    """

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None, iouType: str = "segm") -> None:
        self.cocoGt, self.cocoDt = cocoGt, cocoDt
        self.params = Params(iouType)
        self.evalImgs: Sequence[dict[str, Any] | None] = []
        self.eval: dict[str, Any] = {}
        self.stats: Any = []
        self._evaluated: tuple[Params, Records, list[Round]] | None = None
        if cocoGt is not None:
            self.params.imgIds = sorted(cocoGt.getImgIds())
            self.params.catIds = sorted(cocoGt.getCatIds())

    def evaluate(self) -> None:
        """Match the detections of ``params.imgIds`` and ``params.catIds``."""
        p = self.params
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
        p.imgIds = np.unique(p.imgIds).tolist()
        if p.useCats:
            p.catIds = np.unique(p.catIds).tolist()
        p.maxDets = sorted(int(one) for one in p.maxDets)
        kind = cast(Kind, p.iouType)
        records = gathered(self.cocoGt, self.cocoDt, kind, p.imgIds, p.catIds, by_class=bool(p.useCats))
        rounds = match_by(
            _rules(p),
            records.truths,
            records.detections,
            kind=kind,
            images=np.array(p.imgIds, dtype=np.int64),
            classes=np.array(p.catIds if p.useCats else [-1], dtype=np.int64),
            ignore=records.ignore,
            detection_area=records.area,
            sigmas=_sigmas(p),
        )
        asked = copy.deepcopy(p)
        self._evaluated = asked, records, rounds
        self.evalImgs = ImageOutcomes(
            records,
            kind=kind,
            images=p.imgIds,
            classes=p.catIds if p.useCats else [-1],
            ranges=[list(one) for one in p.areaRng],
            thresholds=np.asarray(p.iouThrs, dtype=np.float64),
            limit=p.maxDets[-1],
            sigmas=_sigmas(p),
        )
        self.eval, self.stats = {}, []

    def accumulate(self, p: Params | None = None) -> None:
        """Fill ``eval``: precision (IoUs, recalls, classes, ranges, limits), recall and scores, -1 without truths.

        ``p`` may name fewer images, classes, ranges or limits than were evaluated, and other recalls; what was not
        evaluated stays -1.
        """
        if self._evaluated is None:
            raise Invalid("nothing was evaluated", remedy="call evaluate() first")
        asked, _, rounds = self._evaluated
        p = p or self.params
        p.catIds = p.catIds if p.useCats == 1 else [-1]
        rules = _rules(asked)
        known = Rules(rules.thresholds, np.asarray(p.recThrs, dtype=np.float64), rules.ranges, rules.limits)
        everywhere = np.isin(asked.imgIds, p.imgIds)
        arrays = accumulate_by(rounds, known, images=None if everywhere.all() else everywhere)
        classes = list(asked.catIds) if asked.useCats else [-1]
        axes = [
            _places([float(one) for one in asked.iouThrs], [float(one) for one in p.iouThrs]),
            _places(classes, list(p.catIds)),
            _places([tuple(one) for one in asked.areaRng], [tuple(one) for one in p.areaRng]),
            _places(list(asked.maxDets), list(p.maxDets)),
        ]
        precision, recall, scores = (_taken(one, axes, recalls=one.ndim == 5) for one in arrays)
        t, r, k, a, m = precision.shape
        self.eval = {
            "params": p,
            "counts": [t, r, k, a, m],
            "date": dt.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "precision": precision,
            "recall": recall,
            "scores": scores,
        }

    def summarize(self) -> None:
        """Print the twelve lines (ten for keypoints) of COCO's table, and keep their numbers in ``stats``."""
        if not self.eval:
            raise Invalid("nothing was accumulated", remedy="call accumulate() first")
        self.stats = np.array([self._line(*one) for one in _lines(self.params)], dtype=np.float64)

    def evaluation(self) -> Evaluation:
        """The same as an ``Evaluation``, which slices and compares; Invalid under rules other than COCO's."""
        if self._evaluated is None:
            raise Invalid("nothing was evaluated", remedy="call evaluate() first")
        asked, records, _ = self._evaluated
        kind = cast(Kind, asked.iouType)
        plain, rules = Rules.of(kind), _rules(asked)
        ranges = plain.ranges if kind != "keypoints" else plain.ranges[[0, 2, 3]]
        same = np.array_equal(plain.thresholds, rules.thresholds) and np.array_equal(ranges, rules.ranges)
        if not same or tuple(plain.limits) != tuple(rules.limits) or not asked.useCats:
            raise Invalid(
                "an Evaluation keeps to COCO's own IoUs, ranges and limits", remedy="leave those params as they are"
            )
        from evalnb.core.matching import match

        matches = match(
            records.truths,
            records.detections,
            kind=kind,
            images=np.array(asked.imgIds, dtype=np.int64),
            classes=np.array(asked.catIds, dtype=np.int64),
            detection_area=records.area,
            sigmas=_sigmas(asked),
        )
        nothing: frozenset[str] = frozenset()
        rows = {one["id"]: one for one in self.cocoGt.loadImgs(asked.imgIds)}
        sized = {
            int(one): (
                str(row.get("file_name") or one),
                frozenset(map(str, row.get("tags") or nothing)),
                (int(row.get("height") or 0), int(row.get("width") or 0)),
            )
            for one, row in rows.items()
        }
        return Evaluation(
            matches=matches,
            class_names={
                int(one["id"]): str(one.get("name") or one["id"]) for one in self.cocoGt.loadCats(asked.catIds)
            },
            images=Images.of(sized),
            records=lambda: (records.truths, records.detections),
        )

    def _line(self, what: str, iou: float | None, area: str, limit: int) -> float:
        p = self.params
        values = self.eval["precision" if what == "AP" else "recall"]
        if iou is not None:
            values = values[np.where(iou == np.asarray(p.iouThrs))[0]]
        areas = [place for place, one in enumerate(p.areaRngLbl) if one == area]
        limits = [place for place, one in enumerate(p.maxDets) if one == limit]
        values = values[..., areas, limits]
        mean = float(np.mean(values[values > -1])) if (values > -1).any() else -1.0
        shown = f"{p.iouThrs[0]:0.2f}:{p.iouThrs[-1]:0.2f}" if iou is None else f"{iou:0.2f}"
        title = "Average Precision" if what == "AP" else "Average Recall"
        line = f" {title:<18} ({what}) @[ IoU={shown:<9} | area={area:>6s} | maxDets={limit:>3d} ] = {mean:0.3f}"
        print(line)  # noqa: T201 - the table is what one calls summarize for
        return mean

    def __str__(self) -> str:
        """The table, printed; as there, nothing else."""
        self.summarize()
        return ""


def _lines(p: Params) -> list[tuple[str, float | None, str, int]]:
    """What each number is of. The first line's limit is 100 whatever ``maxDets`` says: it is so in pycocotools."""
    if p.iouType == "keypoints":
        points: list[tuple[float | None, str]] = [(None, "all"), (0.5, "all"), (0.75, "all")]
        points += [(None, "medium"), (None, "large")]
        return [(what, iou, area, 20) for what in ("AP", "AR") for iou, area in points]
    if len(p.maxDets) < 3:
        raise Invalid(f"the table has three limits, params.maxDets {len(p.maxDets)}", remedy="set maxDets to three")
    first, second, last = p.maxDets[:3]
    sizes = [(None, area, last) for area in ("small", "medium", "large")]
    precision: list[tuple[float | None, str, int]] = [(None, "all", 100), (0.5, "all", last), (0.75, "all", last)]
    recall: list[tuple[float | None, str, int]] = [(None, "all", one) for one in (first, second, last)]
    return [("AP", *one) for one in [*precision, *sizes]] + [("AR", *one) for one in [*recall, *sizes]]


def _rules(p: Params) -> Rules:
    return Rules(
        thresholds=np.asarray(p.iouThrs, dtype=np.float64),
        recalls=np.asarray(p.recThrs, dtype=np.float64),
        ranges=np.asarray(p.areaRng, dtype=np.float64).reshape(-1, 2),
        limits=tuple(p.maxDets),
    )


def _sigmas(p: Params) -> Any:
    return np.asarray(p.kpt_oks_sigmas, dtype=np.float64) if p.iouType == "keypoints" else None


def _places(known: list[Any], wanted: list[Any]) -> list[int]:
    """Where each wanted value stands among the known ones, -1 where it does not."""
    at = {one: place for place, one in reversed(list(enumerate(known)))}
    return [at.get(one, -1) for one in wanted]


def _taken(values: Any, axes: list[list[int]], *, recalls: bool) -> Any:
    """The asked part of an array, -1 where a place is."""
    if recalls:
        axes = [axes[0], list(range(values.shape[1])), *axes[1:]]
    if all(one == list(range(size)) for one, size in zip(axes, values.shape, strict=True)):
        return values
    # One more place along every axis, of nothing but -1, is what a place of -1 finds.
    padded = np.pad(values, [(0, 1)] * values.ndim, constant_values=-1.0)
    return padded[np.ix_(*axes)]
