"""What is exported, as the tools read it for which it is written."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evalnb.core.shapes import corners
from evalnb.models import _ultralytics
from evalnb.registry import ingest
from evalnb.registry.exports import export
from evalnb.store import Store
from evalnb.store.repositories import imports
from tests.registry import every_kind


def ultralytics_reads(store: Store, out: Path, what: str, *, pose: tuple[int, int] = (0, 0)) -> tuple[Any, ...]:
    """(boxes, segments, keypoints) of the label file of the image that shows ``what``."""
    _ultralytics.load(store.settings.home)
    utils = importlib.import_module("ultralytics.data.utils")
    told = utils.check_det_dataset(str(out / "data.yaml"), autodownload=False)
    (place,) = (out / "images").glob(f"*/?? {what}.png")
    label = utils.img2label_paths([str(place)])[0]
    arguments = (str(place), label, "", bool(pose[0]), len(told["names"]), *pose, False)
    _, boxes, _, segments, keypoints, *_, message = utils.verify_image_label(arguments)
    assert message == ""
    return boxes, segments, keypoints


def test_ultralytics_reads_rotated_boxes(store: Store, project: int, tmp_path: Path) -> None:
    dataset_id, _ = every_kind.fill(store, project, tmp_path / "pixels")
    export(store, dataset_id, "yolo-obb", tmp_path / "out", images="copy")
    _, segments, _ = ultralytics_reads(store, tmp_path / "out", "rotated")
    (one,) = every_kind.shapes_by_image(store, dataset_id)["rotated"]
    assert one.geometry.turned is not None
    expected = np.array(corners(one.geometry.turned)).reshape(4, 2) / every_kind.SIDE
    np.testing.assert_allclose(segments[0], expected, atol=1e-6)
    ops = importlib.import_module("ultralytics.utils.ops")
    turned = ops.xyxyxyxy2xywhr((segments[0] * every_kind.SIDE).astype(np.float32).reshape(1, 8))
    assert sorted(turned[0, 2:4]) == pytest.approx(sorted(one.geometry.turned.size), abs=0.01)


def test_ultralytics_reads_poses(store: Store, project: int, tmp_path: Path) -> None:
    dataset_id, _ = every_kind.fill(store, project, tmp_path / "pixels")
    export(store, dataset_id, "yolo-pose", tmp_path / "out", images="copy")
    _, _, keypoints = ultralytics_reads(store, tmp_path / "out", "keypoints", pose=(3, 3))
    (one,) = every_kind.shapes_by_image(store, dataset_id)["keypoints"]
    expected = np.array(one.geometry.points) / (*every_kind.SIDE, 1)
    np.testing.assert_allclose(keypoints[0], expected, atol=1e-6)


def test_supervision_reads_voc(store: Store, project: int, tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    dataset_id, named = every_kind.fill(store, project, tmp_path / "pixels")
    losses = export(store, dataset_id, "voc", tmp_path / "out", images="copy")
    read = supervision.DetectionDataset.from_pascal_voc(
        images_directory_path=str(tmp_path / "out" / "JPEGImages"),
        annotations_directory_path=str(tmp_path / "out" / "Annotations"),
    )
    assert len(read) == len(named) + 1 and set(read.classes) == {one.name for one in every_kind.CLASSES}
    found = {Path(path).stem[3:]: detections for path, _, detections in read}
    assert sum(map(len, found.values())) == losses.annotations
    (one,) = every_kind.shapes_by_image(store, dataset_id)["box"]
    x, y, w, h = one.geometry.box
    # supervision counts from 1, as VOC's files of 2012 do.
    np.testing.assert_allclose(found["box"].xyxy[0], [x - 1, y - 1, x + w - 1, y + h - 1], atol=1.01)


def test_pillow_sees_the_classes_colours_in_a_mask(store: Store, project: int, tmp_path: Path) -> None:
    dataset_id, _ = every_kind.fill(store, project, tmp_path / "pixels")
    export(store, dataset_id, "masks", tmp_path / "out")
    (path,) = (tmp_path / "out" / "masks").glob("* mask.png")
    with Image.open(path) as semantic:
        assert semantic.mode == "P" and semantic.size == every_kind.SIDE
        assert {color for _, color in semantic.convert("RGB").getcolors() or ()} == {(0, 0, 0), (0xE6, 0x9F, 0x00)}
    with Image.open(tmp_path / "out" / "instances" / path.name) as instances:
        assert instances.mode.startswith("I;16") and np.unique(np.asarray(instances)).tolist() == [0, 1]


@pytest.mark.parametrize("format", ["voc", "labelme", "cvat", "datumaro"])
def test_an_interrupted_import_is_gone_on_from(
    store: Store, project: int, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = importlib.import_module("evalnb.registry._labelled_import")
    dataset_id, _ = every_kind.fill(store, project, tmp_path / "pixels")
    losses = export(store, dataset_id, format, tmp_path / "out")
    monkeypatch.setattr(labelled, "BATCH", 4)
    write, batches = imports.write, 0

    def stopped(*arguments: Any, **more: Any) -> None:
        nonlocal batches
        batches += 1
        if batches == 4:
            raise KeyboardInterrupt
        write(*arguments, **more)

    arguments: dict[str, Any] = {"folder": tmp_path / "out"}
    if format == "cvat":
        arguments = {"annotations": tmp_path / "out" / "annotations.xml"}
    take = getattr(ingest, f"import_{format}")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(imports, "write", stopped)
        take(store, project, "again", **arguments)
    half = every_kind.shapes_by_image(store, dataset_of(store, project))
    assert len(half) == 12
    report = take(store, project, "again", **arguments)
    assert (report.images, report.annotations, report.problem_counts) == (losses.images, losses.annotations, {})
    assert take(store, project, "again", **arguments).repeated
    whole = every_kind.shapes_by_image(store, report.dataset_id)
    assert sum(map(len, whole.values())) == losses.annotations and len(whole) == losses.images


def dataset_of(store: Store, project: int) -> int:
    from evalnb.store.repositories import datasets

    with store.database.transaction() as session:
        return datasets.by_name(session, project, "again").id
