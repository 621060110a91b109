"""A crew for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalnb.store import Store
from tests.crew import Crew, hired


@pytest.fixture
def crew(store: Store, tmp_path: Path) -> Iterator[Crew]:
    with hired(store, tmp_path) as one:
        yield one
