"""Every engine that turns COCO's files into COCO's numbers, called as its own documentation calls it.

    python benchmarks/engines.py ENGINE bbox|segm TRUTH RESULTS

prints one line of JSON: seconds from before the engine's import to the numbers, seconds of CPU, peak memory, numbers.
A process of its own for each run: nothing is warm, and the memory is the engine's alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

Numbers = list[float]


def evalnb(kind: str, truth: str, results: str) -> Numbers:
    import evalnb as ev

    return list(ev.evaluate_coco(truth, results, kind).summary().values())


def evalnb_lvis(kind: str, truth: str, results: str) -> Numbers:
    import evalnb as ev

    return list(ev.evaluate_lvis(truth, results, kind).summary().values())


def _as_pycocotools(coco_class: Any, eval_class: Any, kind: str, truth: str, results: str) -> Numbers:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_class(truth)
        one = eval_class(coco, coco.loadRes(results), kind)
        one.evaluate()
        one.accumulate()
        one.summarize()
    return [float(value) for value in one.stats[:12]]


def pycocotools(kind: str, truth: str, results: str) -> Numbers:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _as_pycocotools(COCO, COCOeval, kind, truth, results)


def faster_coco_eval(kind: str, truth: str, results: str) -> Numbers:
    from faster_coco_eval import COCO, COCOeval_faster

    return _as_pycocotools(COCO, COCOeval_faster, kind, truth, results)


def hotcoco(kind: str, truth: str, results: str) -> Numbers:
    from hotcoco import COCO, COCOeval

    return _as_pycocotools(COCO, COCOeval, kind, truth, results)


def hotcoco_lvis(kind: str, truth: str, results: str) -> Numbers:
    from hotcoco import LVIS, LVISEval, LVISResults

    with contextlib.redirect_stdout(io.StringIO()):
        known = LVIS(truth)
        one = LVISEval(known, LVISResults(known, results), kind)
        one.run()
    found = one.get_results()
    keys = ["AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf"]
    return [float(found[key]) for key in (*keys, "AR@300", "ARs@300", "ARm@300", "ARl@300")]


def ultrafast_pycocotools(kind: str, truth: str, results: str) -> Numbers:
    from ultrafast_pycocotools import COCO, COCOeval

    return _as_pycocotools(COCO, COCOeval, kind, truth, results)


def vernier(kind: str, truth: str, results: str) -> Numbers:
    from vernier.instance import Bbox, CocoDataset, Evaluator, Segm

    how = Evaluator(iou=Bbox() if kind == "bbox" else Segm(), parity_mode="strict")
    found = how.evaluate(CocoDataset.from_json(Path(truth).read_bytes()), Path(results).read_bytes(), num_threads=2)
    return [float(value) for value in found.stats]


def torchmetrics(kind: str, truth: str, results: str) -> Numbers:
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    rows: dict[int, tuple[list[Any], list[Any]]] = {}
    read = orjson.loads(Path(truth).read_bytes())
    for image in read["images"]:
        rows[image["id"]] = ([], [])
    for one in read["annotations"]:
        rows[one["image_id"]][0].append(one)
    for one in orjson.loads(Path(results).read_bytes()):
        rows[one["image_id"]][1].append(one)

    def tensors(some: list[Any], *, found: bool) -> dict[str, Any]:
        out = {
            "boxes": torch.tensor([one["bbox"] for one in some]).reshape(-1, 4),
            "labels": torch.tensor([one["category_id"] for one in some], dtype=torch.int64),
        }
        if found:
            return out | {"scores": torch.tensor([one["score"] for one in some])}
        crowd = torch.tensor([one["iscrowd"] for one in some], dtype=torch.int64)
        return out | {"iscrowd": crowd, "area": torch.tensor([one["area"] for one in some])}

    metric = MeanAveragePrecision(box_format="xywh", backend="pycocotools")
    for truths, detections in rows.values():
        metric.update([tensors(detections, found=True)], [tensors(truths, found=False)])
    with contextlib.redirect_stdout(io.StringIO()):
        out = metric.compute()
    keys = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large"]
    keys += ["mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"]
    return [float(out[key]) for key in keys]


ENGINES: dict[str, Callable[[str, str, str], Numbers]] = {
    "evalnb": evalnb,
    "ultrafast-pycocotools": ultrafast_pycocotools,
    "hotcoco": hotcoco,
    "vernier": vernier,
    "faster-coco-eval": faster_coco_eval,
    "torchmetrics": torchmetrics,
    "pycocotools": pycocotools,
    "evalnb, LVIS": evalnb_lvis,
    "hotcoco, LVIS": hotcoco_lvis,
}


def peak_mb() -> float:
    """This process's peak of resident memory."""
    # ru_maxrss is inherited over exec from a larger parent; VmHWM is this program's own.
    with contextlib.suppress(OSError, IndexError):
        text = Path("/proc/self/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    engine, kind, truth, results = sys.argv[1:]
    begin, begin_cpu = time.perf_counter(), time.process_time()
    numbers = ENGINES[engine](kind, truth, results)
    out = {"s": time.perf_counter() - begin, "cpu_s": time.process_time() - begin_cpu, "mb": peak_mb()}
    print(json.dumps(out | {"numbers": numbers}))


if __name__ == "__main__":
    main()
