"""What other tools say of a COCO problem: their own code, fed as their own documentation feeds it.

Each takes a truth file and a result list and gives AP, AP50 and AP75. FiftyOne does not install beside the rest, nor
do two versions of ultralytics; their published rules are written out here, apart from the engine that they check.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.parity.problems import Problem, ask_pycocotools

Row = dict[str, Any]
Numbers = tuple[float, float, float]


def by_image(problem: Problem) -> list[tuple[Row, list[Row], list[Row]]]:
    """(image, its truths, its detections of known classes), images by id, rows in the files' order."""
    truth, results = problem
    known = {one["id"] for one in truth["categories"]}
    truths, found = defaultdict(list), defaultdict(list)
    for one in truth["annotations"]:
        truths[one["image_id"]].append(one)
    for one in results:
        if one["category_id"] in known:
            found[one["image_id"]].append(one)
    images = sorted(truth["images"], key=lambda one: one["id"])
    return [(one, truths[one["id"]], found[one["id"]]) for one in images]


def corners(rows: list[Row]) -> np.ndarray:
    box = np.array([one["bbox"] for one in rows], dtype=np.float64).reshape(-1, 4)
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)


def column(rows: list[Row], key: str, kind: type = np.int64) -> np.ndarray:
    return np.array([one[key] for one in rows], dtype=kind)


def pycocotools(problem: Problem) -> Numbers:
    return tuple(ask_pycocotools(problem).stats[:3])


def torchmetrics(problem: Problem) -> Numbers:
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision()
    metric.warn_on_many_detections = False
    for _, truths, found in by_image(problem):
        metric.update(
            [
                {
                    "boxes": torch.tensor(corners(found), dtype=torch.float32),
                    "scores": torch.tensor(column(found, "score", np.float64), dtype=torch.float32),
                    "labels": torch.tensor(column(found, "category_id")),
                }
            ],
            [
                {
                    "boxes": torch.tensor(corners(truths), dtype=torch.float32),
                    "labels": torch.tensor(column(truths, "category_id")),
                    "iscrowd": torch.tensor(column(truths, "iscrowd")),
                    "area": torch.tensor(column(truths, "area", np.float64), dtype=torch.float32),
                }
            ],
        )
    answer = metric.compute()
    return tuple(float(answer[key]) for key in ("map", "map_50", "map_75"))


def supervision(problem: Problem) -> Numbers:
    import supervision as sv
    from supervision.metrics import MeanAveragePrecision

    metric = MeanAveragePrecision()
    for _, truths, found in by_image(problem):
        metric.update(
            sv.Detections(
                xyxy=corners(found),
                class_id=column(found, "category_id"),
                confidence=column(found, "score", np.float64),
            ),
            sv.Detections(
                xyxy=corners(truths),
                class_id=column(truths, "category_id"),
                data={
                    "area": column(truths, "area", np.float64),
                    "iscrowd": column(truths, "iscrowd"),
                },
            ),
        )
    answer = metric.compute()
    return float(answer.map50_95), float(answer.map50), float(answer.map75)


def tide(problem: Problem) -> Numbers:
    from tidecv import TIDE, Data

    truth, results = Data("truth"), Data("results")
    for image, truths, found in by_image(problem):
        truth.add_image(image["id"], image["file_name"])
        for one in truths:
            add = truth.add_ignore_region if one["iscrowd"] else truth.add_ground_truth
            add(one["image_id"], one["category_id"], one["bbox"])
        for one in found:
            results.add_detection(one["image_id"], one["category_id"], one["score"], one["bbox"])
    tool = TIDE()
    tool.evaluate_range(truth, results, name="all")
    ap = np.array([run.ap for run in tool.run_thresholds["all"]]) / 100
    return float(ap.mean()), float(ap[0]), float(ap[5])


def ultralytics(problem: Problem, home: Path) -> Numbers:
    """The validator's own matching and metric, from where a model's boxes have gone through NMS."""
    from evalnb.models import _ultralytics

    _ultralytics.load(home)
    import torch
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils import DEFAULT_CFG
    from ultralytics.utils.metrics import DetMetrics

    classes = {one["id"]: place for place, one in enumerate(problem[0]["categories"])}
    images = by_image(problem)
    labels = [[one for one in truths if not one["iscrowd"]] for _, truths, _ in images]
    asked = SimpleNamespace(max_det=DEFAULT_CFG.max_det)
    sizes = [{"cls": np.zeros((len(one), 1))} for one in labels]
    with contextlib.redirect_stdout(io.StringIO()):
        DetectionValidator._check_max_det(asked, {"val": SimpleNamespace(labels=sizes)})
    # The constructor wants a data set and a folder to write to; the matching wants these three.
    validator = DetectionValidator.__new__(DetectionValidator)
    validator.iouv = torch.linspace(0.5, 0.95, 10)
    validator.niou = validator.iouv.numel()
    validator.metrics = DetMetrics({place: str(name) for name, place in classes.items()})
    for (image, _, found), truths in zip(images, labels, strict=True):
        confidence = torch.tensor(column(found, "score", np.float64), dtype=torch.float32)
        first = torch.argsort(confidence, descending=True, stable=True)[: asked.max_det]
        kinds = torch.tensor([float(classes[one["category_id"]]) for one in found])[first]
        target = np.array([classes[one["category_id"]] for one in truths], dtype=np.float32)
        predicted = {"bboxes": torch.tensor(corners(found), dtype=torch.float32)[first], "cls": kinds}
        batch = {"bboxes": torch.tensor(corners(truths), dtype=torch.float32), "cls": torch.tensor(target)}
        nothing = len(found) == 0
        validator.metrics.update_stats(
            {
                **validator._process_batch(predicted, batch),
                "target_cls": target,
                "target_img": np.unique(target),
                "conf": np.zeros(0) if nothing else confidence[first].numpy(),
                "pred_cls": np.zeros(0) if nothing else kinds.numpy(),
                "im_name": str(image["id"]),
            }
        )
    validator.metrics.process()
    box = validator.metrics.box
    return float(box.map), float(box.map50), float(box.map75)


def ultralytics_83(problem: Problem) -> Numbers:
    """The rules of ultralytics 8.0 to 8.3 (``match_predictions``, ``ap_per_class``, ``compute_ap``), as loops."""
    classes = {one["id"]: place for place, one in enumerate(problem[0]["categories"])}
    levels = [np.float32(one) for one in np.linspace(0.5, 0.95, 10)]
    hits, scores, kinds, wanted = [], [], [], []
    for _, truths, found in by_image(problem):
        labels = [one for one in truths if not one["iscrowd"]]
        wanted += [classes[one["category_id"]] for one in labels]
        first = np.argsort(-column(found, "score", np.float32), kind="stable")[:300]
        best = {}
        for place in first.tolist():
            near = [
                (float32_iou(found[place]["bbox"], one["bbox"]), number)
                for number, one in enumerate(labels)
                if one["category_id"] == found[place]["category_id"]
            ]
            best[place] = max(near, default=(np.float32(0), -1))
        taken: list[set[int]] = [set() for _ in levels]
        for place in first.tolist():
            value, number = best[place]
            hits.append([value >= level and number not in used for level, used in zip(levels, taken, strict=True)])
            for used, hit in zip(taken, hits[-1], strict=True):
                used |= {number} if hit else set()
            kinds.append(classes[found[place]["category_id"]])
        # An image without detections brings an empty float64 array, which widens all of them.
        scores.append(column([found[place] for place in first], "score", np.float32 if found else np.float64))
    line = np.argsort(-np.concatenate(scores))
    tp, kind = np.array(hits, dtype=bool).reshape(-1, 10)[line], np.array(kinds, dtype=np.int64)[line]
    ap = np.array(
        [[falling(tp[kind == one, t], wanted.count(one)) for t in range(10)] for one in sorted(set(wanted))]
    ).reshape(-1, 10)
    return (float(ap.mean()), float(ap[:, 0].mean()), float(ap[:, 5].mean())) if len(ap) else (0.0, 0.0, 0.0)


def float32_iou(mine: list[float], theirs: list[float]) -> np.float32:
    a, b = (np.array([x, y, x + w, y + h], dtype=np.float32) for x, y, w, h in (mine, theirs))
    side = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), np.float32(0))
    both = side[0] * side[1]
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (b, a)]
    return both / (areas[0] + areas[1] - both + np.float32(1e-7))


def falling(hit: np.ndarray, count: int) -> float:
    """The trapezoid rule over the envelope, which ends in (1, 0)."""
    if not len(hit):
        return 0.0
    precision, recall, hits = [1.0], [0.0], 0
    for place, one in enumerate(hit.tolist(), 1):
        hits += one
        precision.append(hits / place)
        recall.append(hits / count)
    envelope, highest = [0.0], 0.0
    for one in reversed(precision):
        highest = max(highest, one)
        envelope.append(highest)
    steps = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(steps, [*recall, 1.0], envelope[::-1]), steps))


def fiftyone(problem: Problem) -> Numbers:
    """The rules of FiftyOne's COCO-style sweep (fiftyone/utils/eval/coco.py and fiftyone/utils/iou.py)."""
    problem = copy.deepcopy(problem)
    steps = [one / 100 for one in range(50, 100, 5)]
    ap: list[list[float]] = [[] for _ in steps]
    for kind in sorted(one["id"] for one in problem[0]["categories"]):
        for threshold, out in zip(steps, ap, strict=True):
            true: list[float] = []
            false: list[float] = []
            count = 0
            for image, truths, found in by_image(problem):
                whole = np.array([image["width"], image["height"]] * 2, dtype=np.float64)
                mine = sorted((one for one in truths if one["category_id"] == kind), key=lambda one: one["iscrowd"])
                count += sum(not one["iscrowd"] for one in mine)
                best_first = sorted(
                    (one for one in found if one["category_id"] == kind), key=lambda one: -one["score"]
                )
                used: set[int] = set()
                for one in best_first[:100]:
                    best, reached = None, threshold
                    for place, other in enumerate(mine):
                        if place in used and not other["iscrowd"]:
                            continue
                        if best is not None and not mine[best]["iscrowd"] and other["iscrowd"]:
                            break
                        value = relative_iou(
                            np.array(one["bbox"]) / whole, np.array(other["bbox"]) / whole, other["iscrowd"]
                        )
                        if value > 0 and value >= reached:
                            best, reached = place, value
                    if best is None:
                        false.append(one["score"])
                    else:
                        used.add(best)
                        if not mine[best]["iscrowd"]:
                            true.append(one["score"])
            if count:
                out.append(interpolated(true, false, count))
    mean = [float(np.mean(one)) if one else -1.0 for one in ap]
    return float(np.mean(mean)), mean[0], mean[5]


def relative_iou(mine: np.ndarray, theirs: np.ndarray, crowd: int) -> float:
    wide = min(mine[0] + mine[2], theirs[0] + theirs[2]) - max(mine[0], theirs[0])
    high = min(mine[1] + mine[3], theirs[1] + theirs[3]) - max(mine[1], theirs[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both, area = wide * high, mine[2] * mine[3]
    return min(both / (area if crowd else area + theirs[2] * theirs[3] - both), 1.0)


def interpolated(true: list[float], false: list[float], count: int) -> float:
    """Hits before misses among equal scores, 101 recall points."""
    ranking = sorted([(-score, 0) for score in true] + [(-score, 1) for score in false])
    precision, recall, hits = [], [], 0
    for place, (_, missed) in enumerate(ranking, 1):
        hits += not missed
        precision.append(hits / place)
        recall.append(hits / count)
    points = [
        max((p for p, r in zip(precision, recall, strict=True) if r >= step), default=0.0)
        for step in np.linspace(0, 1, 101)
    ]
    return float(np.mean(points))


def asked_of(name: str, problem: Problem, home: Path) -> Numbers:
    """What the tool of this name in ``evalnb.runs.dialects.TOOLS`` says."""
    if name == "ultralytics":
        return ultralytics(problem, home)
    ask = {
        "pycocotools": pycocotools,
        "torchmetrics": torchmetrics,
        "supervision": supervision,
        "fiftyone": fiftyone,
        "tide": tide,
        "ultralytics-8.3": ultralytics_83,
    }
    return ask[name](problem)
