"""Mean average precision that is fed batch by batch, with torchmetrics' names and COCO's exact values."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks as rle
from evalnb.core.kinds import MAX_DETECTIONS
from evalnb.core.matching import THRESHOLDS
from evalnb.core.metrics import RECALLS
from evalnb.core.metrics.rules import Rules, accumulate_by, match_by
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.core.slices import AREAS
from evalnb.errors import Invalid
from evalnb.runs.evaluation import Evaluation

Item: TypeAlias = Mapping[str, Any]
Compared: TypeAlias = Literal["bbox", "segm"]
BOX_FORMATS = ("xyxy", "xywh", "cxcywh")


class MeanAveragePrecision:
    """``update`` it with each batch, ``compute`` when all are in; ``evaluation`` is the same to be explored.

    A prediction is a dict of ``boxes`` (n, 4) or ``masks`` (n, h, w), ``scores`` (n,) and ``labels`` (n,); a target
    has no scores and may have ``iscrowd`` (n,) and ``area`` (n,), 0 where it is to be computed. numpy arrays, torch
    tensors (of any device) and lists will do. Everything is computed in double precision.

    ``iou_type`` is bbox, segm or both. The thresholds' defaults are COCO's own; ``class_names`` name the labels.
    """

    def __init__(
        self,
        box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy",
        iou_type: Compared | Sequence[Compared] = "bbox",
        iou_thresholds: Sequence[float] | None = None,
        rec_thresholds: Sequence[float] | None = None,
        max_detection_thresholds: Sequence[int] | None = None,
        class_metrics: bool = False,
        *,
        class_names: Mapping[int, str] | Sequence[str] | None = None,
    ) -> None:
        if box_format not in BOX_FORMATS:
            raise Invalid(f"there is no box format {box_format!r}", remedy=f"use one of {', '.join(BOX_FORMATS)}")
        kinds = [iou_type] if isinstance(iou_type, str) else list(iou_type)
        if not kinds or set(kinds) - {"bbox", "segm"}:
            raise Invalid(f"there is no iou_type {iou_type!r}", remedy="use 'bbox', 'segm' or both")
        limits = sorted(int(one) for one in max_detection_thresholds or MAX_DETECTIONS["bbox"])
        if len(limits) != 3:
            raise Invalid(f"there are {len(limits)} limits of detections", remedy="give three, as COCO does")
        self._box_format, self._kinds = box_format, kinds
        self._class_metrics = class_metrics
        self._rules = Rules(
            thresholds=np.asarray(iou_thresholds if iou_thresholds is not None else THRESHOLDS, dtype=np.float64),
            recalls=np.asarray(rec_thresholds if rec_thresholds is not None else RECALLS, dtype=np.float64),
            ranges=np.array(list(AREAS.values())),
            limits=tuple(limits),
        )
        names = class_names or {}
        self._names = dict(names) if isinstance(names, Mapping) else dict(enumerate(names))
        self.reset()

    def reset(self) -> None:
        """Forget every batch."""
        self._found: list[dict[str, Any]] = []
        self._truth: list[dict[str, Any]] = []
        self._tensors = False

    def update(self, preds: Iterable[Item], target: Iterable[Item]) -> None:
        """Take a batch: as many targets as predictions, one of each for an image. Nothing is kept of a bad batch."""
        found, truth = list(preds), list(target)
        if len(found) != len(truth):
            raise Invalid(
                f"{len(found)} predictions and {len(truth)} targets", remedy="pass one of each for an image"
            )
        first = len(self._truth)
        mine = [self._item(one, f"preds[{n}]", first + n, scored=True) for n, one in enumerate(found)]
        theirs = [self._item(one, f"target[{n}]", first + n, scored=False) for n, one in enumerate(truth)]
        self._found += mine
        self._truth += theirs
        self._tensors |= any(_is_tensor(value) for one in [*found, *truth] for value in one.values())

    def compute(self) -> dict[str, Any]:
        """torchmetrics' numbers by its names, -1 where there is nothing to find; with both kinds ``bbox_map``, ….

        Floats and arrays; double-precision tensors where tensors came in.
        """
        out: dict[str, Any] = {}
        for kind in self._kinds:
            out |= self._numbers(kind, "" if len(self._kinds) == 1 else f"{kind}_")
        out["classes"] = self._classes().astype(np.int32)
        if not self._tensors:
            return out
        import torch

        return {name: torch.as_tensor(value) for name, value in out.items()}

    @property
    def evaluation(self) -> Evaluation:
        """All batches as an ``Evaluation`` under COCO's own rules, of the first kind; images are numbered from 0."""
        from evalnb.runs.files import evaluate_coco

        kind = self._kinds[0]
        truths, detections = self._records(kind)
        names = {int(one): self._names.get(int(one), str(one)) for one in self._classes()}
        return evaluate_coco(truths, detections, kind, images=range(len(self._truth)), class_names=names)

    def _numbers(self, kind: Compared, prefix: str) -> dict[str, Any]:
        truths, detections = self._records(kind)
        rules, classes = self._rules, self._classes()
        t, k = len(rules.thresholds), len(classes)
        precision, recall = np.full((t, len(rules.recalls), k, 4, 3), -1.0), np.full((t, k, 4, 3), -1.0)
        if k:
            rounds = match_by(
                rules,
                truths,
                detections,
                kind=kind,
                images=np.arange(len(self._truth)),
                classes=classes,
                ignore=truths.crowd,
            )
            precision, recall, _ = accumulate_by(rounds, rules)
        at = {iou: np.flatnonzero(rules.thresholds == iou) for iou in (0.5, 0.75)}
        most = rules.limits[-1]
        out: dict[str, Any] = {
            "map": _mean(precision[..., 0, 2]),
            "map_50": _mean(precision[at[0.5], ..., 0, 2]),
            "map_75": _mean(precision[at[0.75], ..., 0, 2]),
            **{f"map_{name}": _mean(precision[..., place, 2]) for place, name in enumerate(AREAS) if place},
            **{f"mar_{limit}": _mean(recall[..., 0, place]) for place, limit in enumerate(rules.limits)},
            **{f"mar_{name}": _mean(recall[..., place, 2]) for place, name in enumerate(AREAS) if place},
            "map_per_class": np.array([-1.0]),
            f"mar_{most}_per_class": np.array([-1.0]),
        }
        if self._class_metrics:
            out["map_per_class"] = np.array([_mean(precision[:, :, one, 0, 2]) for one in range(k)])
            out[f"mar_{most}_per_class"] = np.array([_mean(recall[:, one, 0, 2]) for one in range(k)])
        return {f"{prefix}{name}": value for name, value in out.items()}

    def _classes(self) -> Ints:
        labels = [one["labels"] for one in [*self._found, *self._truth]]
        return np.unique(np.concatenate(labels)) if labels else np.empty(0, np.int64)

    def _records(self, kind: Compared) -> tuple[Truths, Detections]:
        truth, found = _joined(self._truth), _joined(self._found)
        measured = truth["box"][:, 2] * truth["box"][:, 3]
        shapes = [PackedMasks.of(one["masks"]) if kind == "segm" else None for one in (truth, found)]
        if "segm" in self._kinds:
            # With both kinds torchmetrics sorts truths by the masks' area into the ranges, for boxes too.
            measured = PackedMasks.of(truth["masks"]).area.astype(np.float64)
        truths = Truths(
            id=np.arange(len(truth["labels"]), dtype=np.int64) + 1,
            image=truth["image"],
            class_id=truth["labels"],
            box=truth["box"],
            area=np.where(truth["area"] > 0, truth["area"], measured),
            crowd=truth["crowd"],
            masks=shapes[0],
        )
        return truths, Detections(
            image=found["image"], class_id=found["labels"], box=found["box"], score=found["score"], masks=shapes[1]
        )

    def _item(self, item: Item, name: str, image: int, *, scored: bool) -> dict[str, Any]:
        """One image's objects as columns; Invalid names what is missing or of another length."""
        needed = ["labels", *(["scores"] if scored else []), *("boxes" for kind in self._kinds if kind == "bbox")]
        needed += ["masks" for kind in self._kinds if kind == "segm"]
        for key in needed:
            if key not in item:
                raise Invalid(f"{name} has no {key!r}", remedy=f"pass {', '.join(dict.fromkeys(needed))}")
        labels = _column(item["labels"], f"{name}['labels']")
        n = len(labels)
        if (labels != np.floor(labels)).any():
            raise Invalid(f"{name}['labels'] are not whole numbers", remedy="pass the classes' numbers")
        shapes = _masks(item["masks"], f"{name}['masks']") if "segm" in self._kinds else []
        if "boxes" in item:
            box = _boxes(item["boxes"], f"{name}['boxes']", self._box_format)
        else:
            box = np.array([rle.box(one) for one in shapes]).reshape(-1, 4)
        columns: dict[str, Any] = {
            "image": np.full(n, image, np.int64),
            "labels": labels.astype(np.int64),
            "box": box,
            "masks": shapes,
            "score": _column(item["scores"], f"{name}['scores']") if scored else np.zeros(n),
            "crowd": _column(item.get("iscrowd", np.zeros(n)), f"{name}['iscrowd']") != 0,
            "area": _column(item.get("area", np.zeros(n)), f"{name}['area']"),
        }
        for key, value in columns.items():
            if len(value) != n and (key != "masks" or "segm" in self._kinds):
                raise Invalid(f"{name} has {n} labels and {len(value)} of its {key}", remedy="pass one of each")
        return columns


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu() if _is_tensor(value) else value)


def _column(value: Any, name: str) -> Floats:
    return _numbers(_array(value), name).reshape(-1)


def _boxes(value: Any, name: str, box_format: str) -> Floats:
    """(n, 4) x, y, w, h."""
    box = _numbers(_array(value), name)
    if box.size == 0:
        return np.empty((0, 4))
    if box.ndim != 2 or box.shape[1] != 4:
        raise Invalid(f"{name} has shape {box.shape}", remedy="pass (n, 4)")
    if box_format == "xyxy":
        return np.concatenate([box[:, :2], box[:, 2:] - box[:, :2]], axis=1)
    if box_format == "cxcywh":
        return np.concatenate([box[:, :2] - box[:, 2:] / 2, box[:, 2:]], axis=1)
    return box


def _numbers(value: NDArray[Any], name: str) -> Floats:
    try:
        numbers = value.astype(np.float64)
    except (TypeError, ValueError):
        raise Invalid(f"{name} is no array of numbers", remedy="pass numbers") from None
    if not np.isfinite(numbers).all():
        raise Invalid(f"{name} has a value that is not finite", remedy="leave such objects out")
    return numbers


def _masks(value: Any, name: str) -> list[rle.Rle]:
    array = _array(value)
    if array.size == 0:
        return []
    if array.ndim != 3:
        raise Invalid(f"{name} has shape {array.shape}", remedy="pass (n, height, width)")
    return [rle.encode(one) for one in array]


def _joined(items: list[dict[str, Any]]) -> dict[str, Any]:
    empty = {"image": np.int64, "labels": np.int64, "score": np.float64, "crowd": np.bool_, "area": np.float64}
    out: dict[str, Any] = {
        name: np.concatenate([np.empty(0, dtype), *(one[name] for one in items)]) for name, dtype in empty.items()
    }
    out["box"] = np.concatenate([np.empty((0, 4)), *(one["box"] for one in items)])
    out["masks"] = [mask for one in items for mask in one["masks"]]
    return out


def _mean(values: Floats) -> float:
    kept = values[values > -1]
    return float(kept.mean()) if kept.size else -1.0
