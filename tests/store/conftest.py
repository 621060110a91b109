"""Fixtures of the store's own tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalnb.store.embedded import postgres


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, own_home: Path) -> Iterator[Path]:
    """A real file system of ``request.param`` MB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = own_home / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "small", disk], check=False)
    if done.returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        yield disk
    finally:
        postgres.stop(disk)
        subprocess.run(["umount", disk], check=True)
