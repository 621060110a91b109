"""The canvas rasterises polygons as the core and pycocotools do: its own test (fill.test.ts) reads their cases.

``python tests/parity/test_canvas_fill.py`` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from evalnb.core import masks, shapes
from evalnb.core.records import Geometry

CASES = Path(__file__).parents[2] / "widgets/src/editor/ops/fill.cases.json"
SEED = 53


def cases() -> list[dict]:
    """Polygons of 1 to 3 parts and 0 to 2 holes, on and between pixels, some beyond the image, with their runs."""
    random = np.random.default_rng(SEED)

    def run(size: tuple[int, int]) -> tuple[float, ...]:
        corners = random.uniform(-6, np.array([size[1], size[0]]) + 6, (random.integers(3, 9), 2))
        digits = int(random.integers(0, 3))
        return tuple(np.round(corners, digits).ravel().tolist())

    found = []
    for _ in range(80):
        size = (int(random.integers(1, 60)), int(random.integers(1, 60)))
        parts = tuple(run(size) for _ in range(random.integers(1, 4)))
        holes = tuple(run(size) for _ in range(random.integers(0, 3)))
        whole = Geometry("polygon", (0.0, 0.0, 0.0, 0.0), parts=parts, holes=holes)
        counts = masks.to_string(shapes.mask_of(whole, size))
        found.append({"size": list(size), "parts": parts, "holes": holes, "counts": counts})
    return found


def test_the_canvas_is_tested_against_what_the_core_says() -> None:
    assert json.loads(CASES.read_text()) == json.loads(json.dumps(cases()))


def test_the_core_says_what_pycocotools_says() -> None:
    for case in json.loads(CASES.read_text()):
        whole, out = (
            coco_mask.decode(coco_mask.frPyObjects(case[runs], *case["size"])).any(axis=2)
            if case[runs]
            else np.zeros(case["size"], bool)
            for runs in ("parts", "holes")
        )
        assert np.array_equal(whole & ~out, masks.decode(masks.from_string(case["counts"], case["size"])))


if __name__ == "__main__":
    CASES.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases()) + "\n]\n")
