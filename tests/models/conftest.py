"""One home for the models' caches, and one thread for torch."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EVALNB_HOME without servers."""
    import torch

    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """The two photographs that ultralytics ships."""
    import importlib.util

    found = importlib.util.find_spec("ultralytics")
    assert found is not None and found.origin is not None
    return sorted((Path(found.origin).parent / "assets").glob("*.jpg"))
