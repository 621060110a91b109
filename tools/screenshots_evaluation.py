"""Take the pictures of docs/exploring-an-evaluation.md anew, from scenes whose detections are made up.

Run it from the repository's root, as ``CHROMIUM=$(cat .build/chromium) python -m tools.screenshots_evaluation``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from tests.annotating import Annotating
from tests.conftest import temporary_home
from tests.exploring import EXPLORE, Exploring, WrongLabel, evaluated
from tests.lab import CHROMIUM_FLAGS, Lab, jupyter_lab
from tools.screenshots import in_theme

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"


def main() -> int:
    """Evaluate, and photograph the widget in light and dark, before and after a label is put right."""
    with temporary_home() as home, tempfile.TemporaryDirectory() as folder:
        os.environ["EVALNB_HOME"] = str(home)
        settings = Settings.from_environment()
        project = Project(open_store(settings))
        one, wrong = evaluated(project, Path(folder) / "demo", images=60)
        assert one.id is not None
        image = dict(zip(one.images.name, one.images.id.tolist(), strict=True))[wrong.image]
        with jupyter_lab(Path(folder) / "lab") as lab, sync_playwright() as playwright:
            lab.write("explore.ipynb", EXPLORE.format(evaluation_id=one.id))
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            for theme in ("light", "dark"):
                with in_theme(chromium, lab, theme, height=1900, scale=1) as page:
                    _photograph(lab, page, theme, wrong, image, edit=theme == "dark")
            chromium.close()
        project.store.close()
    return 0


def _photograph(lab: Lab, page: Any, theme: str, wrong: WrongLabel, image: int, *, edit: bool) -> None:
    lab.open(page, "explore.ipynb")
    lab.run_all(page)
    widget = Exploring(page).wait()
    widget.slide(0.3)
    widget.root.locator(f"[data-cell='leaf/{wrong.right}']").click(timeout=60_000)
    page.locator(f".evalnb-evaluation .card[data-image='{image}'] img").wait_for(timeout=60_000)
    page.wait_for_timeout(2_000)
    _save(widget.root, f"exploring-{theme}.png")
    if edit:
        widget.root.locator(f".card[data-image='{image}']").click()
        canvas = Annotating(page).wait()
        canvas.click(*canvas.at(*wrong.middle))
        page.wait_for_timeout(1_000)
        classes = page.locator(".evalnb-side [role=option]").all_inner_texts()
        canvas.press(str(1 + next(n for n, text in enumerate(classes) if wrong.right in text)))
        canvas.saved()
        page.get_by_text("1 edit on 1 image matched again").wait_for(timeout=60_000)
        page.wait_for_timeout(2_000)
        _save(page.locator(".jp-OutputArea-output").first, "exploring-edited.png")


def _save(element: Any, name: str) -> None:
    path = IMAGES / name
    element.screenshot(path=path)
    # 256 colours are enough for the eye, and a third of the bytes.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
