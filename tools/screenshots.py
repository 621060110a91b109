"""Take the pictures in docs/images anew, from a demo in a temporary home. `make screenshots` runs this."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.lab import CHROMIUM_FLAGS, Lab

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"

# What is photographed, and by which element it is found.
SCENES = (
    ("tour", ".jp-OutputArea-output img"),
    ("annotator", ".evalnb-annotator"),
    ("evaluation", ".evalnb-sum"),
    ("predictions", ".evalnb-annotator:has-text('/ 12')"),
    ("job", ".evalnb-job .card"),
)


def main() -> int:
    """Start the demo, photograph it in light and dark, end it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    home = Path(os.environ.get("EVALNB_HOME") or tempfile.mkdtemp(prefix="ev", dir="/tmp"))
    environment = {**os.environ, "EVALNB_HOME": str(home)}
    evalnb = [sys.executable, "-m", "evalnb"]
    subprocess.run([*evalnb, "demo", "--detach"], env=environment, check=True)
    try:
        addresses = json.loads((home / "run" / "addresses.json").read_bytes())
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            _photograph(chromium, addresses, home)
            chromium.close()
    finally:
        subprocess.run([*evalnb, "down"], env=environment, check=True)
        if "EVALNB_HOME" not in os.environ:
            shutil.rmtree(home, ignore_errors=True)
    return 0


def _photograph(chromium: Any, addresses: dict[str, str], home: Path) -> None:
    lab = urlsplit(addresses["lab"])
    base, token = f"{lab.scheme}://{lab.netloc}/jupyter", urlsplit(addresses["front"]).query
    context = chromium.new_context(
        viewport={"width": 1440, "height": 1000}, device_scale_factor=1.5, color_scheme="light"
    )
    page = context.new_page()
    page.goto(addresses["front"])
    # JupyterLab follows the system's theme, and the system is ours: the tour runs once for both.
    context.request.put(
        f"{base}/lab/api/settings/@jupyterlab/apputils-extension:themes?{token}",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"raw": json.dumps({"adaptive-theme": True})}),
    )
    page.goto(f"{base}/lab/tree/01-tour.ipynb?{token}&reset")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+b")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='busy']").wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=900_000)
    page.wait_for_timeout(3_000)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        light = str(theme == "light").lower()
        page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'", timeout=30_000)
        for name, selector in SCENES:
            one = _scrolled_to(page, selector)
            page.wait_for_timeout(2_000)
            keep(f"{name}-{theme}", (page if name == "tour" else one).screenshot())
    # Last, for colours by match stay chosen in the browser.
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        one = _scrolled_to(page, SCENES[3][1])
        if theme == "light":
            one.focus()
            page.keyboard.press("e")
        page.locator(".evalnb-row[data-mistake][aria-pressed=true]").wait_for(timeout=60_000)
        page.wait_for_timeout(2_000)
        keep(f"match-{theme}", one.screenshot())
    report = max((home / "reports").rglob("*.html"), key=lambda path: path.stat().st_mtime)
    page.goto(report.as_uri())
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(1_000)
        keep(f"report-{theme}", page.screenshot())
    context.close()


@contextmanager
def in_theme(chromium: Any, lab: Lab, theme: str, *, height: int = 1000, scale: float = 1.5) -> Iterator[Any]:
    """A page of 1440 pixels' width whose JupyterLab is light or dark."""
    context = chromium.new_context(
        viewport={"width": 1440, "height": height}, device_scale_factor=scale, color_scheme=theme
    )
    context.request.put(
        f"{lab.url}/lab/api/settings/@jupyterlab/apputils-extension:themes?token={lab.token}",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"raw": json.dumps({"theme": f"JupyterLab {theme.title()}"})}),
    )
    yield context.new_page()
    context.close()


def keep(name: str, picture: bytes) -> None:
    """As WebP: noisy scenes take a tenth of PNG's bytes, and classes keep their colours, as a palette's do not."""
    Image.open(io.BytesIO(picture)).convert("RGB").save(IMAGES / f"{name}.webp", quality=90, method=6)


def _scrolled_to(page: Any, selector: str) -> Any:
    """The first such element. JupyterLab keeps only the cells near the window: go down until it is there."""
    scroll = "to => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = to; }"
    for place in range(0, 30_000, 400):
        page.evaluate(scroll, place)
        page.wait_for_timeout(150)
        found = page.locator(selector).first
        if found.count() and found.is_visible():
            found.scroll_into_view_if_needed()
            return found
    raise SystemExit(f"the tour shows no {selector}")


if __name__ == "__main__":
    sys.exit(main())
