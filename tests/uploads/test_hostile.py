"""Every hostile file is refused with a reason that names it and the next step, or is taken for what it is."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalnb.errors import EvalnbError, Unsafe
from evalnb.imagery import ConfinedReader
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, models
from evalnb.store.repositories import uploads as rows
from evalnb.uploads import UploadRecord, _archive
from tests import hostile
from tests.hostile import CHECKPOINTS, DATASETS, IMAGES, ZIPS, Hostile

Take = Callable[[UploadRecord], dict[str, Any]]
Upload = Callable[..., UploadRecord]


@pytest.fixture(scope="module")
def reader() -> Iterator[ConfinedReader]:
    with ConfinedReader() as one:
        yield one


@pytest.mark.parametrize("one", IMAGES.values(), ids=IMAGES.keys())
def test_an_image_is_refused_with_its_name_or_measured_rightly(
    one: Hostile, reader: ConfinedReader, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(one.make())
    if one.refused is None:
        header = reader.read(path, name=one.filename)
        assert (header.width, header.height) == one.size
    else:
        with pytest.raises(EvalnbError, match=one.refused) as refused:
            reader.read(path, name=one.filename)
        assert refused.value.status in {415, 422}
        assert one.filename in refused.value.happened


def test_an_image_beyond_the_memory_of_its_child_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    bomb, honest = tmp_path / "bomb", tmp_path / "honest"
    # Within the largest size that is taken, and beyond this child's memory.
    hostile.Image.new("RGB", (10_000, 10_000)).save(bomb, "PNG", compress_level=1)
    honest.write_bytes(hostile.png())
    assert bomb.stat().st_size < 2_000_000
    with ConfinedReader(memory_bytes=400 << 20) as reader:
        with pytest.raises(Unsafe, match=r"bomb\.png takes more than 0\.4 GB of memory to decode; open it"):
            reader.read(bomb, name="bomb.png")
        assert reader.read(honest, name="honest.png").width == 48


def test_an_image_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    hostile.Image.new("L", (8_000, 8_000)).save(slow, "PNG", compress_level=1)
    with ConfinedReader(timeout_s=0.01) as reader, pytest.raises(Unsafe, match=r"slow\.png takes more than 0\.01 s"):
        reader.read(slow, name="slow.png")


@pytest.mark.parametrize("one", ZIPS.values(), ids=ZIPS.keys())
def test_a_zip_is_refused_before_anything_leaves_its_folder(
    one: Hostile, store: Store, upload: Upload, take: Take, tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = upload(one.make(), one.filename, "images-zip", dataset="d")
    with pytest.raises(EvalnbError, match=one.refused):
        take(record)
    _is_kept(store, record, one)
    assert not list(tmp_path.rglob("evil*"))
    with store.database.transaction() as session:
        dataset = datasets.find(session, record.project_id, "d")
        assert dataset is None or images.count(session, dataset.id) == 0
    # Kilobytes on Linux. A million entries as objects would be a gigabyte.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


@pytest.mark.parametrize("one", DATASETS.values(), ids=DATASETS.keys())
def test_a_data_set_sees_nothing_but_its_own_folder(one: Hostile, store: Store, upload: Upload, take: Take) -> None:
    record = upload(one.make(), one.filename, "dataset-zip")
    with pytest.raises(EvalnbError, match=one.refused):
        take(record)
    _is_kept(store, record, one)


def test_a_coco_file_cannot_name_the_servers_files(upload: Upload, take: Take) -> None:
    names = ["a.png", "../../../../etc/passwd", "/etc/passwd", "a/../../../../../etc/passwd"]
    said = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    record = upload(
        hostile.zipped({"x.json": hostile.coco(images=said), "a.png": hostile.png()}), "x.zip", "dataset-zip"
    )
    result = take(record)
    assert (result["datasets"][0]["images"], result["datasets"][0]["images_refused"]) == (1, 3)
    assert any("image 2: file_name" in one for one in result["problems"])


@pytest.mark.parametrize("one", CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_a_checkpoint_is_read_and_never_run(one: Hostile, store: Store, upload: Upload, take: Take) -> None:
    record = upload(one.make(), one.filename, "checkpoint")
    with pytest.raises(EvalnbError, match=one.refused):
        take(record)
    _is_kept(store, record, one)
    assert not Path("/tmp/evalnb-was-here").exists()
    with store.database.transaction() as session:
        assert models.all(session, record.project_id) == []


@pytest.mark.parametrize("name", ["a header of 30,000 × 30,000", "an svg called png", "a truncated jpeg"])
def test_a_refused_image_never_becomes_a_blob(name: str, store: Store, upload: Upload) -> None:
    one = IMAGES[name]
    record = upload(one.make(), one.filename, "image", dataset="d")
    _is_kept(store, record, one)
    assert record.sha256 is not None and not store.blobs.exists(record.sha256)
    assert not list(store.blobs.incoming.iterdir())


def test_names_in_unicode_and_in_the_dos_page_both_come_through(tmp_path: Path) -> None:
    whole = hostile.zipped({"straße/größe.png": b"1", "plain.png": b"2"})
    assert _names(whole, tmp_path) == ["plain.png", "straße/größe.png"]
    # Without the flag that says UTF-8, as some writers leave it out.
    unflagged = bytearray(whole)
    for sign, at in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        place = unflagged.index(sign)
        unflagged[place + at] &= ~0x08
    assert _names(bytes(unflagged), tmp_path) == ["plain.png", "straße/größe.png"]
    dos = hostile.zipped({"gr\x01e.png": b"1"}).replace(b"gr\x01e", b"gr\x94e")
    assert _names(dos, tmp_path) == ["gröe.png"]


def _names(content: bytes, folder: Path) -> list[str]:
    path = folder / "names.zip"
    path.write_bytes(content)
    with _archive.opened(path, name="names.zip") as archive:
        return sorted(one.name for one in archive.entries)


def _is_kept(store: Store, record: UploadRecord, one: Hostile) -> None:
    """The row says why, by name, and what to do."""
    with store.database.transaction() as session:
        now = rows.get(session, record.id)
    assert now.state == "refused" and now.refusal is not None and now.finished_at is not None
    assert one.filename in now.refusal["happened"]
    assert now.refusal["remedy"]
