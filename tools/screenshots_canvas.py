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
from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.demo import prepare
from evalnb.demo.dataset import SEED
from evalnb.demo.scenes import CLASSES, scene
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.wire.shapes import Op, Patch, PolygonGeometry
from tests.annotating import Annotating
from tests.conftest import temporary_home
from tests.lab import CHROMIUM_FLAGS, Lab, jupyter_lab
from tools.screenshots import in_theme, keep

SHOWN = {
    "scenes": 'where(tag="val").annotate(segmenter="pico")',
    "clip": 'annotate(segmenter="pico")',
    "cells": "annotate()",
}
CROWD, WIDTH, HEIGHT = 100_000, 12_000, 8_000
SCENES = 5
"""So many are painted; the last one, by day and full of things, is photographed."""
SHOW = """
import evalnb as ev
canvas = ev.open().dataset("{name}").{more}
canvas
"""


def main() -> int:
    """Paint, and photograph in light and dark."""
    with temporary_home() as home, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["EVALNB_HOME"] = str(home)
        project = Project(open_store(Settings.from_environment()))
        prepare.datasets(project, folder / "demo", images=SCENES)
        unlabel(project)
        prepare.clip(project, folder / "demo")
        crowd(project, folder / "cells.png")
        with jupyter_lab(folder / "lab") as lab, sync_playwright() as playwright:
            for name, more in SHOWN.items():
                lab.write(f"{name}.ipynb", SHOW.format(name=name, more=more))
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            for theme in ("light", "dark"):
                with in_theme(chromium, lab, theme) as page:
                    for name, picture in pictures(lab, page, theme):
                        keep(f"{name}-{theme}", picture)
            chromium.close()
        project.store.close()
    return 0


def unlabel(project: Project) -> None:
    """Take the labels of the scene that is photographed: what is labelled already is not found once more."""
    with project.store.database.transaction() as session:
        (image,) = project.dataset("scenes").where(tag="val")
        gone = [
            Op(client_op_id=uuid4(), shape_id=one.id, base_rev=one.rev, action="delete")
            for one in edits.shapes(session, image.id).shapes
        ]
        edits.apply(session, image.id, gone, author="ada")


def crowd(project: Project, path: Path) -> None:
    """A dataset of one image with a hundred thousand outlines, as a slide has cells."""
    luck = np.random.default_rng(5)
    ground = np.full((HEIGHT // 8, WIDTH // 8, 3), (238, 226, 236), np.uint8)
    Image.fromarray(ground).resize((WIDTH, HEIGHT)).save(path)
    project.import_images("cells", path)
    cells = project.dataset("cells")
    cells.define_class("cell")
    (klass,) = cells.taxonomy
    with project.store.database.transaction() as session:
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
    canvas.tool("sam")
    first, second = sorted(scene(SEED, SCENES - 1).objects, key=lambda one: one.mask.area_px)[-2:]
    canvas.press(str(1 + CLASSES.index(first.name)))
    canvas.click(*canvas.at(*inside(first.mask)))
    page.locator(".evalnb-wand-mask").wait_for(timeout=240_000)
    canvas.press(str(1 + CLASSES.index(second.name)))
    page.keyboard.down("Control")
    canvas.click(*canvas.at(*inside(second.mask)))
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
    reel.fill("4")
    page.locator(".evalnb-name", has_text="000004").wait_for()
    page.locator(".evalnb-annotator [data-shape]", has_text="ball").click()
    page.locator(".evalnb-timeline:not([data-keys='0'])").wait_for()
    page.wait_for_timeout(1_500)
    yield "followed", widget.screenshot()

    canvas = _opened(lab, page, "cells")
    page.wait_for_timeout(5_000)
    for _ in range(8):
        canvas.press("+")
    page.wait_for_timeout(5_000)
    yield "crowd", widget.screenshot()


def inside(mask: Rle) -> tuple[int, int]:
    """A pixel (x, y) about the middle of what a mask sets."""
    y, x = np.nonzero(masks.decode(mask))
    return int(x[len(x) // 2]), int(y[len(y) // 2])


def _opened(lab: Lab, page: Any, name: str) -> Annotating:
    lab.open(page, f"{name}.ipynb")
    lab.run_all(page)
    return Annotating(page).wait()


if __name__ == "__main__":
    sys.exit(main())
