"""Blobs: bytes by their SHA-256, whole or not at all, here or far away."""

from __future__ import annotations

import hashlib
import stat
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from evalnb.errors import Invalid, NotFound, Unavailable
from evalnb.store.blobs import Blobs

Make = Callable[[], Blobs]


@pytest.fixture(params=["directory", "file://", "memory://"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    place: Path | str = {
        "directory": tmp_path / "blobs",
        "file://": f"file://{tmp_path}/blobs",
        "memory://": f"memory://{uuid.uuid4().hex}/blobs",
    }[request.param]
    # Each opening has an empty cache, as another machine would.
    return lambda: Blobs(place, cache=tmp_path / "cache" / uuid.uuid4().hex)


def test_what_was_put_is_read_by_another_opener(make: Make) -> None:
    sha256 = make().put_bytes(b"pixels")
    assert sha256 == hashlib.sha256(b"pixels").hexdigest()
    assert make().exists(sha256)
    assert make().read(sha256) == b"pixels"
    assert make().local_path(sha256).read_bytes() == b"pixels"


def test_a_file_has_the_name_of_its_bytes(make: Make, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "weights.pt").write_bytes(content)
    sha256 = make().put_file(tmp_path / "weights.pt")
    assert sha256 == make().put_bytes(content)
    assert make().read(sha256) == content


def test_a_file_that_cannot_be_read_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"weights\.pt does not exist"):
        make().put_file(tmp_path / "weights.pt")
    with pytest.raises(Invalid, match=r"cannot be read \(Is a directory\)"):
        make().put_file(tmp_path)


def test_a_blob_that_is_not_there_is_named(make: Make) -> None:
    absent = hashlib.sha256(b"absent").hexdigest()
    assert not make().exists(absent)
    with pytest.raises(NotFound, match=f"blob {absent[:12]} is not in"):
        make().read(absent)


def test_a_name_that_is_no_sha256_cannot_leave_the_store(make: Make) -> None:
    for name in ("../../etc/passwd", "", "ab" * 31, "A" * 64):
        with pytest.raises(Invalid, match="is not a SHA-256"):
            make().read(name)


def test_many_writers_of_one_blob_leave_one_whole_file(tmp_path: Path) -> None:
    content = b"x" * 3_000_000
    blobs = Blobs(tmp_path / "blobs", cache=tmp_path / "cache")
    threads = [threading.Thread(target=blobs.put_bytes, args=(content,)) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    files = [one for one in (tmp_path / "blobs").rglob("*") if one.is_file()]
    assert [one.name for one in files] == [hashlib.sha256(content).hexdigest()]
    assert files[0].read_bytes() == content
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_damaged_blob_is_refused_and_named(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs", cache=tmp_path / "cache")
    sha256 = blobs.put_bytes(b"pixels")
    blobs.local_path(sha256).write_bytes(b"pixelz")
    with pytest.raises(Invalid, match=f"blob {sha256[:12]} is damaged"):
        blobs.read(sha256)


def test_a_damaged_copy_of_a_distant_blob_is_fetched_anew(tmp_path: Path) -> None:
    blobs = Blobs(f"memory://{uuid.uuid4().hex}", cache=tmp_path / "cache")
    sha256 = blobs.put_bytes(b"pixels")
    blobs.local_path(sha256).write_bytes(b"pixelz")
    assert blobs.read(sha256) == b"pixels"


def test_a_place_that_is_no_directory_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the directory should be")
    blobs = Blobs(tmp_path / "blobs", cache=tmp_path / "cache")
    with pytest.raises(Unavailable, match=r"cannot be written to .*MB free"):
        blobs.put_bytes(b"pixels")


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_full_disk_refuses_the_blob_and_keeps_the_others(small_disk: Path) -> None:
    blobs = Blobs(small_disk / "blobs", cache=small_disk / "cache")
    kept = blobs.put_bytes(b"pixels")
    with pytest.raises(Unavailable, match=r"No space left on device, \d+\.\d MB free.; free some space"):
        blobs.put_bytes(bytes(20_000_000))
    assert blobs.read(kept) == b"pixels"
    assert [one.name for one in (small_disk / "blobs").rglob("*") if one.is_file()] == [kept]


def test_a_scheme_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="'nonsense://x' is not a place for blobs"):
        Blobs("nonsense://x", cache=tmp_path)
