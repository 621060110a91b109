"""YOLO data sets in and out."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from evalnb.core import masks as rle
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.models import _ultralytics
from evalnb.registry.exports import export
from evalnb.registry.ingest import ImportReport, import_coco, import_yolo
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images


class YoloSource:
    """A YOLO data set in the making."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.about: dict[str, Any] = {"path": ".", "train": "images/train", "val": "images/val"}
        self.about["names"] = ["van", "cat"]
        (root / "images" / "val").mkdir(parents=True)

    def image(self, split: str, name: str, labels: str | bytes | None, *, size: tuple[int, int] = (100, 50)) -> None:
        place = self.root / "images" / split / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(place)
        if labels is not None:
            text = (self.root / "labels" / split / name).with_suffix(".txt")
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_bytes(labels.encode() if isinstance(labels, str) else labels)

    def write(self) -> Path:
        file = self.root / "data.yaml"
        file.write_text(yaml.safe_dump(self.about))
        return file

    def into(self, store: Store, project: int, **more: Any) -> ImportReport:
        return import_yolo(store, project, "y", data=self.write(), **more)


@pytest.fixture
def yolo(tmp_path: Path) -> YoloSource:
    (tmp_path / "yolo").mkdir()
    return YoloSource(tmp_path / "yolo")


def test_boxes_and_outlines_go_in_and_splits_become_tags(store: Store, project: int, yolo: YoloSource) -> None:
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n\n1 0 0 0.5 0 0.5 0.5\n")
    yolo.image("val", "deep/b.jpg", None)
    report = yolo.into(store, project)
    assert (report.images, report.annotations, report.problem_counts) == (2, 2, {})
    with store.database.transaction() as session:
        a, b = images.page(session, report.dataset_id)
        assert (a.source_key, a.tags, a.width, a.height) == ("images/train/a.png", ("train",), 100, 50)
        assert (b.source_key, b.tags) == ("images/val/deep/b.jpg", ("val",))
        box, outline = annotations.of_image(session, a.id)
        assert box.geometry.kind == "box" and box.geometry.box == pytest.approx((40, 15, 20, 20))
        assert outline.geometry.parts == ((0, 0, 50, 0, 50, 25),)
        assert (outline.class_id, outline.area) == (1, 625)
        assert [one.name for one in datasets.taxonomy(session, report.dataset_id)] == ["van", "cat"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.2", "line is neither a box (5 numbers) nor an outline (7, 9, 11, …)"),
        ("0 0.5 0.5 0.2 0.4 0.1", "line is neither a box (5 numbers) nor an outline (7, 9, 11, …)"),
        ("0 nan 0.5 0.2 0.4", "line has NaN or infinity"),
        ("0 inf 0.5 0.2 0.4", "line has NaN or infinity"),
        ("2 0.5 0.5 0.2 0.4", "line has a class that data.yaml does not name"),
        ("0.5 0.5 0.5 0.2 0.4", "line has a class that data.yaml does not name"),
        ("0 0.5 0.5 1e9 0.4", "line has a coordinate outside 0 to 1"),
        ("0 0.5 0.5 0 0.4", "line is a degenerate shape"),
        ("van 0.5 0.5 0.1 0.4", "line is not numbers"),
        ("0 0.25 0.25 0.5 0.5", "line is repeated"),
    ],
)
def test_a_bad_line_is_listed_and_the_rest_goes_in(
    store: Store, project: int, yolo: YoloSource, line: str, reason: str
) -> None:
    yolo.image("train", "a.png", f"0 0.25 0.25 0.5 0.5\n{line}\n1 0.5 0.5 0.5 0.5\n")
    report = yolo.into(store, project)
    assert report.problem_counts == {("annotation", reason): 1}
    assert report.problems[0].id == "images/train/a.png:2"
    assert (report.annotations, report.annotations_refused) == (2, 1)


def test_bad_files_are_listed_and_the_rest_goes_in(store: Store, project: int, yolo: YoloSource) -> None:
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n")
    yolo.image("train", "b.png", b"\xff\xfe\n")
    yolo.image("train", "c.png", "0 0.5 0.5 0.2 0.4\n")
    (yolo.root / "images" / "train" / "c.png").write_bytes(b"not a picture")
    yolo.about["test"] = "images/nowhere"
    report = yolo.into(store, project)
    assert {f"{what} {reason}" for what, reason in report.problem_counts} == {
        "annotation file has bad UTF-8",
        "image file cannot be measured",
        "file images/nowhere is not there",
    }
    assert (report.images, report.annotations) == (2, 1)


def test_the_same_files_again_are_no_work_and_a_new_line_is_added(
    store: Store, project: int, yolo: YoloSource
) -> None:
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n")
    yolo.into(store, project)
    assert yolo.into(store, project).repeated
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n")
    yolo.image("val", "b.png", "1 0.5 0.5 0.2 0.4\n")
    report = yolo.into(store, project)
    assert (report.images, report.images_unchanged, report.annotations, report.annotations_unchanged) == (1, 1, 2, 1)


@pytest.mark.parametrize("about", [{}, {"names": 3}, {"names": {"a": 1}}, {"names": ["x"]}])
def test_a_data_yaml_that_leads_nowhere_is_refused(
    store: Store, project: int, yolo: YoloSource, about: dict[str, Any]
) -> None:
    yolo.about = about
    with pytest.raises(Invalid):
        yolo.into(store, project)
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        import_yolo(store, project, "y", data=yolo.root / "nowhere.yaml")


def test_a_yolo_data_set_survives_export_and_import(
    store: Store, project: int, yolo: YoloSource, tmp_path: Path
) -> None:
    chance = np.random.default_rng(5)
    for split in ("train", "val"):
        for one in range(3):
            lines = []
            for _ in range(4):
                w, h = chance.uniform(0.01, 0.4, 2)
                x, y = chance.uniform(0.2, 0.8, 2)
                lines.append(f"{chance.integers(2)} {x} {y} {w} {h}")
            yolo.image(split, f"{one}.png", "\n".join(lines))
    first = yolo.into(store, project)
    losses = export(store, first.dataset_id, "yolo", tmp_path / "out")
    assert (losses.images, losses.annotations) == (6, 24)
    assert {reason for _, reason in losses.losses} == {"keeps neither its id nor its stated area"}
    again = import_yolo(store, project, "again", data=tmp_path / "out" / "data.yaml")
    with store.database.transaction() as session:
        for before, after in zip(
            images.page(session, first.dataset_id), images.page(session, again.dataset_id), strict=True
        ):
            assert (before.file_name, before.tags) == (after.file_name, after.tags)
            shapes = zip(
                annotations.of_image(session, before.id), annotations.of_image(session, after.id), strict=True
            )
            for old, new in shapes:
                assert old.class_id == new.class_id
                assert new.geometry.box == pytest.approx(old.geometry.box, abs=1e-6)
    # Into the same folder again: what the last export wrote is replaced.
    val = export(store, first.dataset_id, "yolo", tmp_path / "out", part=Slice().where(tag="val"))
    assert not (tmp_path / "out" / "images" / "train").exists() and val.images == 3


def test_what_yolo_cannot_say_is_named(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    ring = np.zeros((64, 64), bool)
    ring[10:40, 10:40] = True
    ring[20:30, 20:30] = False
    source.image(1, tags=["val", "night"])
    source.box(1, 1, iscrowd=1)
    source.box(2, 1, segmentation=[[1, 1, 9, 1, 9, 9], [20, 20, 30, 20, 30, 30]])
    source.box(3, 1, [10, 10, 30, 30], segmentation={"size": [64, 64], "counts": rle.to_string(rle.encode(ring))})
    source.box(4, 1, [50, 50, 100, 10], attributes={"a": 1})
    source.box(5, 1, keypoints=[1, 2, 2], num_keypoints=1)
    report = source.into(store, project)
    losses = export(store, report.dataset_id, "yolo", tmp_path / "out")
    assert {reason: n for (_, reason), n in losses.losses.items()} == {
        "keeps neither its other tags nor what its source said of it": 1,
        "is a crowd, which YOLO cannot mark; it was left out": 1,
        "had several parts: bridges without width join them": 1,
        "mask became an outline within 0.75 px of its border": 1,
        "lost the holes of its mask": 1,
        "is a box among outlines: it became four corners": 2,
        "reached beyond its image and was clipped": 1,
        "keeps neither attributes nor tags": 1,
        "lost its keypoints": 1,
        "keeps neither its id nor its stated area": 4,
        "train has no images of its own: no image bears the tag 'train'": 1,
    }
    boxes = export(store, report.dataset_id, "yolo", tmp_path / "boxes", shapes="boxes")
    assert ("annotation", "lost its outline; its box was written") in boxes.losses
    # Two of them have the same box: ultralytics would take it once.
    assert boxes.losses["annotation", "is the same line as another's, which is read once: left out"] == 1
    lines = (tmp_path / "boxes" / "labels" / "val" / "1.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [5] * 3


def test_ultralytics_reads_what_is_exported(store: Store, project: int, source: Any, tmp_path: Path) -> None:
    # Through the adapter's door, so that it writes nothing into the person's home.
    _ultralytics.load(store.settings.home)
    utils = importlib.import_module("ultralytics.data.utils")
    source.image(1)
    source.box(1, 1, [0.5, 0.25, 10, 20])
    source.box(2, 1, [-5, 40, 200, 10], category=90)
    report = source.into(store, project)
    export(store, report.dataset_id, "yolo", tmp_path / "out", images="copy")
    told = utils.check_det_dataset(str(tmp_path / "out" / "data.yaml"), autodownload=False)
    assert told["names"] == {0: "van", 1: "person"}
    place = tmp_path / "out" / "images" / "train" / "1.png"
    label = utils.img2label_paths([str(place)])[0]
    _, labels, shape, *_, message = utils.verify_image_label((str(place), label, "", False, 2, 0, 0, False))
    assert message == "" and tuple(shape) == (64, 64)
    expected = [[0, 5.5 / 64, 10.25 / 64, 10 / 64, 20 / 64], [1, 0.5, 45 / 64, 1, 10 / 64]]
    np.testing.assert_allclose(labels, expected, atol=1e-7)


def test_a_folder_that_evalnb_did_not_write_is_left_alone(store: Store, project: int, yolo: YoloSource) -> None:
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n")
    report = yolo.into(store, project)
    with pytest.raises(Invalid, match="did not write"):
        export(store, report.dataset_id, "yolo", yolo.root)
    assert (yolo.root / "images" / "train" / "a.png").exists()


def test_a_yolo_data_set_becomes_coco_with_whole_numbers_for_ids(
    store: Store, project: int, yolo: YoloSource, tmp_path: Path
) -> None:
    yolo.image("train", "a.png", "0 0.5 0.5 0.2 0.4\n")
    yolo.image("val", "a.png", "1 0.5 0.5 0.2 0.4\n")
    report = yolo.into(store, project)
    assert export(store, report.dataset_id, "coco", tmp_path / "out").lossless
    again = import_coco(
        store,
        project,
        "again",
        images=tmp_path / "out" / "images",
        annotations=tmp_path / "out" / "annotations.json",
    )
    assert again.problem_counts == {}
    with store.database.transaction() as session:
        assert annotations.truths(session, again.dataset_id, masks=False).id.tolist() == [1, 2]
        assert [one.tags for one in images.page(session, again.dataset_id)] == [("train",), ("val",)]
