"""Features on disk: what is read is what was written, whoever else writes, evicts or dies meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from evalnb import imagery
from evalnb.core.ports import Pixels
from evalnb.models import _sam2
from evalnb.models._features import Disk, Features

DEVICE = torch.device("cpu")
EACH = 4 * 3 * 64 * 64


def features(fill: float) -> Features:
    one = torch.full((1, 1, 64, 64), float(fill))
    return Features((30, 40), (one, -one.repeat(1, 2, 1, 1)))


def disk(root: Path, *, model: str = "model", limit: float = 2**30) -> Disk:
    return Disk(root, model, device=DEVICE, limit_bytes=int(limit))


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def picture(photographs: list[Path]) -> Pixels:
    return imagery.decode(photographs[1].read_bytes())[:480, :640]


def test_masks_of_features_read_back_are_the_same(cache: Path, picture: Pixels, tmp_path: Path) -> None:
    where, inside = np.array([[200.0, 100.0]]), np.array([1])
    first = _sam2.open_pico(device="cpu", home=tmp_path)
    first.encode("picture", picture)
    wanted = first.segment("picture", points=where, labels=inside)
    second = _sam2.open_pico(device="cpu", home=tmp_path)
    assert second.encoded("picture")
    got = second.segment("picture", points=where, labels=inside)
    assert np.array_equal(wanted[0], got[0]) and wanted[1] == got[1]


def _torn(data: bytes) -> bytes:
    return data[:-100]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _of_earlier(data: bytes) -> bytes:
    return data.replace(b"features 1", b"features 0")


@pytest.mark.parametrize("damage", [_torn, _flipped, _of_earlier, lambda _: b""])
def test_what_is_not_as_written_is_no_hit_and_goes(tmp_path: Path, damage: object) -> None:
    kept = disk(tmp_path)
    kept.put("a", features(1))
    (file,) = files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert kept.get("a") is None
    assert files(tmp_path) == []


def test_a_file_under_another_images_name_is_no_hit(tmp_path: Path) -> None:
    kept = disk(tmp_path)
    kept.put("a", features(1))
    (file,) = files(tmp_path)
    kept.put("b", features(2))
    other = next(one for one in files(tmp_path) if one != file)
    file.replace(other)
    assert kept.get("b") is None


def test_the_least_recently_used_of_all_models_go_first(tmp_path: Path) -> None:
    old, new = disk(tmp_path, model="old", limit=4.5 * EACH), disk(tmp_path, model="new", limit=4 * EACH)
    old.put("a", features(1))
    new.put("b", features(2))
    for n, file in enumerate(files(tmp_path)):
        os.utime(file, (n, n))
    assert old.get("a") is not None  # used just now
    for n in range(3):
        new.put(f"c{n}", features(n))
    assert new.get("b") is None
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 4.5 * EACH
    assert new.get("c2") is not None


def test_what_a_killed_process_left_half_written_goes_after_an_hour(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    young, dead, former = (tmp_path / "model" / name for name in ("young.part", "dead.part", "former.safetensors"))
    for one in (young, dead, former):
        one.write_bytes(b"half")
    for one in (dead, former):
        os.utime(one, (time.time() - 7200,) * 2)
    disk(tmp_path).put("a", features(1))
    assert young.exists() and not dead.exists() and not former.exists()


def test_a_disk_that_cannot_be_written_costs_nothing_but_the_cache(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where the folder should be")
    kept = disk(tmp_path / "root")
    kept.put("a", features(1))
    assert kept.get("a") is None


def _race(root: Path, seed: int, until: float) -> None:
    """Write, read and evict as fast as it goes; a wrong answer or any exception ends the process with an error."""
    torch.set_num_threads(1)
    random = np.random.default_rng(seed)
    kept = disk(root, limit=6 * EACH)
    hits = 0
    while time.time() < until or not hits:
        key = int(random.integers(10))
        found = kept.get(str(key))
        if found is None:
            kept.put(str(key), features(key))
        else:
            hits += 1
            assert found.size == (30, 40)
            assert float(found.maps[0].min()) == float(found.maps[0].max()) == key
            assert float(found.maps[1].min()) == float(found.maps[1].max()) == -key


def test_processes_that_race_read_only_what_was_written(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    until = time.time() + 12
    racing = [spawn.Process(target=_race, args=(tmp_path, seed, until)) for seed in range(4)]
    for one in racing:
        one.start()
    for one in racing:
        one.join(240)
    assert [one.exitcode for one in racing] == [0, 0, 0, 0]
    assert all(file.suffix == ".features" for file in files(tmp_path))
    assert len(files(tmp_path)) <= 7
