"""What becomes of honest files: data sets as their tools write them, taken in once, in spite of stops."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from evalnb import jobs, uploads
from evalnb.core.jobs import JobFailure
from evalnb.core.progress import NullProgress
from evalnb.errors import Cancelled
from evalnb.jobs.claims import claim
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images
from evalnb.store.repositories import uploads as rows
from evalnb.uploads import UploadRecord
from tests import hostile
from tests.hostile import coco, jpeg, png, zipped

Take = Callable[[UploadRecord], dict[str, Any]]
Upload = Callable[..., UploadRecord]


def named(store: Store, project: int, name: str) -> dict[str, tuple[int, int]]:
    """file name → (width, height) of a dataset's images."""
    with store.database.transaction() as session:
        dataset = datasets.by_name(session, project, name)
        return {one.file_name: (one.width, one.height) for one in images.page(session, dataset.id)}


def test_coco_as_its_makers_lay_it_out(store: Store, project: int, upload: Upload, take: Take) -> None:
    files = {"annotations/instances_val2017.json": coco("000.jpg"), "val2017/000.jpg": jpeg(), "readme.pdf": b"%PDF"}
    record = upload(zipped({f"coco/{name}": body for name, body in files.items()}), "val.zip", "dataset-zip")
    assert record.state == "processing" and record.job_id is not None
    result = take(record)
    (account,) = result["datasets"]
    assert (account["dataset"], account["images"], account["annotations"]) == ("val", 1, 1)
    assert result["skipped"] == 1 and result["problems"] == []
    assert named(store, project, "val") == {"000.jpg": (48, 32)}
    with store.database.transaction() as session:
        assert rows.get(session, record.id).state == "done"
    assert take(record) == result, "the same again is no work"


def test_coco_in_parts_is_a_dataset_for_each(store: Store, project: int, upload: Upload, take: Take) -> None:
    """As Roboflow writes it: the same names and ids in train and valid."""
    files = {}
    for part, size in (("train", 50), ("valid", 60)):
        image = [{"id": 0, "file_name": "a.png", "width": size, "height": 20}]
        files |= {f"{part}/_annotations.coco.json": coco(images=image), f"{part}/a.png": png(size, 20)}
    record = upload(zipped(files), "robo.zip", "dataset-zip", dataset="robo")
    assert [one["dataset"] for one in take(record)["datasets"]] == ["robo train", "robo valid"]
    assert named(store, project, "robo train") == {"a.png": (50, 20)}
    assert named(store, project, "robo valid") == {"a.png": (60, 20)}


def test_yolo_with_paths_of_another_machine(store: Store, project: int, upload: Upload, take: Take) -> None:
    listing = b"path: /home/me/datasets\ntrain: ../train/images\nval: valid/images\nnames: [cat, dog]\nnc: 2\n"
    files = {"data.yaml": listing, "train/images/a.png": png(), "train/labels/a.txt": b"1 0.5 0.5 0.25 0.5\n"}
    files |= {"valid/images/b.png": png(30, 20), "valid/images/c.png": b"<svg/>"}
    record = upload(zipped(files), "yolo.zip", "dataset-zip")
    result = take(record)
    (account,) = result["datasets"]
    assert (account["images"], account["annotations"]) == (2, 1)
    assert any(one.startswith("valid/images/c.png is not an image") for one in result["problems"])
    with store.database.transaction() as session:
        dataset = datasets.by_name(session, project, "yolo")
        assert {one.file_name: one.tags for one in images.page(session, dataset.id)} == {
            "train/images/a.png": ("train",),
            "valid/images/b.png": ("val",),
        }
        assert len(annotations.known_keys(session, dataset.id)) == 1


def test_images_of_a_zip_keep_their_paths_and_bad_ones_are_named(
    store: Store, project: int, upload: Upload, take: Take
) -> None:
    files = {"a/1.png": png(10, 20), "b/1.png": png(30, 40), "b/cut.jpg": jpeg(200, 200)[:900], "x.txt": b"hello"}
    files |= {"__MACOSX/a/._1.png": b"junk", "b/turned.jpg": hostile.IMAGES["exif that turns it"].make()}
    first = take(upload(zipped(files), "pictures.zip", "images-zip", dataset="d"))
    assert named(store, project, "d") == {"a/1.png": (10, 20), "b/1.png": (30, 40), "b/turned.jpg": (32, 48)}
    assert (first["datasets"][0]["images"], first["datasets"][0]["images_refused"], first["skipped"]) == (3, 1, 1)
    assert "b/cut.jpg" in first["problems"][0]
    # A second zip brings one new picture, one that is there, and one that contradicts.
    more = zipped({"a/1.png": png(10, 20), "b/1.png": png(31, 41), "c.png": png()})
    (account,) = take(upload(more, "more.zip", "images-zip", dataset="d"))["datasets"]
    assert (account["images"], account["images_unchanged"], account["images_refused"]) == (1, 1, 1)


def test_a_stop_in_the_middle_is_gone_on_from(store: Store, project: int, upload: Upload, tmp_path: Path) -> None:
    files = {f"{n:03}.png": png(16, 16) for n in range(120)}
    record = upload(zipped(files), "many.zip", "images-zip", dataset="many")
    looks = 0

    def cancelled() -> bool:
        nonlocal looks
        looks += 1
        return looks > 123  # after the unpacking, and after the first hundred images

    folder = tmp_path / "job"
    with pytest.raises(Cancelled, match="was stopped"):
        uploads.take_zip(store, record.id, folder=folder, progress=NullProgress(), cancelled=cancelled)
    with store.database.transaction() as session:
        assert rows.get(session, record.id).state == "processing"
        dataset = datasets.by_name(session, project, "many")
        assert not dataset.complete and images.count(session, dataset.id) == 100
    assert len(list(folder.iterdir())) == 120, "unpacked files wait"
    (account,) = uploads.take_zip(store, record.id, folder=folder, progress=NullProgress())["datasets"]
    assert account["images"] == 120 and not folder.exists()
    with store.database.transaction() as session:
        assert images.count(session, account["dataset_id"]) == 120


def test_a_job_that_ends_badly_ends_its_upload(store: Store, upload: Upload) -> None:
    record = upload(zipped({"a.png": png()}), "a.zip", "images-zip", dataset="d")
    held = claim(store, worker="w", kinds=["import"], lease_s=60)
    assert held is not None and held.id == record.job_id
    held.fail(JobFailure("Unavailable", "the worker's disk is full", "free some space"))
    with store.database.transaction() as session:
        state, refusal = uploads.refusal_of(session, rows.get(session, record.id))
    assert state == "refused" and refusal is not None
    assert (refusal["happened"], refusal["remedy"]) == ("the worker's disk is full", "free some space")


def test_an_upload_that_is_removed_takes_its_job_along(store: Store, upload: Upload) -> None:
    record = upload(zipped({"a.png": png()}), "a.zip", "images-zip", dataset="d")
    uploads.terminate(store, record.id)
    with store.database.transaction() as session:
        assert jobs.read(session, UUID(str(record.job_id))).state == "cancelled"


def test_what_is_left_behind_is_swept(store: Store, project: int, upload: Upload) -> None:
    import os

    orphan = store.blobs.incoming / "5f0f4d8e-8a2c-4f0e-9b3e-0c9b8a7d6e5f.part"
    fresh = store.blobs.incoming / "6f0f4d8e-8a2c-4f0e-9b3e-0c9b8a7d6e5f.part"
    for one in (orphan, fresh):
        one.write_bytes(b"left by a server that was killed")
    os.utime(orphan, (1, 1))
    assert uploads.sweep(store) == 1
    assert not orphan.exists() and fresh.exists()


def test_names_are_shown_without_tricks(project: int) -> None:
    from tests.uploads.conftest import metadata

    for given, shown in (
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\x00\x1b", "file"),
        ("..", "file"),
        ("x" * 500 + ".png", "x" * 196 + ".png"),
    ):
        said = metadata(project=project, filename=given, purpose="checkpoint")
        assert uploads.read_metadata(said).filename == shown, given


def test_json_of_another_kind_is_not_taken_for_coco(upload: Upload, take: Take) -> None:
    files = {"package.json": json.dumps({"images": "none"}).encode(), "x.json": coco(), "a.png": png()}
    assert take(upload(zipped(files), "x.zip", "dataset-zip"))["datasets"][0]["images"] == 1


VOC = b"""<annotation><filename>a.jpg</filename><object><name>cat</name>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"""
CVAT = b"""<?xml version="1.0"?><annotations><version>1.1</version><image id="0" name="a.jpg" width="48" height="32">
<box label="cat" xtl="1" ytl="1" xbr="9" ybr="9"/></image></annotations>"""
SHAPE = {"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}
ITEM = {"id": "a", "image": {"path": "a.jpg"}, "annotations": [{"type": "bbox", "bbox": [1, 1, 8, 8], "label_id": 0}]}
DATUMARO = {"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": [ITEM]}

# A grey 1 is the colour 1, 1, 1.
SEGMENT = {"id": 1 + 256 + 65536, "category_id": 3}
PANOPTIC = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 48, "height": 32}],
    "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [SEGMENT]}],
    "categories": [{"id": 3, "name": "cat", "isthing": 1}],
}


@pytest.mark.parametrize(
    "files",
    [
        {"VOC2012/Annotations/a.xml": VOC, "VOC2012/JPEGImages/a.jpg": jpeg()},
        {"annotations.xml": CVAT, "images/a.jpg": jpeg()},
        {
            "some/where/a.json": json.dumps({"shapes": [SHAPE], "imagePath": "a.jpg"}).encode(),
            "some/where/a.jpg": jpeg(),
        },
        {"d/annotations/default.json": json.dumps(DATUMARO).encode(), "d/images/default/a.jpg": jpeg()},
        {"labelmap.txt": b"background:0,0,0::\ncat:0,0,0::\n", "masks/a.png": None, "images/a.jpg": jpeg()},
        {
            "x/labelmap.txt": b"background:0,0,0::\ncat:128,0,0::\n",
            "x/SegmentationClass/a.png": None,
            "x/JPEGImages/a.jpg": jpeg(),
        },
        {
            "panoptic_val.json": json.dumps(PANOPTIC).encode(),
            "panoptic_val/a.png": None,
            "val/a.jpg": jpeg(),
        },
    ],
    ids=["voc", "cvat", "labelme", "datumaro", "masks", "voc-pixels", "panoptic"],
)
def test_a_zip_of_another_format_is_known_by_its_files(
    store: Store, project: int, upload: Upload, take: Take, files: dict[str, bytes | None]
) -> None:
    mask = io.BytesIO()
    Image.new("L", (48, 32), 1).save(mask, "PNG")
    record = upload(
        zipped({name: body or mask.getvalue() for name, body in files.items()}), "some.zip", "dataset-zip"
    )
    result = take(record)
    (account,) = result["datasets"]
    assert (account["dataset"], account["images"], account["annotations"]) == ("some", 1, 1), result
    assert result["problems"] == []
    with store.database.transaction() as session:
        dataset = datasets.by_name(session, project, "some")
        assert [one.name for one in datasets.taxonomy(session, dataset.id)] == ["cat"]
