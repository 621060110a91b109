"""One home for the models' caches, one thread for torch, and the small SAM 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads that wait for each other on a busy machine are many times slower than one."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EVALNB_HOME without servers."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def segmenter() -> Any:
    """Pico, with features of its own for each file of tests."""
    from evalnb.models import _sam2

    return _sam2.open_pico(device="cpu")


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """The two photographs that ultralytics ships."""
    import importlib.util

    found = importlib.util.find_spec("ultralytics")
    assert found is not None and found.origin is not None
    return sorted((Path(found.origin).parent / "assets").glob("*.jpg"))
