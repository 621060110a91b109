"""Evaluation problems of the shape of public data sets, the same on every machine, as COCO's files.

Truths have COCO's density; the detections are those of a middling detector: half of them near a truth, with jitter
and now and then the wrong class, the rest a long tail of ghosts.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
AT_ONCE = 2_000
"""Images that are made and written together."""


@dataclass(frozen=True)
class Shape:
    """How large a problem is."""

    images: int
    classes: int
    truths_per_image: float
    detections_per_image: int
    concentration: float
    """Of the Dirichlet distribution that the classes' frequencies are drawn from: the less, the longer the tail."""
    federated: bool = False
    """With LVIS's lists of classes that were looked for in each image."""


SHAPES = {
    "val2017": Shape(5_000, 80, 7.36, 80, 0.3),
    "lvis": Shape(20_000, 1_203, 12.0, 105, 0.05, federated=True),
    "objects365": Shape(80_000, 365, 15.5, 108, 0.3),
    "small": Shape(62, 10, 7.36, 80, 0.3),
}


def write(shape: Shape, kind: str, truth: Path, results: Path, *, seed: int = 0) -> None:
    """Write the two files, in pieces; ``kind`` is bbox or segm."""
    rng = np.random.default_rng(seed)
    favourite = rng.dirichlet(np.full(shape.classes, shape.concentration))
    with truth.open("wb") as truth_file, results.open("wb") as result_file:
        truth_file.write(b'{"annotations":[')
        result_file.write(b"[")
        images: list[dict[str, Any]] = []
        first_id = 1
        for low in range(0, shape.images, AT_ONCE):
            many = min(AT_ONCE, shape.images - low)
            first_id = _piece(shape, kind, rng, favourite, low + 1, many, first_id, truth_file, result_file, images)
        truth_file.write(b'],"images":' + orjson.dumps(images))
        truth_file.write(b',"categories":' + orjson.dumps(_categories(shape, favourite)) + b"}")
        result_file.write(b"]")


def _categories(shape: Shape, favourite: NDArray[np.float64]) -> list[dict[str, Any]]:
    rank = np.argsort(np.argsort(favourite))
    groups = ["r", "c", "f"]
    return [
        {"id": c + 1, "name": f"class {c + 1}"}
        | ({"frequency": groups[int(rank[c] * 3 // shape.classes)]} if shape.federated else {})
        for c in range(shape.classes)
    ]


def _piece(
    shape: Shape,
    kind: str,
    rng: np.random.Generator,
    favourite: NDArray[np.float64],
    first_image: int,
    many: int,
    first_id: int,
    truth_file: BinaryIO,
    result_file: BinaryIO,
    images: list[dict[str, Any]],
) -> int:
    count = rng.poisson(shape.truths_per_image, many)
    total, start = int(count.sum()), np.concatenate(([0], np.cumsum(count)))
    image = np.repeat(np.arange(many), count)
    side = np.exp(rng.normal(4.1, 1.0, (total, 2))).clip(4, 400).round(2)
    room = np.array([WIDTH, HEIGHT])
    corner = (rng.random((total, 2)) * (room - np.minimum(side, room - 1))).round(2)
    box, class_id = np.hstack([corner, side]), rng.choice(shape.classes, size=total, p=favourite) + 1
    crowd = rng.random(total) < (0 if shape.federated else 0.012)
    truths: dict[str, list[Any]] = {
        "id": list(range(first_id, first_id + total)),
        "image_id": (first_image + image).tolist(),
        "category_id": class_id.tolist(),
        "bbox": box.tolist(),
        "area": (side.prod(axis=1) * 0.6).round(3).tolist(),
    }
    if not shape.federated:
        truths["iscrowd"] = crowd.astype(int).tolist()
    if kind == "segm":
        truths["segmentation"] = [[one] for one in _outlines(rng, box).tolist()]
    _append(truth_file, truths, first=first_id == 1)

    each = shape.detections_per_image
    of = np.repeat(np.arange(many), each)
    near = (rng.random(len(of)) < 0.5) & (count[of] > 0)
    to = start[of] + (rng.random(len(of)) * np.maximum(count[of], 1)).astype(int)
    to = np.minimum(to, max(total - 1, 0))
    jittered = box[to] + rng.normal(0, 0.12, (len(of), 4)) * np.tile(side[to], 2)
    ghost = np.hstack([rng.random((len(of), 2)) * 400, np.exp(rng.normal(4.1, 1, (len(of), 2)))])
    found = np.where(near[:, None], jittered, ghost).round(2)
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    anything = rng.choice(shape.classes, size=len(of), p=favourite) + 1
    right = near & (rng.random(len(of)) < 0.8)
    score = np.where(near, rng.beta(1.2, 2.5, len(of)), rng.beta(0.6, 8, len(of))).round(3)
    detections: dict[str, list[Any]] = {
        "image_id": (first_image + of).tolist(),
        "category_id": np.where(right, class_id[to], anything).tolist(),
        "score": score.tolist(),
    }
    if kind == "segm":
        detections["segmentation"] = _runs(_outlines(rng, found))
    else:
        detections["bbox"] = found.tolist()
    _append(result_file, detections, first=first_id == 1)
    _list_images(shape, rng, first_image, many, class_id, start, images)
    return first_id + total


def _list_images(
    shape: Shape,
    rng: np.random.Generator,
    first_image: int,
    many: int,
    class_id: NDArray[np.int64],
    start: NDArray[np.int64],
    images: list[dict[str, Any]],
) -> None:
    for n in range(many):
        one: dict[str, Any] = {"id": first_image + n, "width": WIDTH, "height": HEIGHT}
        one["file_name"] = f"{first_image + n:012d}.jpg"
        if shape.federated:
            there = set(class_id[start[n] : start[n + 1]].tolist())
            looked = set((rng.integers(0, shape.classes, 20) + 1).tolist()) - there
            one["neg_category_ids"] = sorted(looked)
            one["not_exhaustive_category_ids"] = sorted(c for c in there if rng.random() < 0.1)
        images.append(one)


def _append(file: BinaryIO, columns: dict[str, list[Any]], *, first: bool) -> None:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if rows:
        file.write((b"" if first else b",") + orjson.dumps(rows)[1:-1])


def _outlines(rng: np.random.Generator, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 48) a wobbly ellipse of 24 corners in each box."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = rng.uniform(0.8, 1, (len(box), 24)) / 2
    x = box[:, :1] + box[:, 2:3] * (0.5 + radius * np.cos(angle))
    y = box[:, 1:2] + box[:, 3:] * (0.5 + radius * np.sin(angle))
    return np.stack([x.clip(0, WIDTH), y.clip(0, HEIGHT)], axis=2).reshape(len(box), -1).round(1)


def _runs(flat: NDArray[np.float64]) -> list[dict[str, Any]]:
    """COCO's compressed runs of each outline."""
    from pycocotools import mask

    made = mask.frPyObjects(flat.tolist(), HEIGHT, WIDTH)
    return [{"size": one["size"], "counts": one["counts"].decode()} for one in made]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("kind", choices=["bbox", "segm"])
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    name = f"{asked.shape}-{asked.kind}"
    write(
        SHAPES[asked.shape],
        asked.kind,
        asked.folder / f"{name}-truth.json",
        asked.folder / f"{name}-results.json",
    )


if __name__ == "__main__":
    main()
