"""Which images a training learns from, and which it is measured on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from evalnb.core.progress import NullProgress
from evalnb.core.slices import Slice
from evalnb.demo import dataset as demo
from evalnb.errors import Invalid
from evalnb.registry.ingest import import_coco
from evalnb.runs.train import train, write_files
from evalnb.store import Store
from evalnb.store.repositories import images, projects


@pytest.fixture
def project_id(store: Store) -> int:
    with store.database.transaction() as session:
        return projects.opened(session, "default")


@pytest.fixture
def scenes(store: Store, project_id: int, tmp_path: Path) -> int:
    """Ten scenes; the demo tags eight of them ``train`` and two ``val``."""
    made = demo.write(tmp_path / "scenes", images=10, width=64, height=48, processes=1)
    report = import_coco(
        store, project_id, "scenes", images=made.images, annotations=made.annotations, progress=NullProgress()
    )
    return report.dataset_id


def parts(described: Path) -> tuple[list[str], list[str]]:
    said = yaml.safe_load(described.read_text())
    train, val = ((described.parent / said[part]).read_text().split() for part in ("train", "val"))
    assert all(Path(one).is_file() for one in [*train, *val])
    assert not set(train) & set(val)
    return [Path(one).name for one in train], [Path(one).name for one in val]


def test_images_tagged_val_are_measured_and_the_others_learnt(store: Store, scenes: int, tmp_path: Path) -> None:
    described = write_files(store, scenes, tmp_path / "data", part=Slice(), validation=0.5, progress=NullProgress())
    train, val = parts(described)
    with store.database.transaction() as session:
        tagged = [one.file_name for one in images.page(session, scenes, Slice().where(tag="val"), limit=99)]
    assert (len(train), sorted(val)) == (8, sorted(Path(one).name for one in tagged))


def test_without_tags_the_same_share_is_chosen_every_time(store: Store, scenes: int, tmp_path: Path) -> None:
    part = Slice().where(tag="train")
    first, second = (
        parts(write_files(store, scenes, tmp_path / n, part=part, validation=0.25, progress=NullProgress()))
        for n in ("one", "two")
    )
    assert first == second
    assert [len(one) for one in first] == [6, 2]


def test_files_are_written_once(store: Store, scenes: int, tmp_path: Path) -> None:
    out = tmp_path / "data"
    described = write_files(store, scenes, out, part=Slice(), validation=0.2, progress=NullProgress())
    (out / "train.txt").write_text("as it was")
    assert write_files(store, scenes, out, part=Slice(), validation=0.2, progress=NullProgress()) == described
    assert (out / "train.txt").read_text() == "as it was"


def test_one_image_is_not_enough(store: Store, project_id: int, scenes: int, tmp_path: Path) -> None:
    with store.database.transaction() as session:
        (first,) = images.page(session, scenes, Slice(), limit=1)
    with pytest.raises(Invalid, match="there are 1 images to train on in 'scenes'"):
        train(
            store,
            project_id,
            "yolo11n",
            scenes,
            folder=tmp_path,
            part=Slice().where(images=[first.id]),
            progress=NullProgress(),
        )
