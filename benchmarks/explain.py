"""Explain an evaluation of COCO val2017's size (5,000 images, 80 classes, 36.8k truths, 400,000 detections): errors,
confusion, calibration and thresholds from the match store, beside hotcoco's, in fresh processes; medians of three.

    python benchmarks/explain.py [--images 5000] [--repeats 3] [--without-peer]

Seconds are of the processor, over all threads: they do not change with what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.records import Detections, Truths

RESULTS = Path(__file__).parent / "results"
CLASSES, TRUTHS, DETECTIONS = 80, 7.36, 80


def problem(images: int, *, seed: int = 0) -> tuple[Truths, Detections]:
    """Truths of COCO's density, and the detections of a middling detector: half of them on a truth, one in five of
    those of the wrong class, the rest a long tail of ghosts."""
    rng = np.random.default_rng(seed)
    favourite = rng.dirichlet(np.full(CLASSES, 0.3))
    many = rng.poisson(TRUTHS, images)
    t = int(many.sum())
    wh = np.exp(rng.normal(4.1, 1.0, (t, 2))).clip(4, 400)
    box = np.hstack([rng.random((t, 2)) * (np.array([640, 480]) - np.minimum(wh, [639, 479])), wh]).round(2)
    image, kind = np.repeat(np.arange(1, images + 1), many), rng.choice(CLASSES, t, p=favourite) + 1
    truths = Truths(
        id=np.arange(1, t + 1),
        image=image,
        class_id=kind,
        box=box,
        area=box[:, 2] * box[:, 3] * 0.6,
        crowd=rng.random(t) < 0.012,
    )
    d = images * DETECTIONS
    of = np.repeat(np.arange(images), DETECTIONS)
    near = (rng.random(d) < 0.5) & (many[of] > 0)
    source = np.minimum((np.cumsum(many) - many)[of] + (rng.random(d) * many[of]).astype(np.int64), t - 1)
    found = np.hstack([rng.random((d, 2)) * 400, np.exp(rng.normal(4.1, 1, (d, 2)))])
    found[near] = box[source[near]] + rng.normal(0, 0.12, (near.sum(), 4)) * np.tile(box[source[near], 2:], 2)
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    right = near & (rng.random(d) < 0.8)
    guess = np.where(near, rng.integers(1, CLASSES + 1, d), rng.choice(CLASSES, d, p=favourite) + 1)
    score = np.where(near, rng.beta(1.2, 2.5, d), rng.beta(0.6, 8, d))
    detections = Detections(
        image=of + 1, class_id=np.where(right, kind[source], guess), box=found.round(2), score=score.round(3)
    )
    return truths, detections


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    out = work()
    return time.process_time() - start, out


def mine(images: int) -> dict[str, float]:
    import pandas as pd

    from evalnb.runs.files import evaluate_coco

    truths, detections = problem(images)
    ids = range(1, images + 1)
    names = {one: f"class {one}" for one in range(1, CLASSES + 1)}
    # pandas itself is loaded before anything is timed.
    assert len(pd.DataFrame({"loaded": [1]}))
    figures: dict[str, float] = {"truths": len(truths), "detections": len(detections)}
    figures["match, s"], evaluation = timed(lambda: evaluate_coco(truths, detections, images=ids, class_names=names))
    figures["overlaps, s"], _ = timed(lambda: evaluation.nearby)
    asked: dict[str, Callable[[], Any]] = {
        "errors": evaluation.errors,
        "confusion": evaluation.confusion,
        "calibration": evaluation.calibration,
        "thresholds": evaluation.thresholds,
    }
    for again in ("", " again"):
        each = {f"{name}{again}, s": timed(work)[0] for name, work in asked.items()}
        figures |= each | {f"the four together{again}, s": sum(each.values())}
    figures["confusion, slider moved, s"], _ = timed(lambda: evaluation.confusion(iou=0.6, confidence=0.4))
    part = evaluation.where(images=list(ids)[::5], confidence=0.3)
    figures["errors of 1,000 images above 0.3, s"], _ = timed(part.errors)
    figures["oLRP, s"], _ = timed(evaluation.olrp)
    figures["by size, s"], _ = timed(evaluation.by_size)
    figures["by crowding, s"], _ = timed(evaluation.by_crowding)
    figures["pairs above 0.3, s"], _ = timed(lambda: evaluation.pairs(confidence=0.3))
    return figures


def hotcoco(images: int) -> dict[str, float]:
    from hotcoco import COCO, COCOeval

    truths, detections = problem(images)
    gt = COCO.from_arrays(
        [{"id": n, "width": 640, "height": 480, "file_name": f"{n}.jpg"} for n in range(1, images + 1)],
        [{"id": n, "name": f"class {n}"} for n in range(1, CLASSES + 1)],
        truths.image,
        truths.class_id,
        truths.box,
        ids=truths.id,
        area=truths.area,
        iscrowd=truths.crowd,
    )
    columns = [detections.image[:, None], detections.box, detections.score[:, None], detections.class_id[:, None]]
    one = COCOeval(gt, gt.load_res(np.hstack(columns).astype(np.float64)), "bbox")
    one.evaluate()
    one.accumulate()
    asked = {
        "errors": one.tide_errors,
        "confusion": one.confusion_matrix,
        "calibration": one.calibration,
        "thresholds": one.f_scores,
    }
    each = {f"hotcoco {name}, s": timed(work)[0] for name, work in asked.items()}
    return each | {"hotcoco, the four together, s": sum(each.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--once", choices=["mine", "hotcoco"], help="one measurement, as JSON")
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps({"mine": mine, "hotcoco": hotcoco}[asked.once](asked.images)))
        return
    figures: dict[str, float] = {"images": asked.images}
    for who in ["mine"] if asked.without_peer else ["mine", "hotcoco"]:
        command = [sys.executable, __file__, "--images", str(asked.images), "--once", who]
        runs = [
            json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for _ in range(asked.repeats)
        ]
        figures |= {name: statistics.median(one[name] for one in runs) for name in runs[0]}
    for name, value in figures.items():
        print(f"{name:<38} {value:>12,.4f}" if name.endswith(", s") else f"{name:<38} {value:>12,}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "explain.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
