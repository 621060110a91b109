"""Evaluate a problem of COCO val2017's shape (5,000 images, 80 classes, 36,781 truths, 398,000 detections) beside
pycocotools, from parsed JSON to the twelve numbers, in the same run.

    python benchmarks/evaluation.py [--images 5000] [--kind bbox|segm] [--without-peer]
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.runs.files import evaluate_coco

RESULTS = Path(__file__).parent / "results"


def problem(images: int, *, masks: bool, seed: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truths of COCO's density, and the detections of a middling detector with a long tail of ghosts."""
    rng = np.random.default_rng(seed)
    classes, per_image, dets = 80, 7.36, 80
    favourite = rng.dirichlet(np.full(classes, 0.3))
    truth: dict[str, Any] = {
        "images": [
            {"id": n, "width": 640, "height": 480, "file_name": f"{n:012d}.jpg"} for n in range(1, images + 1)
        ],
        "categories": [{"id": c, "name": f"class {c}"} for c in range(1, classes + 1)],
        "annotations": [],
    }
    results: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        count = rng.poisson(per_image)
        wh = np.exp(rng.normal(4.1, 1.0, (count, 2))).clip(4, 400)
        xy = rng.random((count, 2)) * (np.array([640, 480]) - np.minimum(wh, [639, 479]))
        boxes = np.hstack([xy, wh]).round(2)
        kinds = rng.choice(classes, size=count, p=favourite) + 1
        for box, kind in zip(boxes.tolist(), kinds.tolist(), strict=True):
            one = {
                "id": len(truth["annotations"]) + 1,
                "image_id": image,
                "category_id": kind,
                "bbox": box,
                "area": box[2] * box[3] * 0.6,
                "iscrowd": int(rng.random() < 0.012),
            }
            if masks:
                one["segmentation"] = [outline(rng, box)]
            truth["annotations"].append(one)
        for _ in range(dets):
            if count and rng.random() < 0.5:
                near = int(rng.integers(count))
                box = (boxes[near] + rng.normal(0, 0.12, 4) * np.tile(boxes[near, 2:], 2)).round(2)
                kind = int(kinds[near]) if rng.random() < 0.8 else int(rng.integers(classes)) + 1
                score = rng.beta(1.2, 2.5)
            else:
                box = np.append(rng.random(2) * 400, np.exp(rng.normal(4.1, 1, 2))).round(2)
                kind, score = int(rng.choice(classes, p=favourite)) + 1, rng.beta(0.6, 8)
            box[2:] = np.maximum(box[2:], 1)
            found = {"image_id": image, "category_id": kind, "score": round(float(score), 3)}
            if masks:
                found["segmentation"] = runs(outline(rng, box.tolist()))
            else:
                found["bbox"] = box.tolist()
            results.append(found)
    return truth, results


def outline(rng: np.random.Generator, box: list[float]) -> list[float]:
    """A wobbly ellipse of 24 corners in the box."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = rng.uniform(0.8, 1, 24) / 2
    x = box[0] + box[2] * (0.5 + radius * np.cos(angle))
    y = box[1] + box[3] * (0.5 + radius * np.sin(angle))
    return np.stack([x.clip(0, 640), y.clip(0, 480)], axis=1).ravel().round(1).tolist()


def runs(flat: list[float]) -> dict[str, Any]:
    """COCO's compressed runs of a polygon in a 640 × 480 image."""
    from pycocotools import mask

    rle = mask.merge(mask.frPyObjects([flat], 480, 640))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def pycocotools(truth: dict[str, Any], results: list[dict[str, Any]], kind: str) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        one = COCOeval(coco, coco.loadRes(results), kind)
        one.evaluate()
        one.accumulate()
        one.summarize()
    return list(one.stats)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    out = work()
    return time.perf_counter() - start, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--kind", choices=["bbox", "segm"], default="bbox")
    parser.add_argument("--without-peer", action="store_true")
    asked = parser.parse_args()
    truth, results = problem(asked.images, masks=asked.kind == "segm")
    whole_s, evaluation = timed(lambda: evaluate_coco(truth, results, asked.kind))
    numbers_s, mine = timed(evaluation.summary)
    some = evaluation.images.id[:: max(1, asked.images // 1000)][:1000]
    part = evaluation.where(images=some)
    slice_s, _ = timed(part.summary)
    cut_s, _ = timed(part.where(confidence=0.3).summary)
    confusion_s, _ = timed(evaluation.confusion)
    figures = {
        "kind": asked.kind,
        "images": asked.images,
        "truths": len(truth["annotations"]),
        "detections": len(results),
        "parsed JSON to matches, s": whole_s,
        "twelve numbers, s": numbers_s,
        "slice of 1,000 images, s": slice_s,
        "the same above 0.3, s": cut_s,
        "confusion matrix, s": confusion_s,
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if not asked.without_peer:
        peer_s, theirs = timed(lambda: pycocotools(copy.deepcopy(truth), results, asked.kind))
        figures["pycocotools, s"] = peer_s
        figures["times faster"] = peer_s / (whole_s + numbers_s)
        figures["largest difference"] = max(abs(a - b) for a, b in zip(mine.values(), theirs, strict=True))
    for name, value in figures.items():
        print(f"{name:<28} {value:>12,.4g}" if isinstance(value, float) else f"{name:<28} {value:>12}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"evaluation-{asked.kind}.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
