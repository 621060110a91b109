"""From the move of the confidence slider to painted figures, in Chromium, through real JupyterLab and a kernel.

The Evaluation widget on val2017's size (5,000 images, 80 classes, 400,000 detections). The page itself says how long
a move took: from the input event to the frame in which every figure of the answer was painted. Prints a table; JSON
in benchmarks/results. Needs Chromium: CHROMIUM names it, as for the tests.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.evaluation import files
from tests.exploring import Exploring
from tests.lab import CHROMIUM_FLAGS, jupyter_lab

RESULTS = Path(__file__).parent / "results" / "slider.json"
MOVES = 40
CELL = """
import evalnb as ev
evaluation = ev.evaluate_coco({truth!r}, {results!r}, "bbox")
evaluation.explore()
"""


def moves(page: Any) -> list[float]:
    """How long each of some moves took, ms."""
    widget = Exploring(page)
    page.locator(".evalnb-evaluation .frame[data-ready=true]").wait_for(timeout=120_000)
    page.locator(".evalnb-evaluation [data-cell]").first.wait_for(timeout=120_000)
    took = []
    for confidence in np.random.default_rng(0).uniform(0.05, 0.9, MOVES + 5).round(3).tolist():
        widget.root.evaluate("root => { root.dataset.elapsed = ''; }")
        widget.slide(confidence)
        page.wait_for_function(
            "() => document.querySelector('.evalnb-evaluation').dataset.elapsed !== ''", timeout=60_000
        )
        took.append(widget.elapsed())
    return took[5:]


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "evalnb-benchmarks")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()[0]
    truth, results = files("val2017-bbox", given.folder)
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter_lab(Path(folder)) as lab,
        lab.room({"EVALNB_HOME": f"{folder}/home"}) as room,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        room.write("slider.ipynb", CELL.format(truth=str(truth), results=str(results)))
        room.open(page, "slider.ipynb")
        room.run_all(page)
        took = moves(page)
        browser.close()
    figures = {
        "moves": len(took),
        "median, ms": round(statistics.median(took), 1),
        "95 % below, ms": round(float(np.percentile(took, 95)), 1),
        "best, ms": round(min(took), 1),
    }
    print("\n".join(f"{name:16}{value:>8}" for name, value in figures.items()))
    about = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {before:.1f} at the beginning",
    }
    RESULTS.write_text(json.dumps({**about, **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
