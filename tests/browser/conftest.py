"""A real JupyterLab, a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalnb.settings import Settings
from tests.lab import Lab, jupyter_lab


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A page of its own, 1280 × 900. What it throws and nobody catches fails the test; a failure leaves a picture."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    before = request.session.testsfailed
    yield opened
    if request.session.testsfailed > before:
        opened.screenshot(path=tmp_path / "failed.png")
    context.close()
    assert not faults, f"uncaught in the page: {faults}"


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the session: it takes longer to start than most tests to run."""
    with jupyter_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def lab(lab_server: Lab, settings: Settings) -> Iterator[Lab]:
    """A room of that JupyterLab whose kernels use this test's database and blobs."""
    with lab_server.room(settings.to_environment()) as room:
        yield room
