"""The Annotator in real JupyterLab: first paint, edit to acknowledgement, the next image, and what a notebook keeps.

A page of Chromium on a real server, a kernel and PostgreSQL. Everything is timed in the page: a cell's run until the
image is painted, a key until the badge says *saved* (which it does when the database has the edit), a key until the
next image's pixels are on the canvas. Prints a table; JSON in benchmarks/results. Needs Chromium: CHROMIUM names it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from evalnb import edits
from evalnb.core import masks
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded import postgres, valkey
from evalnb.store.repositories import datasets, images, projects
from evalnb.wire.shapes import BoxGeometry, MaskGeometry, Op, Patch
from tests.annotating import Annotating
from tests.lab import ANNOTATE, CHROMIUM_FLAGS, jupyter_lab

RESULTS = Path(__file__).parent / "results" / "lab.json"
WIDTH, HEIGHT = 1600, 1200
PICTURES, EDITS, PAINTS, MASKS = 60, 200, 10, 1_000

PIXEL = """
    window.middle = () => {
        const canvas = document.querySelector('.evalnb-annotator canvas[data-layer=image]');
        if (!canvas || !canvas.width) return null;
        const [r, g, b, a] = canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data;
        return a === 255 ? [r, g, b] : null;
    };
    window.frames = (done) => new Promise((resolve) => {
        const look = () => (done() ? resolve(performance.now()) : requestAnimationFrame(look));
        look();
    });
"""
RUN = """async () => {
    const app = window.jupyterapp;
    const panel = app.shell.currentWidget;
    panel.content.activeCellIndex = 0;
    await app.commands.execute('notebook:clear-all-cell-outputs');
    await window.frames(() => !document.querySelector('.evalnb-annotator'));
    const begin = performance.now();
    void app.commands.execute('notebook:run-cell');
    return (await window.frames(() => window.middle() !== null)) - begin;
}"""
EDIT = """async () => {
    const badge = document.querySelector('.evalnb-save');
    const saved = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
            if (badge.dataset.state !== 'saved') return;
            observer.disconnect();
            resolve(performance.now());
        });
        observer.observe(badge, { attributes: true, attributeFilter: ['data-state'] });
    });
    const begin = performance.now();
    const key = { key: 'ArrowRight', bubbles: true };
    document.querySelector('.evalnb-annotator').dispatchEvent(new KeyboardEvent('keydown', key));
    return (await saved) - begin;
}"""
NEXT = """async () => {
    const before = String(window.middle());
    const begin = performance.now();
    const key = { key: 'f', bubbles: true };
    document.querySelector('.evalnb-annotator').dispatchEvent(new KeyboardEvent('keydown', key));
    return (await window.frames(() => window.middle() !== null && String(window.middle()) !== before)) - begin;
}"""


def make(store: Store, folder: Path) -> tuple[int, list[int]]:
    """A dataset of noisy pictures with a patch of its own colour in the middle of each, and a box on the first."""
    noise = np.random.default_rng(3)
    ground = noise.integers(80, 140, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for n in range(PICTURES):
        pixels = np.roll(ground, 37 * n, axis=1)
        middle = np.array([(40 * n) % 256, 255 - (40 * n) % 256, (90 * n) % 256], np.uint8)
        pixels[HEIGHT // 2 - 40 : HEIGHT // 2 + 40, WIDTH // 2 - 40 : WIDTH // 2 + 40] = middle
        Image.fromarray(pixels).save(folder / f"{n}.jpg", quality=88)
    with store.database.transaction() as session:
        dataset = datasets.create(session, projects.opened(session, "default"), "lab", classes=[Class(1, "thing")])
        sources = [
            SourceImage(str(n), f"{n}.jpg", str(folder / f"{n}.jpg"), None, WIDTH, HEIGHT) for n in range(PICTURES)
        ]
        ids = images.add(session, dataset, sources)
        edits.apply(session, ids[0], [op(BoxGeometry(box=(100, 100, 200, 150)))], author="bench")
    return dataset, ids


def op(geometry: BoxGeometry | MaskGeometry) -> Op:
    """A new shape."""
    patch = Patch(class_id=1, geometry=geometry)
    return Op(client_op_id=uuid4(), shape_id=uuid4(), base_rev=0, action="create", patch=patch)


def blob(luck: np.random.Generator) -> MaskGeometry:
    """A mask as a wand makes them: a wavy disc of 60 to 200 pixels."""
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = luck.uniform(30, 100) * (1 + 0.2 * np.sin(luck.integers(3, 9) * turns))
    x, y = luck.uniform(120, WIDTH - 120), luck.uniform(120, HEIGHT - 120)
    flat = np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], axis=1).ravel().tolist()
    mask = masks.from_polygon(flat, (HEIGHT, WIDTH))
    return MaskGeometry(box=masks.box(mask), size=(HEIGHT, WIDTH), counts=masks.to_string(mask))


def measured(room: Any, page: Any, store: Store, dataset: int, ids: list[int]) -> dict[str, dict[str, float]]:
    """Every figure, in ms but for the notebook's bytes."""
    room.write("lab.ipynb", ANNOTATE.format(dataset_id=dataset))
    room.open(page, "lab.ipynb")
    page.evaluate(f"() => {{ {PIXEL} }}")
    cold = page.evaluate(RUN)
    paints = [page.evaluate(RUN) for _ in range(PAINTS)]
    Annotating(page).wait()
    page.locator(".evalnb-annotator [data-shape]").first.click()
    took = [page.evaluate(EDIT) for _ in range(EDITS + 20)][20:]
    nexts = []
    for _ in range(PICTURES - 10):
        # Until the next one is there, as it is for whoever looks at an image for a moment.
        page.wait_for_timeout(600)
        nexts.append(page.evaluate(NEXT))
    return {
        "first paint, cell run again": spread(paints),
        "first paint, first cell of a kernel": spread([cold]),
        "edit to acknowledged": spread(took),
        "next image, fetched ahead": spread(nexts),
        "notebook after 1,000 masks, KB": {"grown": kept(room, page, store, dataset, ids)},
    }


def kept(room: Any, page: Any, store: Store, dataset: int, ids: list[int]) -> float:
    """How much a notebook grows that shows an image of 1,000 masks and keeps its widgets' state, KB."""
    luck = np.random.default_rng(5)
    for _ in range(MASKS // 50):
        with store.database.transaction() as session:
            edits.apply(session, ids[0], [op(blob(luck)) for _ in range(50)], author="bench")
    path = room.write("kept.ipynb", ANNOTATE.format(dataset_id=dataset))
    empty = path.stat().st_size
    room.open(page, "kept.ipynb")
    room.run_all(page)
    Annotating(page).wait()
    room.command(page, "@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    room.save(page)
    return round((path.stat().st_size - empty) / 1e3, 1)


def spread(values: list[float]) -> dict[str, float]:
    """p50, p95 and the worst."""
    low, high = np.percentile(values, [50, 95])
    return {
        "p50": round(float(low), 1),
        "p95": round(float(high), 1),
        "max": round(max(values), 1),
        "of": len(values),
    }


@contextmanager
def notebooks(folder: Path) -> Iterator[tuple[Store, Any, Any]]:
    """A store in ``folder``, a room of a JupyterLab on it, and a page of Chromium; all of it ends at the end."""
    settings = Settings.from_environment({"HOME": str(folder), "EVALNB_HOME": f"{folder}/h"})
    store = open_store(settings)
    try:
        with (
            jupyter_lab(folder / "lab") as lab,
            lab.room({"EVALNB_HOME": f"{folder}/h"}) as room,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            yield store, room, browser.new_page(viewport={"width": 1280, "height": 900})
            browser.close()
    finally:
        store.close()
        postgres.stop(settings.home)
        valkey.stop(settings.home)


def keep(figures: dict[str, dict[str, float]], results: Path, *, load: float, **about: Any) -> None:
    """Print the figures, and keep them with what they were measured on; ``load`` is that from before."""
    for name, one in figures.items():
        print(f"{name:42}" + "   ".join(f"{what} {value:,}" for what, value in one.items()))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Chromium without a GPU"
    said = {"date": dt.date.today().isoformat(), "machine": machine, "load before": round(load, 2), **about}
    results.write_text(json.dumps({**said, "figures": figures}, indent=1) + "\n")


def main() -> None:
    """Measure, print, keep."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="evb") as made, notebooks(Path(made)) as (store, room, page):
        dataset, ids = make(store, Path(made))
        figures = measured(room, page, store, dataset, ids)
    keep(figures, RESULTS, load=load)


if __name__ == "__main__":
    main()
