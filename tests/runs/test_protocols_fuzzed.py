"""Whatever stands in a file of another protocol, it is evaluated or refused in words: nothing else is ever raised."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evalnb.errors import EvalnbError
from evalnb.runs.files import evaluate_coco
from evalnb.runs.lvis import evaluate_lvis
from evalnb.runs.open_images import evaluate_open_images

some = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3))
junk = st.recursive(some, lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner))
few = settings(max_examples=30, deadline=None)


def spoilt(draw: st.DrawFn, rows: list[dict[str, Any]]) -> list[Any]:
    """The rows, a few of their values replaced by whatever, a row or two by something else altogether."""
    out: list[Any] = [dict(one) for one in rows]
    for _ in range(draw(st.integers(0, 3))):
        row = out[draw(st.integers(0, len(out) - 1))]
        if isinstance(row, dict) and row:
            row[draw(st.sampled_from(sorted(row)))] = draw(junk)
    if draw(st.booleans()):
        out.append(draw(junk))
    return out


def of_coco(draw: st.DrawFn, shape: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    of = {"image_id": 1, "category_id": 1}
    image = {"id": 1, "width": 9, "height": 9, "neg_category_ids": [1], "not_exhaustive_category_ids": [1]}
    truth = {
        "images": spoilt(draw, [image]),
        "categories": spoilt(draw, [{"id": 1, "name": "a", "frequency": "r"}]),
        "annotations": spoilt(draw, [{**of, **shape, "id": i, "area": 9.0, "iscrowd": 0} for i in (1, 2)]),
    }
    return truth, spoilt(draw, [{**of, **shape, "score": 0.5} for _ in range(2)])


@few
@given(data=st.data(), poly=st.booleans())
def test_rotated_boxes(data: st.DataObject, poly: bool) -> None:
    shape = {"poly": [0, 0, 5, 0, 5, 5, 0, 5]} if poly else {"obb": [3, 3, 4, 2, 0.3]}
    with contextlib.suppress(EvalnbError):
        assert evaluate_coco(*of_coco(data.draw, shape), "obb").summary()["AP"] <= 1


@few
@given(data=st.data())
def test_lvis(data: st.DataObject) -> None:
    with contextlib.suppress(EvalnbError):
        assert evaluate_lvis(*of_coco(data.draw, {"bbox": [0, 0, 4, 4], "ignore": 0}), "bbox").summary()["AP"] <= 1


@few
@given(data=st.data())
def test_open_images(data: st.DataObject) -> None:
    box = {"ImageID": "a", "LabelName": "x", "XMin": 0, "XMax": 1, "YMin": 0, "YMax": 1}
    tables = [spoilt(data.draw, [{**box, **more}]) for more in ({"IsGroupOf": 0}, {"Score": 1}, {"Confidence": 1})]
    tree = data.draw(st.none() | junk | st.just({"Subcategory": [{"LabelName": "x"}]}))
    with contextlib.suppress(EvalnbError):
        assert evaluate_open_images(*tables[:2], labels=tables[2], hierarchy=tree).summary()["AP"] <= 1
