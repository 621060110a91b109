"""The same boxes in seven tools: what each says by its own code, what evalnb says it says, and why.

    python -m benchmarks.dialects [--images 120]

A detector's results on crowded street scenes: whole-pixel boxes, scores of two decimals, crowds, and images with
more than 100 detections of a class and 300 of all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.runs.dialects import TOOLS
from evalnb.runs.files import evaluate_coco
from tests.parity import tools

RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parent.parent / "docs" / "images" / "why-ultralytics.svg"
PACKAGES = {"tide": "tidecv", "ultralytics": "ultralytics-opencv-headless", "fiftyone": None, "ultralytics-8.3": None}
SHOWN = 6


def problem(images: int, *, seed: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truths of 6 classes, a fifth of the images crowded, and detections with a long tail of ghosts."""
    rng = np.random.default_rng(seed)
    truth: dict[str, Any] = {
        "images": [{"id": n, "width": 640, "height": 480, "file_name": f"{n:05d}.jpg"} for n in range(1, images + 1)],
        "categories": [{"id": c, "name": f"class {c}"} for c in range(1, 7)],
        "annotations": [],
    }
    results: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        crowded = rng.random() < 0.2
        count = int(rng.poisson(60 if crowded else 7))
        wh = np.exp(rng.normal(3.4 if crowded else 4.1, 0.7, (count, 2))).clip(6, 300).round()
        boxes = np.hstack([(rng.random((count, 2)) * [560, 400]).round(), wh])
        kinds = rng.choice(6, size=count, p=[0.5, 0.2, 0.12, 0.1, 0.05, 0.03]) + 1
        for box, kind in zip(boxes.tolist(), kinds.tolist(), strict=True):
            is_crowd = bool(rng.random() < 0.02)
            box = [box[0], box[1], box[2] * 3, box[3] * 2] if is_crowd else box
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": image,
                    "category_id": kind,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(is_crowd),
                }
            )
        for _ in range(420 if crowded else 70):
            if count and rng.random() < 0.5:
                near = int(rng.integers(count))
                box = (boxes[near] + rng.normal(0, 0.12, 4) * np.tile(boxes[near, 2:], 2)).round()
                kind = int(kinds[near]) if rng.random() < 0.9 else int(rng.integers(6)) + 1
                score = rng.beta(1.4, 1.6)
            else:
                box = np.append(rng.random(2) * 400, np.exp(rng.normal(3.8, 0.8, 2))).round()
                kind, score = int(rng.integers(6)) + 1, rng.beta(0.6, 8)
            box[2:] = np.maximum(box[2:], 1)
            results.append(
                {
                    "image_id": image,
                    "category_id": kind,
                    "bbox": box.tolist(),
                    "score": round(float(score), 2),
                }
            )
    return truth, results


def plain_svg() -> Any:
    """The same figure writes the same file: no ids by chance."""
    from matplotlib import rc_context

    return rc_context({"svg.hashsalt": "evalnb"})


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    out = work()
    return time.process_time() - start, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=120)
    asked = parser.parse_args()
    one, few = problem(asked.images), problem(2)
    evaluation = evaluate_coco(*one)
    all_s, table = timed(evaluation.dialects)
    table = table.set_index("tool")
    figures: dict[str, Any] = {
        "images": asked.images,
        "truths": len(one[0]["annotations"]),
        "detections": len(one[1]),
        "evalnb, all tools, CPU s": all_s,
        "tools": {},
    }
    print(f"{asked.images} images, {len(one[0]['annotations'])} truths, {len(one[1])} detections\n")
    print("| tool | AP by its own code | AP by evalnb | AP50 by its own code | AP50 by evalnb | its CPU s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        for name in TOOLS:
            # Once for what it imports.
            tools.asked_of(name, few, Path(home))
            own_s, own = timed(lambda name=name: tools.asked_of(name, one, Path(home)))
            package = PACKAGES.get(name, name)
            known = f"{name} {version(package)}" if package else f"{name} (its rules as loops)"
            mine = table.loc[name, ["AP", "AP50", "AP75"]].tolist()
            figures["tools"][name] = {
                "version": known,
                "by its own code": own,
                "by evalnb": mine,
                "largest error": max(abs(a - b) for a, b in zip(own, mine, strict=True)),
                "its own CPU s": own_s,
                "why": evaluation.why(name).to_dict("records"),
                "why, AP50": evaluation.why(name, ap50=True).to_dict("records"),
            }
            print(
                f"| {known} | {own[0]:.{SHOWN}f} | {mine[0]:.{SHOWN}f} | {own[1]:.{SHOWN}f} | {mine[1]:.{SHOWN}f} |"
                f" {own_s:.1f} |"
            )
    figures["largest error"] = max(found["largest error"] for found in figures["tools"].values())
    print(f"\nlargest error of AP, AP50 and AP75: {figures['largest error']:.1e}; evalnb: {all_s:.2f} CPU s for all")
    for name in TOOLS:
        why, why50 = (evaluation.why(name, ap50=ap50)["difference"] for ap50 in (False, True))
        print(f"\n| {name}: rule | AP, points | AP50, points |\n|---|---|---|")
        for rule, ap, ap50 in zip(evaluation.why(name)["rule"], 100 * why, 100 * why50, strict=True):
            print(f"| {rule} | {ap:+.4f} | {ap50:+.4f} |")
    with plain_svg():
        evaluation.why_chart("ultralytics").savefig(
            FIGURE, transparent=True, bbox_inches="tight", metadata={"Date": None}
        )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dialects.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
