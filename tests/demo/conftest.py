"""A worker of the product's own, and a project with what the tour shows, small."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalnb.demo import prepare
from evalnb.project import Project
from evalnb.store import Store


@pytest.fixture
def worker(store: Store, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m evalnb_server.worker`` on the test's own database."""
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "evalnb_server.worker"],
            env=store.settings.child_environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield process
    process.terminate()
    process.wait(30)


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where thirty scenes stand once the first test has had them painted; they are left in place by the import."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def project(store: Store, painted: Path) -> Project:
    """The project that ``ev.open()`` finds, with thirty scenes and the two photographs."""
    opened = Project(store)
    prepare.datasets(opened, painted, images=30)
    return opened
