"""LabelMe, Datumaro and mask files: golden ones by the published formats, and broken ones, whose faults are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core.records import Turned
from evalnb.registry import ingest
from evalnb.registry.ingest import ImportReport
from evalnb.store import Store
from tests.registry.foreign import picture, png_of, taken

# ------------------------------------------------------------------------------------------------ LabelMe


def labelme(store: Store, project: int, folder: Path, *shapes: Any, **more: Any) -> ImportReport:
    picture(folder / "a.png")
    content = {"version": "5.4.1", "flags": {"night": True, "rain": False}, "shapes": list(shapes)}
    content |= {"imagePath": "a.png", "imageData": None, "imageHeight": 50, "imageWidth": 100, **more}
    (folder / "a.json").write_text(json.dumps(content))
    return ingest.import_labelme(store, project, "l", folder=folder)


def drawn(kind: str, points: Any, **more: Any) -> dict[str, Any]:
    return {"label": "cat", "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_labelme_as_it_saves(store: Store, project: int, tmp_path: Path) -> None:
    cut = np.array([[True, False], [True, True]])
    report = labelme(
        store,
        project,
        tmp_path,
        drawn("rectangle", [[30, 20], [10, 5]], flags={"cut": True}, description="sleeps"),
        drawn("circle", [[50, 25], [53, 29]]),
        drawn("polygon", [[1, 1], [9, 1], [9, 9]], group_id=1),
        drawn("linestrip", [[1, 1], [9, 1], [9, 9]]),
        drawn("line", [[1, 1], [9, 1]]),
        drawn("polygon", [[11, 1], [19, 1], [19, 9]], group_id=1),
        drawn("point", [[3, 4]]),
        drawn("mask", [[10, 20], [11, 21]], mask=png_of(cut)),
    )
    assert report.problem_counts == {}
    ((tags, shapes),) = taken(store, report).values()
    assert tags == ("night",)
    box, circle, polygon, strip, line, point, mask = shapes
    assert box.geometry.box == (10, 5, 20, 15) and box.attributes == {"cut": True, "description": "sleeps"}
    assert circle.geometry.turned == Turned((50, 25), (10, 10), 0)
    assert polygon.geometry.parts == ((1, 1, 9, 1, 9, 9), (11, 1, 19, 1, 19, 9))
    assert (strip.geometry.kind, line.geometry.parts, point.geometry.kind) == ("polyline", ((1, 1, 9, 1),), "points")
    assert mask.geometry.mask is not None
    assert [(int(x), int(y)) for y, x in np.argwhere(rle.decode(mask.geometry.mask))] == [
        (10, 20),
        (10, 21),
        (11, 21),
    ]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (drawn("rectangle", [[1, 2]]), "points are not two"),
        (drawn("rectangle", [[1, 2], [1, 9]]), "points is degenerate"),
        (drawn("polygon", [[1, 2], [3, 4]]), "points has fewer than 3 points"),
        (drawn("polygon", [[1, 2], [3, "4"], [5, 6]]), "points have a coordinate that is not a number"),
        (drawn("polygon", [[1, 2], [3], [5, 6]]), "points are not pairs"),
        (drawn("polygon", [[1, 2], [3, 1e30], [5, 6]]), "points has a number out of range"),
        (drawn("cube", [[1, 2], [3, 4]]), "shape_type is unknown"),
        (drawn("mask", [[1, 2], [3, 4]]), "mask is missing"),
        (drawn("mask", [[1, 2], [3, 4]], mask="?"), "mask is no PNG file"),
        (drawn("mask", [[99, 2], [100, 4]], mask=png_of(np.ones((2, 2), bool))), "mask reaches beyond its image"),
        ({"points": [[1, 2], [3, 4]], "shape_type": "line"}, "label is missing or not text"),
        (7, "is not an object"),
    ],
)
def test_a_bad_shape_of_labelme_is_listed(
    store: Store, project: int, tmp_path: Path, shape: Any, reason: str
) -> None:
    report = labelme(store, project, tmp_path, drawn("rectangle", [[1, 1], [9, 9]]), shape)
    assert report.problem_counts == {("annotation", reason): 1}
    assert report.problems[0].id == "a.json:2" and report.annotations == 1


def test_files_of_labelme_that_lead_astray_are_listed(store: Store, project: int, tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "broken.json").write_text('{"shapes": [')
    (folder / "package.json").write_text('{"name": "not ours"}')
    for name, path in (("out", "../secret.png"), ("root", "/etc/passwd"), ("none", 7)):
        (folder / f"{name}.json").write_text(json.dumps({"shapes": [], "imagePath": path}))
    report = labelme(store, project, folder, drawn("rectangle", [[1, 1], [9, 9]]))
    assert report.problem_counts == {
        ("image", "file is broken JSON"): 1,
        ("image", "imagePath is missing or not text"): 1,
        ("image", "file leads out of the images' folder"): 1,
        ("image", "file is not there"): 1,
    }
    assert (report.images, report.annotations, report.images_refused) == (1, 1, 4)


# ------------------------------------------------------------------------------------------------ Datumaro


def datumaro(store: Store, project: int, folder: Path, *shapes: Any) -> ImportReport:
    picture(folder / "images" / "train" / "a.png")
    head = {"id": 0, "attributes": {}, "group": 0, "label_id": 0, "z_order": 0}
    listed = [{**head, **one} if isinstance(one, dict) else one for one in shapes]
    item = {"id": "a", "annotations": listed, "image": {"path": "a.png", "size": [50, 100]}}
    categories = {
        "label": {"labels": [{"name": "cat", "parent": "", "attributes": []}, {"name": "man", "parent": "animal"}]},
        "mask": {"colormap": [{"label_id": 0, "r": 255, "g": 0, "b": 1}]},
        "points": {"items": [{"label_id": 1, "labels": ["head", "foot"], "joints": [[1, 2]]}]},
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "train.json").write_text(
        json.dumps({"info": {}, "infos": {"x": 1}, "categories": categories, "items": [item]})
    )
    return ingest.import_datumaro(store, project, "m", folder=folder)


def test_datumaro_as_it_writes(store: Store, project: int, tmp_path: Path) -> None:
    mask = rle.encode(np.eye(50, 100, dtype=bool))
    report = datumaro(
        store,
        project,
        tmp_path,
        {"type": "label"},
        {"type": "bbox", "bbox": [1.5, 2, 3, 4], "z_order": 3, "group": 9, "attributes": {"occluded": True, "n": 1}},
        {"type": "polygon", "points": [1, 1, 9, 1, 9, 9], "group": 4},
        {"type": "polygon", "points": [11, 1, 19, 1, 19, 9], "group": 4},
        {"type": "polyline", "points": [1, 1, 9, 1]},
        {"type": "ellipse", "points": [10, 10, 30, 20]},
        {"type": "points", "points": [5, 6, 7, 8], "visibility": [2, 1], "label_id": 1},
        {"type": "mask", "rle": {"size": [50, 100], "counts": rle.to_string(mask)}, "attributes": {"is_crowd": True}},
    )
    assert report.problem_counts == {}
    ((tags, shapes),) = taken(store, report).values()
    assert tags == ("train", "cat")
    box, polygon, line, ellipse, points, runs = shapes
    assert (box.geometry.box, box.z) == ((1.5, 2, 3, 4), 3)
    assert box.attributes == {"occluded": True, "n": 1, "group_id": 9}
    assert len(polygon.geometry.parts) == 2 and line.geometry.kind == "polyline"
    assert ellipse.geometry.turned == Turned((20, 15), (20, 10), 0)
    assert points.geometry.points == ((5, 6, 2), (7, 8, 1)) and points.class_id == 2
    assert runs.crowd and runs.geometry.kind == "mask" and runs.area == 50


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"type": "bbox", "bbox": [1, 2, 3]}, "bbox is not 4 numbers"),
        ({"type": "bbox", "bbox": [1, 2, 0, 4]}, "bbox is degenerate"),
        ({"type": "bbox", "bbox": [1, 2, 3, 4], "label_id": 7}, "label_id is no label of the file"),
        ({"type": "bbox", "bbox": [1, 2, 3, 4], "z_order": "top"}, "z_order is not a whole number"),
        ({"type": "polygon", "points": [1, 2, 3, 4]}, "points has fewer than 3 points"),
        ({"type": "polygon", "points": ["1", 2, 3, 4]}, "points is not a list of numbers"),
        ({"type": "mask", "rle": {"size": [2, 2], "counts": "zz"}}, "rle has no runs that fill its size"),
        ({"type": "mask", "rle": {"size": [2, 2], "counts": "13"}}, "mask does not fit its image"),
        ({"type": "cuboid_3d", "position": [1, 2, 3]}, "type is of a kind that has no place here"),
        (
            {"type": "points", "points": [1, 2], "visibility": [1, 2], "label_id": 1},
            "visibility is not one for each point",
        ),
        (None, "is not an object"),
    ],
)
def test_a_bad_shape_of_datumaro_is_listed(
    store: Store, project: int, tmp_path: Path, shape: Any, reason: str
) -> None:
    report = datumaro(store, project, tmp_path, {"type": "bbox", "bbox": [1, 2, 3, 4]}, shape)
    assert report.problem_counts == {("annotation", reason): 1} and report.annotations == 1


# ------------------------------------------------------------------------------------------------ masks


def test_semantic_masks_of_values_and_of_colours(store: Store, project: int, tmp_path: Path) -> None:
    numbers = np.zeros((50, 100), np.uint8)
    numbers[10:20, 10:30], numbers[30:40, 10:30] = 1, 2
    colors = np.zeros((50, 100, 3), np.uint8)
    colors[numbers == 1] = (255, 0, 0)
    (tmp_path / "masks").mkdir()
    for name, content in (("a", numbers), ("b", colors)):
        picture(tmp_path / "images" / f"{name}.jpg")
        Image.fromarray(content).save(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "labelmap.txt").write_text("# label:color:parts:actions\nbackground:0,0,0::\nroad:255,0,0::\n")
    report = ingest.import_masks(store, project, "m", images=tmp_path / "images", masks=tmp_path / "masks")
    assert report.problem_counts == {("annotation", "value is a value without a name"): 1}
    assert [one.geometry.box for _, shapes in taken(store, report).values() for one in shapes] == [
        (10, 10, 20, 10)
    ] * 2
    named = {1: "road", 2: "sky"}
    again = ingest.import_masks(
        store, project, "n", images=tmp_path / "images", masks=tmp_path / "masks", classes=named
    )
    assert again.problem_counts == {("image", "file is a picture of colours, which nothing names"): 1}
    assert again.annotations == 2


@pytest.mark.parametrize("body", [b"no picture", b""])
def test_a_mask_that_is_no_picture_is_listed(store: Store, project: int, tmp_path: Path, body: bytes) -> None:
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(body)
    report = ingest.import_masks(
        store, project, "m", images=tmp_path / "images", masks=tmp_path / "masks", classes={1: "x"}
    )
    assert report.problem_counts == {("image", "file is no PNG file"): 1}
