"""A real JupyterLab, a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalnb.settings import Settings
from tests.lab import Lab, clear, jupyter_lab

SIZE = {"width": 1280, "height": 900}
TESTS_A_PAGE = 15
"""Then the next test begins with a fresh one: what pages of this many tests leave behind is not what they test."""


@dataclass(slots=True)
class SharedPage:
    """A page of JupyterLab that goes from test to test: to load it takes longer than most of them."""

    browser: Any
    page: Any = None
    used: int = 0

    def take(self) -> Any:
        """The page, as good as new."""
        if self.page is not None and self.used >= TESTS_A_PAGE:
            self.drop()
        if self.page is None:
            self.page, self.used = self.browser.new_context(viewport=SIZE).new_page(), 0
        self.used += 1
        return self.page

    def give_back(self) -> None:
        """Leave nothing of a test in it: no notebook, and nothing that the browser keeps."""
        if self.page.url.startswith("http"):
            clear(self.page)
            self.page.evaluate("() => { localStorage.clear(); indexedDB.deleteDatabase('evalnb'); }")
        self.page.set_viewport_size(SIZE)

    def drop(self) -> None:
        """The next test gets another."""
        if self.page is not None:
            self.page.context.close()
        self.page = None


@pytest.fixture(scope="session")
def shared_page(browser: Any) -> Iterator[SharedPage]:
    one = SharedPage(browser)
    yield one
    one.drop()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A page, 1280 × 900: with ``lab`` the one that shows JupyterLab, cleared, else one of its own. What it throws
    and nobody catches fails the test; a failure leaves a picture."""
    shared: SharedPage | None = None
    if "lab" in request.fixturenames:
        # First, so that its kernels end after the page has let go of them.
        request.getfixturevalue("lab")
        shared = request.getfixturevalue("shared_page")
    opened = shared.take() if shared else browser.new_context(viewport=SIZE).new_page()
    faults: list[str] = []

    def noted(error: Any) -> None:
        faults.append(str(error))

    opened.on("pageerror", noted)
    before = request.session.testsfailed
    yield opened
    failed = request.session.testsfailed > before
    if failed:
        opened.screenshot(path=tmp_path / "failed.png")
    if shared is None:
        opened.context.close()
    elif failed or faults:
        shared.drop()
    else:
        shared.give_back()
        opened.remove_listener("pageerror", noted)
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
