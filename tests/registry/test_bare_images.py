"""Images without labels: files and folders, in natural order, in place or as copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalnb.errors import Invalid, NotFound
from evalnb.project import Project
from evalnb.store import Store
from tests.registry.foreign import picture


@pytest.fixture
def opened(store: Store) -> Project:
    return Project(store)


def test_a_folder_comes_in_natural_order_and_stays_where_it_is(opened: Project, tmp_path: Path) -> None:
    for name in ("clip10.png", "clip9.png", "more/clip2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    dataset = opened.import_images("bare", tmp_path)
    assert [one.file_name for one in dataset] == ["clip9.png", "clip10.png", "more/clip2.png"]
    assert next(one.uri for one in dataset) == str(tmp_path / "clip9.png")
    assert (next(iter(dataset)).width, next(iter(dataset)).height) == (100, 50)


def test_again_adds_what_is_new_and_names_what_is_no_image(opened: Project, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    opened.import_images("bare", tmp_path)
    assert opened.import_images("bare", tmp_path).imported.repeated
    picture(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"not a picture")
    report = opened.import_images("bare", tmp_path).imported
    assert (report.images, report.images_unchanged, report.images_refused) == (1, 1, 1)
    assert "c.png" in str(report.problems[0])


def test_copies_outlive_the_files(opened: Project, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    dataset = opened.import_images("bare", [tmp_path / "a.png"], copy=True)
    (tmp_path / "a.png").unlink()
    (image,) = dataset
    assert dataset.pixels(image).shape == (50, 100, 3)


def test_what_is_not_there_is_named(opened: Project, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere does not exist"):
        opened.import_images("bare", tmp_path / "nowhere")
    with pytest.raises(NotFound, match="has no images"):
        opened.import_images("bare", tmp_path)
    with pytest.raises(Invalid, match="no image was named"):
        opened.import_images("bare", [])
