"""Take the pictures of a 16-bit image's window for docs/annotate.md anew, from a micrograph that is made up.

Run it from the repository's root, as ``CHROMIUM=$(cat .build/chromium) python -m tools.screenshots_window``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from evalnb import edits
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.repositories import datasets, images, projects
from evalnb.wire.shapes import EllipseGeometry, Op, Patch, Turned
from tests.annotating import Annotating
from tests.conftest import temporary_home
from tests.lab import ANNOTATE, CHROMIUM_FLAGS, Lab, jupyter_lab
from tools.screenshots import in_theme, keep

WIDTH, HEIGHT, NUCLEI = 1600, 1200, 90


def main() -> int:
    """Paint, annotate, and photograph the annotator in light and dark."""
    with temporary_home() as home, tempfile.TemporaryDirectory() as folder:
        os.environ["EVALNB_HOME"] = str(home)
        store = open_store(Settings.from_environment())
        dataset = micrograph(store, Path(folder) / "nuclei.png")
        with jupyter_lab(Path(folder) / "lab") as lab, sync_playwright() as playwright:
            lab.write("window.ipynb", ANNOTATE.format(dataset_id=dataset))
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            for theme in ("light", "dark"):
                with in_theme(chromium, lab, theme) as page:
                    keep(f"window-{theme}", _photograph(lab, page))
            chromium.close()
        store.close()
    return 0


def micrograph(store: Store, path: Path) -> int:
    """A dataset of one fluorescence image, as 16 bits see nuclei: faint, on a ground that is not even."""
    luck = np.random.default_rng(8)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    values = 420 + 60 * np.cos((x - 700) / 900) * np.cos((y - 500) / 700)
    ellipses = []
    for _ in range(NUCLEI):
        cx, cy = luck.uniform(40, WIDTH - 40), luck.uniform(40, HEIGHT - 40)
        a, b, turn = luck.uniform(26, 46), luck.uniform(18, 30), luck.uniform(0, np.pi)
        u = ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / a
        v = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / b
        inside = 1 / (1 + np.exp(np.minimum(12 * (u * u + v * v - 1), 50)))
        grain = 1 + 0.25 * np.sin(x / 5 + cx) * np.sin(y / 4 + cy)
        values += luck.uniform(250, 1400) * inside * grain
        ellipses.append((cx, cy, a, b, turn))
    values = luck.poisson(values) + luck.normal(0, 12, values.shape)
    values[luck.integers(0, HEIGHT, 40), luck.integers(0, WIDTH, 40)] = 65_000
    Image.fromarray(values.clip(0, 65_535).astype(np.uint16)).save(path)
    with store.database.transaction() as session:
        dataset = datasets.create(
            session, projects.opened(session, "default"), "nuclei", classes=[Class(1, "nucleus")]
        )
        (image,) = images.add(session, dataset, [SourceImage("0", path.name, str(path), None, WIDTH, HEIGHT)])
        edits.apply(session, image, [_op(*one) for one in ellipses[:24]], author="ada")
    return dataset


def _op(cx: float, cy: float, a: float, b: float, turn: float) -> Op:
    half_w, half_h = np.hypot(a * np.cos(turn), b * np.sin(turn)), np.hypot(a * np.sin(turn), b * np.cos(turn))
    geometry = EllipseGeometry(
        box=(cx - half_w, cy - half_h, 2 * half_w, 2 * half_h),
        turned=Turned(center=(cx, cy), size=(2 * a, 2 * b), angle=float(turn)),
    )
    patch = Patch(class_id=1, geometry=geometry)
    return Op(client_op_id=uuid4(), shape_id=uuid4(), base_rev=0, action="create", patch=patch)


def _photograph(lab: Lab, page: Any) -> bytes:
    lab.open(page, "window.ipynb")
    lab.run_all(page)
    canvas = Annotating(page).wait()
    panel = page.get_by_role("region", name="Window")
    panel.wait_for()
    panel.scroll_into_view_if_needed()
    canvas.canvas.hover(position={"x": 300, "y": 220})
    page.wait_for_timeout(2_000)
    picture: bytes = page.locator(".evalnb-annotator").screenshot()
    return picture


if __name__ == "__main__":
    sys.exit(main())
