"""Generated evaluation problems, as nasty as COCO's rules allow, and pycocotools' answers to them."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Problem = tuple[dict[str, Any], list[dict[str, Any]]]


@st.composite
def problems(draw: st.DrawFn, *, kind: str = "bbox", max_images: int = 6) -> Problem:
    """A truth file and a result list. hypothesis chooses the shape and the seed, numpy fills it in."""
    return make(
        seed=draw(st.integers(0, 2**32 - 1)),
        kind=kind,
        images=draw(st.integers(1, max_images)),
        classes=draw(st.integers(1, 4)),
        truths=draw(st.integers(0, 8)),
        detections=draw(st.sampled_from([0, 1, 4, 12, 40, 130 if kind == "bbox" else 60])),
        score_steps=draw(st.sampled_from([1, 3, 10, 100000])),
        grid=draw(st.sampled_from([1, 4, 10])),
        crowd=draw(st.sampled_from([0.0, 0.2, 1.0])),
    )


def make(
    *,
    seed: int,
    kind: str = "bbox",
    images: int,
    classes: int,
    truths: int,
    detections: int,
    score_steps: int = 10,
    grid: int = 1,
    crowd: float = 0.2,
) -> Problem:
    """Boxes on a grid (exact IoUs such as 0.5 and 0.75, and ties), sizes on the area bounds, coarse scores."""
    rng = np.random.default_rng(seed)
    image_ids = rng.choice(10_000, size=images, replace=False).tolist()
    class_ids = rng.choice(500, size=classes, replace=False).tolist()
    shown = image_ids if rng.random() < 0.5 else image_ids[: max(1, images // 2)]
    size = 160 if kind == "segm" else 400
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []

    def box() -> list[float]:
        wh = (
            rng.choice([8, 16, 31, 32, 33, 64, 96, 97, 120], size=2)
            if rng.random() < 0.5
            else rng.integers(1, 120, 2)
        )
        xy = rng.integers(0, size // 2 // grid + 1, size=2) * grid
        jitter = rng.random(4) if rng.random() < 0.3 else np.zeros(4)
        return [float(v) for v in np.concatenate([xy, wh]) + jitter]

    def near(of: list[float]) -> list[float]:
        move = rng.choice([0, 0, 0, 4, 8], size=4) if rng.random() < 0.7 else rng.normal(0, 6, 4)
        moved = np.array(of) + move
        return [float(v) for v in np.append(moved[:2], np.maximum(moved[2:], 0))]

    def outline(of: list[float]) -> Any:
        x, y, w, h = of
        polygon = [x, y, x + w, y, x + w, y + h, x + w / 2, y + h * rng.uniform(0.5, 1), x, y + h]
        return [polygon]

    def runs(of: list[float], compressed: bool) -> Any:
        rle = coco_mask.merge(coco_mask.frPyObjects(outline(of), size, size))
        if compressed:
            return {"size": [size, size], "counts": rle["counts"].decode()}
        flat = coco_mask.decode(rle).ravel(order="F")
        turns = np.flatnonzero(np.diff(flat)) + 1
        edges = np.concatenate([[0] if flat[0] else [], turns, [flat.size]])
        return {"size": [size, size], "counts": np.diff(edges, prepend=0).astype(int).tolist()}

    def points(of: list[float], lose: float) -> list[float]:
        x, y, w, h = of
        seen = rng.choice([0, 1, 2], size=17, p=[lose, (1 - lose) / 2, (1 - lose) / 2])
        xs, ys = x + rng.random(17).round(1) * w, y + rng.random(17).round(1) * h
        return np.stack([xs, ys, seen], axis=1).ravel().tolist()

    number = int(rng.integers(0, 2))
    for image in shown:
        for _ in range(truths):
            one = box()
            is_crowd = bool(rng.random() < crowd)
            annotation: dict[str, Any] = {
                "id": number,
                "image_id": image,
                "category_id": int(rng.choice(class_ids)),
                "bbox": one,
                "iscrowd": int(is_crowd),
                "area": float(rng.choice([1024.0, 9216.0, one[2] * one[3], one[2] * one[3] / 2])),
            }
            if kind == "segm":
                annotation["segmentation"] = (
                    runs(one, bool(rng.integers(0, 2))) if is_crowd or rng.random() < 0.3 else outline(one)
                )
            if kind == "keypoints":
                annotation["keypoints"] = points(one, float(rng.choice([0.3, 1.0], p=[0.8, 0.2])))
                annotation["num_keypoints"] = sum(v > 0 for v in annotation["keypoints"][2::3])
            annotations.append(annotation)
            number += int(rng.integers(1, 4))
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in annotations:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    guess = (lambda: image_ids[0]) if rng.random() < 0.3 else (lambda: int(rng.choice(image_ids)))
    for _ in range(detections * images):
        image = guess()
        around = by_image.get(image)
        source = around[int(rng.integers(len(around)))] if around and rng.random() < 0.8 else None
        one = near(source["bbox"]) if source else box()
        same = source is not None and rng.random() < 0.9
        result: dict[str, Any] = {
            "image_id": image,
            "category_id": source["category_id"] if source and same else int(rng.choice([*class_ids, 999])),
            "score": float(rng.integers(0, score_steps + 1) / score_steps),
        }
        if kind == "bbox":
            result["bbox"] = one
        if kind == "segm":
            result["segmentation"] = runs([one[0], one[1], max(one[2], 1.0), max(one[3], 1.0)], True)
        if kind == "keypoints":
            if source and rng.random() < 0.8:
                moved = np.array(source["keypoints"]).reshape(17, 3)
                moved[:, :2] += rng.normal(0, rng.choice([0, 2, 10]), (17, 2)).round(1)
                result["keypoints"] = moved.ravel().tolist()
            else:
                result["keypoints"] = points(one, 0.0)
        results.append(result)
    truth = {
        "images": [{"id": i, "width": size, "height": size, "file_name": f"{i}.png"} for i in image_ids],
        "categories": [{"id": c, "name": f"class {c}"} for c in class_ids],
        "annotations": annotations,
    }
    return truth, results


def ask_pycocotools(
    problem: Problem,
    kind: str = "bbox",
    *,
    images: list[int] | None = None,
    classes: list[int] | None = None,
    confidence: float | None = None,
    sigmas: list[float] | None = None,
) -> COCOeval:
    """The reference's answer: its ``stats``, and its ``eval`` with the full arrays."""
    truth, results = copy.deepcopy(problem)
    if confidence is not None:
        results = [one for one in results if one["score"] >= confidence]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        if results:
            answers = coco.loadRes(results)
        else:
            # loadRes looks at the first result without asking whether there is one.
            answers = COCO()
            answers.dataset = {"images": truth["images"], "categories": truth["categories"], "annotations": []}
            answers.createIndex()
        reference = COCOeval(coco, answers, kind)
        if sigmas is not None:
            reference.params.kpt_oks_sigmas = np.array(sigmas)
        if images is not None:
            reference.params.imgIds = images
        if classes is not None:
            reference.params.catIds = classes
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    return reference
