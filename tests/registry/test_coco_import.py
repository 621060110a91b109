"""Importing COCO files into a real PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalnb.core.slices import Slice
from evalnb.errors import Conflict, Invalid, NotFound
from evalnb.registry import datasets as dataset_verbs
from evalnb.registry import pixels
from evalnb.registry.ingest import ImportReport, import_coco
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images


def reasons(report: ImportReport) -> dict[str, int]:
    return {f"{what}: {reason}": n for (what, reason), n in report.problem_counts.items()}


def test_boxes_go_in_and_are_listed_by_slice(store: Store, project: int, source: Any) -> None:
    for one in (10, 20, 30):
        source.image(one, tags=["night"] if one == 20 else [])
    source.box(1, 10)
    source.box(0, 20, category=90, area=5000)
    report = source.into(store, project)
    assert (report.images, report.annotations, report.classes, len(report.problems)) == (3, 2, 2, 0)
    with store.database.transaction() as session:
        found = images.page(session, report.dataset_id, Slice())
        assert [one.source_key for one in found] == ["10", "20", "30"]
        night = images.page(session, report.dataset_id, Slice().where(tag="night"))
        assert [one.source_key for one in night] == ["20"]
        people = Slice().where(classes=["person"])
        assert [one.source_key for one in images.page(session, report.dataset_id, people)] == ["20"]
        assert images.count(session, report.dataset_id, Slice().where(area="medium")) == 1
        assert images.count(session, report.dataset_id, Slice().where(classes=["van"], area="medium")) == 0
        truths = annotations.truths(session, report.dataset_id, Slice(), masks=False)
        assert truths.id.tolist() == [1, 0]
        assert truths.box.tolist() == [[1, 2, 30, 20]] * 2
        assert truths.area.tolist() == [7.5, 5000]
        assert len(annotations.truths(session, report.dataset_id, people, masks=False)) == 1
        with pytest.raises(NotFound, match="persn"):
            images.count(session, report.dataset_id, Slice().where(classes=["persn"]))


def test_every_kind_of_shape_goes_in(store: Store, project: int, source: Any) -> None:
    source.image(1)
    source.content["categories"][1]["keypoints"] = ["head", "foot"]
    source.box(1, 1, segmentation=[[0, 0, 10, 0, 10, 10.5]])
    source.box(2, 1, segmentation={"size": [64, 64], "counts": [5, 10, 64 * 64 - 15]}, iscrowd=1)
    source.box(3, 1, segmentation={"size": [64, 64], "counts": "S86j1000000000m[3"})
    source.box(4, 1, category=90, keypoints=[1, 2, 2, 0, 0, 0], num_keypoints=1)
    source.box(5, 1, category=90, keypoints=[1, 2, 2, 0, 0, 0], num_keypoints=1, segmentation=[[0, 0, 9, 0, 9, 9]])
    report = source.into(store, project)
    with store.database.transaction() as session:
        image = images.page(session, report.dataset_id)[0]
        shapes = annotations.of_image(session, image.id)
        masks = annotations.truths(session, report.dataset_id, masks=True).masks
    assert len(report.problems) == 0
    assert [one.geometry.kind for one in shapes] == ["polygon", "mask", "mask", "keypoints", "polygon"]
    assert shapes[1].crowd and shapes[1].geometry.mask is not None
    assert shapes[1].geometry.mask.counts.tolist() == [5, 10, 64 * 64 - 15]
    assert shapes[-1].geometry.points == ((1.0, 2.0, 2), (0.0, 0.0, 0))
    assert masks is not None and [one.area_px for one in masks[1:3]] == [10, 36]
    assert masks[0].area_px > 40


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("unknown image", {"image_id": 99}, "annotation: image_id is no image of the file"),
    ("image id as text", {"image_id": "1"}, "annotation: image_id is no image of the file"),
    ("unknown category", {"category_id": 4}, "annotation: category_id is no category of the file"),
    ("no category", {"category_id": None}, "annotation: category_id is no category of the file"),
    ("category as a list", {"category_id": [3]}, "annotation: category_id is not an id"),
    ("degenerate box", {"bbox": [1, 1, 0, 5]}, "annotation: bbox is degenerate"),
    ("inverted box", {"bbox": [1, 1, 5, -5]}, "annotation: bbox is degenerate"),
    ("text for a number", {"bbox": ["1", 1, 5, 5]}, "annotation: bbox is not four numbers"),
    ("three numbers", {"bbox": [1, 1, 5]}, "annotation: bbox is not four numbers"),
    ("NaN", {"bbox": [float("nan"), 1, 5, 5]}, "annotation: has NaN or Infinity"),
    ("Infinity", {"area": float("inf")}, "annotation: has NaN or Infinity"),
    ("huge", {"bbox": [1, 1, 1e300, 5]}, "annotation: bbox has a number out of range"),
    ("huger", {"area": 10**400}, "annotation: has a number too large to read"),
    ("negative area", {"area": -1}, "annotation: area is out of range"),
    ("NUL", {"note": "a\0b"}, "annotation: has text with a NUL character"),
    ("two points", {"segmentation": [[1, 1, 2, 2]]}, "annotation: segmentation has a part of fewer than 3 points"),
    ("odd", {"segmentation": [[1] * 7]}, "annotation: segmentation has a part with an odd number of coordinates"),
    (
        "text in a polygon",
        {"segmentation": [[1, 1, 5, 5, "7", 1]]},
        "annotation: segmentation has a coordinate that is not a number",
    ),
    (
        "null in a polygon",
        {"segmentation": [[1, 1, 5, 5, None, 1]]},
        "annotation: segmentation has a coordinate that is not a number",
    ),
    ("flat polygon", {"segmentation": [1, 1, 5, 5, 7, 1]}, "annotation: segmentation has a part that is not a list"),
    (
        "another size",
        {"segmentation": {"size": [32, 64], "counts": [2048]}},
        "annotation: segmentation does not fit its image",
    ),
    (
        "short runs",
        {"segmentation": {"size": [64, 64], "counts": [5, 10]}},
        "annotation: segmentation has runs that do not fill its size",
    ),
    (
        "broken runs",
        {"segmentation": {"size": [64, 64], "counts": "~~~~"}},
        "annotation: segmentation has runs that do not fill its size",
    ),
    ("no id", {"id": None}, "annotation: id is missing"),
    ("id is a list", {"id": [1]}, "annotation: id is neither a whole number nor text"),
    ("repeated id", {"id": 1}, "annotation: id is used twice"),
    ("keypoints", {"keypoints": [1, 2]}, "annotation: keypoints are not a list of x, y, visibility"),
]


@pytest.mark.parametrize(("change", "reason"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_a_bad_annotation_is_listed_and_the_rest_goes_in(
    store: Store, project: int, source: Any, change: dict[str, Any], reason: str
) -> None:
    source.image(1)
    source.box(1, 1)
    source.box(2, 1, **change) if "bbox" not in change else source.box(2, 1, bbox=change["bbox"])
    source.content["annotations"][-1].update(change)
    source.box(3, 1)
    report = source.into(store, project)
    assert reasons(report) == {reason: 1}
    assert (report.annotations, report.annotations_refused) == (2, 1)
    with store.database.transaction() as session:
        assert annotations.truths(session, report.dataset_id, masks=False).id.tolist() == [1, 3]


def test_bad_utf8_spoils_only_its_own_annotation(store: Store, project: int, source: Any) -> None:
    source.image(1)
    for one in (1, 2, 3):
        source.box(one, 1, note="MARK" if one == 2 else "ok")
    raw = json.dumps(source.content).encode().replace(b"MARK", b"\xff\xfe")
    report = source.into(store, project, raw=raw)
    assert reasons(report) == {"annotation: has bad UTF-8": 1}
    assert report.problems[0].id == "2"
    assert report.annotations == 2


@pytest.mark.parametrize("keep", [0.55, 0.75, 0.95])
def test_a_truncated_file_gives_what_it_has(store: Store, project: int, source: Any, keep: float) -> None:
    for one in range(1, 6):
        source.image(one)
    for one in range(100):
        source.box(one, 1 + one % 5)
    whole = json.dumps(source.content).encode()
    report = source.into(store, project, raw=whole[: int(len(whole) * keep)])
    assert report.images == 5
    assert 0 < report.annotations < 100
    assert report.annotations_refused == 0
    told = reasons(report)
    assert told["file: the file ends early: it was truncated"] == 1
    assert told["file: categories are missing; classes are called by their numbers"] == 1
    with store.database.transaction() as session:
        assert [one.name for one in datasets.taxonomy(session, report.dataset_id)] == ["3"]


def test_a_missing_image_is_refused_with_its_annotations_and_taken_when_it_comes(
    store: Store, project: int, source: Any
) -> None:
    source.image(1)
    source.image(2)
    gone = source.folder / "imgs" / "2.png"
    content = gone.read_bytes()
    gone.unlink()
    source.box(1, 1)
    source.box(2, 2)
    report = source.into(store, project)
    assert reasons(report) == {
        "image: file_name is not there": 1,
        "annotation: image_id is an image that was refused": 1,
    }
    gone.write_bytes(content)
    again = source.into(store, project)
    assert (again.images, again.images_unchanged, again.annotations, again.annotations_unchanged) == (1, 1, 1, 1)
    assert source.into(store, project).repeated


def test_a_name_that_leads_out_of_the_folder_is_refused(store: Store, project: int, source: Any) -> None:
    source.image(1)
    (source.folder / "secret.png").write_bytes(b"x")
    source.content["images"].append({"id": 2, "file_name": "../secret.png", "width": 5, "height": 5})
    assert reasons(source.into(store, project)) == {"image: file_name leads out of the images' folder": 1}


def test_a_wrong_folder_is_refused_at_once(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    source.image(1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="none of the first 1 images"):
        import_coco(store, project, "d", images=tmp_path / "empty", annotations=source.write())
    with store.database.transaction() as session:
        assert datasets.all(session, project) == []


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x89PNG\r\n", b"[1, 2]", b'{"a": 1}', b'"text"'])
def test_a_file_that_is_not_coco_is_refused(store: Store, project: int, source: Any, raw: bytes) -> None:
    with pytest.raises(Invalid):
        source.into(store, project, raw=raw)


def test_the_same_file_again_is_no_work_and_edits_stand(store: Store, project: int, source: Any) -> None:
    source.image(1)
    source.box(1, 1)
    first = source.into(store, project)
    with store.database.transaction() as session:
        image = images.page(session, first.dataset_id)[0]
        shape = annotations.of_image(session, image.id)[0]
    again = source.into(store, project)
    assert again.repeated and (again.images, again.annotations) == (first.images, first.annotations)
    source.box(2, 1)
    more = source.into(store, project)
    assert (more.annotations, more.annotations_unchanged, more.images_unchanged) == (1, 1, 1)
    with store.database.transaction() as session:
        assert annotations.of_image(session, image.id)[0] == shape


def test_classes_that_contradict_the_dataset_are_a_conflict(store: Store, project: int, source: Any) -> None:
    source.image(1)
    source.into(store, project)
    source.content["categories"][0]["name"] = "truck"
    with pytest.raises(Conflict, match="'truck'"):
        source.into(store, project)


def test_string_and_odd_ids_are_kept_apart(store: Store, project: int, source: Any) -> None:
    source.image("7")
    source.image(7, side=32)
    source.image("a/../b".replace("/", "_"))
    source.box("x", "7")
    source.box(-5, 7)
    report = source.into(store, project)
    assert (report.images, report.annotations) == (3, 2), report
    with store.database.transaction() as session:
        found = images.page(session, report.dataset_id)
        assert [one.source_key for one in found] == ['"7"', "7", "a_.._b"]
        truths = annotations.truths(session, report.dataset_id, masks=False)
        assert truths.id.tolist() == [1, -5]
        assert truths.image.tolist() == [found[0].id, found[1].id]


def test_sizes_that_are_missing_are_measured(store: Store, project: int, source: Any) -> None:
    source.image(1, side=48)
    del source.content["images"][0]["width"], source.content["images"][0]["height"]
    report = source.into(store, project)
    with store.database.transaction() as session:
        image = images.page(session, report.dataset_id)[0]
    assert (image.width, image.height) == (48, 48)


@pytest.mark.parametrize("copy", [False, True])
def test_pixels_are_read_in_place_or_from_blobs(store: Store, project: int, source: Any, copy: bool) -> None:
    source.image(1)
    report = source.into(store, project, copy=copy)
    with store.database.transaction() as session:
        image = images.page(session, report.dataset_id)[0]
    file = source.folder / "imgs" / "1.png"
    assert pixels.read(store, image) == file.read_bytes()
    assert np.array_equal(pixels.decode(store, image), np.full((64, 64, 3), 9, np.uint8))
    file.unlink()
    if copy:
        assert pixels.decode(store, image).shape == (64, 64, 3)
    else:
        with pytest.raises(NotFound, match=r"1\.png\) is no longer at"):
            pixels.read(store, image)


def test_a_summary_counts_by_class(store: Store, project: int, source: Any) -> None:
    source.image(1)
    source.box(1, 1)
    source.box(2, 1)
    report = source.into(store, project)
    with store.database.transaction() as session:
        said = dataset_verbs.summary(session, report.dataset_id)
        assert [one.name for one in dataset_verbs.list(session, project)] == ["d"]
        with pytest.raises(NotFound, match="'d'"):
            dataset_verbs.get(session, project, "e")
    assert (said.images, said.annotations, dict(said.per_class)) == (1, 2, {"van": 2, "person": 0})
    assert said.dataset.complete


def test_reports_speak_in_text_html_and_rich(store: Store, project: int, source: Any) -> None:
    from rich.console import Console

    source.image(1)
    source.box(1, 1, bbox=["<b>", 1, 2, 3])
    report = source.into(store, project)
    console = Console(record=True, width=120, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        console.print(report)
    for text in (str(report), shown.get()):
        assert "bbox is not four numbers" in text and "images" in text
    html = report._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html and "--jp-ui-font-color1" in html
