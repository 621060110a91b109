"""Whatever is wrong with a file or a value, the answer is a refusal by name or numbers, never a bare traceback."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import evalnb as ev
from evalnb.errors import EvalnbError

JUNK = [
    None,
    True,
    -1,
    0,
    1,
    2**70,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../x.png",
    [],
    [None],
    {},
    {"id": 1},
    b"x",
]
often = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))

TRUE = np.array([[1, 1, 1, 1, 0, 0, 2, 2, 3, 3]] * 2)
TRUTH = {
    "categories": [{"id": 1, "name": "person", "isthing": 1}, {"id": 3, "name": "sky", "isthing": 0}],
    "annotations": [
        {
            "image_id": 7,
            "file_name": "7.png",
            "segments_info": [
                {"id": 1, "category_id": 1, "area": 8, "iscrowd": 0},
                {"id": 2, "category_id": 1, "area": 4, "iscrowd": 1},
                {"id": 3, "category_id": 3, "area": 4, "iscrowd": 0},
            ],
        }
    ],
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key below it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


@given(st.data())
@often
def test_panoptic_json(data: st.DataObject) -> None:
    sides = [copy.deepcopy(TRUTH), copy.deepcopy(TRUTH)]
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(sides))))
        if data.draw(st.booleans()) and isinstance(container, dict):
            del container[key]
        else:
            container[key] = copy.deepcopy(data.draw(st.sampled_from(JUNK)))
    with contextlib.suppress(EvalnbError):
        one = ev.evaluate_panoptic(sides[0], sides[1], truth_images={7: TRUE}, predicted_images={7: TRUE})
        assert np.isnan(one.summary()["PQ"]) or 0 <= one.summary()["PQ"] <= 1


@given(st.data())
@often
def test_label_files(data: st.DataObject) -> None:
    out = io.BytesIO()
    Image.fromarray(TRUE.astype(np.uint8)).save(out, "PNG")
    raw = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    with contextlib.suppress(EvalnbError):
        ev.evaluate_semantic([bytes(raw)], [TRUE], {1: "a", 2: "b", 3: "c"}, ignore=0)
    with contextlib.suppress(EvalnbError):
        ev.evaluate_video({"s": [bytes(raw)] * 3}, {"s": [TRUE] * 3})


@given(st.data())
@often
def test_values(data: st.DataObject) -> None:
    junk = st.sampled_from(
        [*JUNK, [[0.5, 0.5]], [0, 1], ["a", "b"], [0.1, 2.0], np.zeros((0, 3)), Path("no"), object()]
    )
    with contextlib.suppress(EvalnbError):
        ev.evaluate_classification(data.draw(junk), data.draw(junk))
    with contextlib.suppress(EvalnbError):
        ev.evaluate_semantic(data.draw(junk), data.draw(junk), ["a", "b"])
    with contextlib.suppress(EvalnbError):
        ev.evaluate_video(data.draw(junk), data.draw(junk))
    with contextlib.suppress(EvalnbError):
        ev.evaluate_video({"s": data.draw(junk)}, {"s": data.draw(junk)})
    with contextlib.suppress(EvalnbError):
        ev.evaluate_panoptic(data.draw(junk), data.draw(junk), truth_images={}, predicted_images=data.draw(junk))
