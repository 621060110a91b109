"""COCO → evalnb → COCO: equal, to the last bit of every number."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from evalnb.core.records import Annotation, Geometry
from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.registry.exports import export
from evalnb.store import Store
from evalnb.store.repositories import annotations, images
from evalnb.store.tables import AnnotationRow

SIDE = 64


def written(store: Store, dataset_id: int, out: Path, **more: Any) -> dict[str, Any]:
    report = export(store, dataset_id, "coco", out, images="none", **more)
    assert report.lossless
    content: dict[str, Any] = json.loads((out / "annotations.json").read_bytes())
    assert report.images == len(content.get("images", [])) and report.annotations == len(
        content.get("annotations", [])
    )
    return content


def test_a_rich_file_comes_back_equal(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    source.content["info"] = {"year": 2017, "url": 'http:\\/\\/x/"y"', "é": "ü\n\t[{", "pi": 0.1 + 0.2, "n": None}
    source.content["licenses"] = [{"id": 1, "name": "CC [BY] {4}"}, {"id": 2, "url": "\\"}]
    source.content["version"] = 1.0
    source.content["_source"] = {"absent": ["info"]}
    source.content["categories"] = [
        {"id": 3, "name": "box"},
        {"id": 7, "name": "van", "supercategory": "vehicle", "instance_count": 3},
        {"id": 0, "name": "person", "keypoints": ["a", "b"], "skeleton": [[1, 2]], "color": "#00ff00"},
        {"id": 900, "name": "van"},
        {"id": "tree", "name": "tree", "supercategory": None},
    ]
    for one in (5, 0, -3, 2**40, "text id", "12", '"'):
        source.image(one, date_captured="2013-11-14 17:02:52", flickr_url="http:\\/\\/x", license=3, tags=["night"])
    source.content["images"][1]["tags"] = "not a list"
    source.content["images"][2]["tags"] = []
    source.content["images"][3]["_source"] = {"given": {"id": 1}}
    del source.content["images"][4]["width"], source.content["images"][5]["height"]
    thirds = [1 / 3, 2 / 3, 10 / 3, 5e-324, 0.1 + 0.2, 1e-7]
    source.box(0, 5, [0.1, 0.2, 1 / 3, 1e-9], 7)
    source.box(9, 0, [1, 2, 3, 4], 900, segmentation=[thirds, [1, 2, 3, 4, 5.5, 6]], area=1 / 3)
    source.box(2**50, -3, [1.0, 2, 3, 4], "tree", segmentation=[], iscrowd=1)
    source.box('a b"c\\d\te', 2**40, [-5, -6, 900, 4], 0, segmentation=None)
    source.box(4, "12", segmentation={"size": [64, 64], "counts": [0, 7, 4089]}, iscrowd=1, category=7)
    source.box(
        3,
        '"',
        segmentation={"size": [64, 64], "counts": "S86j1000000000m[3"},
        category=7,
        attributes={"a": [1, None]},
    )
    source.box(2, 5, segmentation={"size": [64, 64], "counts": [4096], "note": "odd"}, category=7, attributes={})
    source.box(11, 5, category=0, keypoints=[1.5, 2, 2, 0, 0, 0], num_keypoints=1, segmentation=[[1, 2, 3, 4, 5, 6]])
    source.box(12, 5, category=0, keypoints=[1.5, 2, 2, 0, 0, 0], num_keypoints=7, tags=["seen", "twice"])
    source.box(13, 5, category=0, keypoints=[1.5, 2, 2, 0, 0, 1], tags=[])
    source.box(14, 5, category=0, keypoints=[], num_keypoints=0, attributes="text", ignore=1)
    source.box(15, 5, category=0, area=None, iscrowd=None, score=0.25, deep={"x": [[[1e300, -0.0, "\x7f"]]]})
    source.box(16, 5, category=0, _source={"absent": ["bbox"]})
    for key in ("area", "iscrowd"):
        source.box(f"no {key}", 5, category=0)
        del source.content["annotations"][-1][key]
    source.box("no box", 5, category=0, segmentation=[[1, 2, 3, 4, 5, 7]])
    del source.content["annotations"][-1]["bbox"]
    report = source.into(store, project)
    problems = {reason for (_, reason), _ in report.problem_counts.items()}
    assert problems == {"name is used twice; it is called 'van (2)' here"}
    out = written(store, report.dataset_id, tmp_path / "out")
    for name, value in source.content.items():
        assert out[name] == value, name
    assert out.keys() == source.content.keys()


numbers = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-1000, 1000)
sides = st.floats(1e-6, 1e6, exclude_min=True) | st.integers(1, 1000)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
ids = st.integers(-(2**62), 2**62) | texts
OWN = {"id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd", "keypoints", "attributes", "tags"}
extras = st.dictionaries(texts.filter(lambda key: key not in OWN), jsons, max_size=3)


@st.composite
def outlines(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["polygon", "runs", "none", "empty"]))
    if kind == "polygon":
        part = st.integers(3, 6).flatmap(lambda n: st.lists(numbers, min_size=2 * n, max_size=2 * n))
        return draw(st.lists(part, min_size=1, max_size=3))
    if kind == "runs":
        cuts = sorted(draw(st.sets(st.integers(1, SIDE * SIDE - 1), max_size=8)))
        edges = [0, *cuts, SIDE * SIDE]
        return {"size": [SIDE, SIDE], "counts": [b - a for a, b in pairwise(edges)]}
    return None if kind == "none" else []


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    image_ids = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    shape_ids = draw(st.lists(ids, max_size=6, unique=True))
    return {
        "info": draw(jsons),
        "licenses": draw(st.lists(st.dictionaries(texts, jsons, max_size=2), max_size=2)),
        "categories": [{"id": 4, "name": "x"}, {"id": 1, "name": "ÿ", "supercategory": "s"}],
        "images": [
            {**draw(extras), "id": one, "file_name": "0.png", "width": SIDE, "height": SIDE} for one in image_ids
        ],
        "annotations": [
            {
                **draw(extras),
                "id": one,
                "image_id": draw(st.sampled_from(image_ids)),
                "category_id": draw(st.sampled_from([1, 4])),
                "bbox": [draw(numbers), draw(numbers), draw(sides), draw(sides)],
                "area": draw(st.floats(0, 1e12)),
                "iscrowd": draw(st.integers(0, 1)),
                "segmentation": draw(outlines()),
            }
            for one in shape_ids
        ],
    }


# Each example is an import and an export: shrinking one would take minutes.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(content=contents())
def test_any_valid_file_comes_back_equal(
    store: Store, project: int, source: Any, tmp_path: Path, content: dict[str, Any]
) -> None:
    if not (source.folder / "imgs" / "0.png").exists():
        source.image(0)
    source.content = content
    report = source.into(store, project, name=str(uuid4()))
    assert report.problem_counts == {}
    assert written(store, report.dataset_id, tmp_path / "out") == content


def test_edits_come_out_consistent_and_new_shapes_get_fresh_ids(
    store: Store, project: int, source: Any, tmp_path: Path
) -> None:
    source.image(1)
    for one in (1, 50, 3, 4):
        source.box(one, 1, segmentation=[[0, 0, 10, 0, 10, 10]], note="kept")
    report = source.into(store, project)
    with store.database.transaction() as session:
        image = images.page(session, report.dataset_id)[0]
        first, second, third, fourth = annotations.of_image(session, image.id)
        moved = Geometry("polygon", (5.0, 5.0, 20.0, 10.0), parts=((5.0, 5.0, 25.0, 5.0, 25.0, 15.0, 5.0, 15.0),))
        annotations.assign(session.get_one(AnnotationRow, first.id), replace(first, geometry=moved, revision=2))
        annotations.assign(session.get_one(AnnotationRow, second.id), replace(second, class_id=90, revision=2))
        annotations.assign(session.get_one(AnnotationRow, third.id), replace(third, deleted=True, revision=2))
        annotations.assign(
            session.get_one(AnnotationRow, fourth.id),
            replace(fourth, geometry=Geometry("box", (1.0, 1.0, 2.0, 2.0)), revision=2),
        )
        drawn = Annotation(uuid4(), image.id, 3, Geometry("box", (1.0, 2.0, 3.0, 4.0)), tags=("mine",))
        session.add(annotations.new_row(drawn, dataset_id=report.dataset_id))
    out = written(store, report.dataset_id, tmp_path / "out")["annotations"]
    assert [one["id"] for one in out] == [1, 50, 4, 51]
    assert (out[0]["bbox"], out[0]["area"], out[0]["segmentation"]) == (
        [5, 5, 20, 10],
        200,
        [[5, 5, 25, 5, 25, 15, 5, 15]],
    )
    assert out[0]["note"] == "kept"
    assert out[1] == {**source.content["annotations"][1], "category_id": 90}
    assert "segmentation" not in out[2] and out[2]["area"] == 4
    assert out[3] == {
        "id": 51,
        "image_id": 1,
        "category_id": 3,
        "bbox": [1, 2, 3, 4],
        "area": 12,
        "iscrowd": 0,
        "tags": ["mine"],
    }


def test_a_slice_exports_only_its_part(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    for one in (1, 2, 3):
        source.image(one, tags=["night"] if one > 1 else [])
        source.box(10 * one, one, category=3)
        source.box(10 * one + 1, one, category=90 if one == 2 else 3)
    report = source.into(store, project)
    night = written(store, report.dataset_id, tmp_path / "a", part=Slice().where(tag="night"))
    assert [one["id"] for one in night["annotations"]] == [20, 21, 30, 31]
    people = written(store, report.dataset_id, tmp_path / "b", part=Slice().where(tag="night", classes=["person"]))
    assert [one["id"] for one in people["images"]] == [2]
    assert [one["id"] for one in people["annotations"]] == [21]


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_pixels_go_along(store: Store, project: int, source: Any, tmp_path: Path, mode: Any) -> None:
    source.image(1)
    source.image(2)
    report = source.into(store, project)
    (source.folder / "imgs" / "2.png").unlink()
    losses = export(store, report.dataset_id, "coco", tmp_path / "out", images=mode)
    target = tmp_path / "out" / "images" / "1.png"
    assert target.is_symlink() == (mode == "link")
    assert target.read_bytes() == (source.folder / "imgs" / "1.png").read_bytes()
    assert losses.losses == {("image", "file was left out"): 1}
    assert "2.png" in str(losses) and "2.png" in losses._repr_html_()


def test_an_unknown_format_is_refused(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    source.image(1)
    report = source.into(store, project)
    with pytest.raises(Invalid, match="'pdf'"):
        export(store, report.dataset_id, "pdf", tmp_path / "out")
