"""Take the pictures of the canvas at work anew: the wand, everything, a clip that is followed, a crowd of outlines.

Run it from the repository's root, as ``CHROMIUM=$(cat .build/chromium) python -m tools.screenshots_canvas``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from evalnb import edits
from evalnb.core.taxonomy import Class
from evalnb.demo import prepare
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.store.repositories import datasets
from evalnb.wire.shapes import Op, Patch, PolygonGeometry
from tests.annotating import Annotating
from tests.conftest import temporary_home
from tests.lab import CHROMIUM_FLAGS, Lab, jupyter_lab
from tools.screenshots import in_theme, keep

CRATE, RING = (318, 165), (358, 30)
"""Two objects of the demo's second scene, in image pixels."""
CROWD, WIDTH, HEIGHT = 100_000, 12_000, 8_000
SHOW = """
import evalnb as ev
canvas = ev.open().dataset("{name}").annotate({more})
canvas
"""


def main() -> int:
    """Paint, and photograph in light and dark."""
    with temporary_home() as home, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["EVALNB_HOME"] = str(home)
        project = Project(open_store(Settings.from_environment()))
        prepare.datasets(project, folder / "demo", images=4)
        prepare.clip(project, folder / "demo")
        crowd(project, folder / "cells.png")
        with jupyter_lab(folder / "lab") as lab, sync_playwright() as playwright:
            for name, more in (("scenes", 'segmenter="pico"'), ("clip", 'segmenter="pico"'), ("cells", "")):
                lab.write(f"{name}.ipynb", SHOW.format(name=name, more=more))
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            for theme in ("light", "dark"):
                with in_theme(chromium, lab, theme) as page:
                    for name, picture in pictures(lab, page, theme):
                        keep(f"{name}-{theme}", picture)
            chromium.close()
        project.store.close()
    return 0


def crowd(project: Project, path: Path) -> None:
    """A dataset of one image with a hundred thousand outlines, as a slide has cells."""
    luck = np.random.default_rng(5)
    ground = np.full((HEIGHT // 8, WIDTH // 8, 3), (238, 226, 236), np.uint8)
    Image.fromarray(ground).resize((WIDTH, HEIGHT)).save(path)
    project.import_images("cells", path)
    cells = project.dataset("cells")
    cells.define_class("cell")
    with project.store.database.transaction() as session:
        (klass,) = datasets.taxonomy(session, cells.id)
        assert isinstance(klass, Class)
        (image,) = cells
        turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ops = []
        for _ in range(CROWD):
            x, y = luck.uniform(30, WIDTH - 30), luck.uniform(30, HEIGHT - 30)
            radii = luck.uniform(8, 22) * luck.uniform(0.8, 1.2, 12)
            ring = np.stack([x + radii * np.cos(turns), y + radii * np.sin(turns)], 1).round(1)
            ops.append(_op(klass.id, ring))
        for first in range(0, CROWD, 5_000):
            edits.apply(session, image.id, ops[first : first + 5_000], author="ada")


def _op(class_id: int, ring: Any) -> Op:
    (x0, y0), (x1, y1) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
    geometry = PolygonGeometry(box=(x0, y0, x1 - x0, y1 - y0), parts=[ring.ravel().tolist()])
    patch = Patch(class_id=class_id, geometry=geometry)
    return Op(client_op_id=uuid4(), shape_id=uuid4(), base_rev=0, action="create", patch=patch)


def pictures(lab: Lab, page: Any, theme: str) -> Iterator[tuple[str, bytes]]:
    """Each picture with its name. What the first theme leaves in the database, the second finds."""
    widget = page.locator(".evalnb-annotator")
    canvas = _opened(lab, page, "scenes")
    # The first was taken at night.
    canvas.press("f")
    canvas.wait()
    # The labels would hide what the model sees.
    canvas.press("t")
    canvas.tool("sam")
    bar = page.locator(".evalnb-wand")
    canvas.click(*canvas.at(*CRATE))
    bar.locator(".evalnb-wand-mask").wait_for(timeout=240_000)
    page.keyboard.down("Control")
    canvas.click(*canvas.at(*RING))
    page.keyboard.up("Control")
    page.locator(".evalnb-wand[data-gathered='1'][data-waiting=false]").wait_for()
    page.wait_for_timeout(1_500)
    yield "wand", widget.screenshot()
    canvas.press("Escape")
    canvas.press("Escape")
    canvas.press("Shift+A")
    page.locator(".evalnb-sweep").wait_for(timeout=240_000)
    page.wait_for_timeout(1_500)
    yield "everything", widget.screenshot()

    canvas = _opened(lab, page, "clip")
    if theme == "light":
        canvas.press("Control+a")
        canvas.press("Shift+V")
        page.locator(".evalnb-notice", has_text="Followed over").wait_for(timeout=600_000)
        canvas.saved()
        page.locator(".evalnb-notice").get_by_role("button", name="Dismiss").click()
    reel = page.get_by_role("slider", name="Frame of the video")
    reel.fill("8")
    page.locator(".evalnb-name", has_text="000008").wait_for()
    page.locator(".evalnb-annotator [data-shape]").first.click()
    page.locator(".evalnb-timeline:not([data-keys='0'])").wait_for()
    page.wait_for_timeout(1_500)
    yield "followed", widget.screenshot()

    canvas = _opened(lab, page, "cells")
    page.wait_for_timeout(5_000)
    for _ in range(8):
        canvas.press("+")
    page.wait_for_timeout(5_000)
    yield "crowd", widget.screenshot()


def _opened(lab: Lab, page: Any, name: str) -> Annotating:
    lab.open(page, f"{name}.ipynb")
    lab.run_all(page)
    return Annotating(page).wait()


if __name__ == "__main__":
    sys.exit(main())
