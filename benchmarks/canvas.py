"""The canvas with 1,000 and 100,000 outlines of 20 corners.

Frames while the view or a corner is dragged, questions what lies under the pointer, a new raster, and from the
shapes' text to paint; strokes of a brush on a 4K image. Beside it stand an SVG page of such outlines and
jupyter_bbox_widget with as many boxes, at 1,000 and 10,000. Chromium with --disable-gpu draws into a view of 1280 ×
800; each engine is the widget's own, without a kernel. Prints a table; JSON in benchmarks/results. Needs Chromium
(CHROMIUM names it, as for the tests), Node and the ``peers`` extra.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import http.server
import importlib.util
import json
import os
import platform
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from tests.lab import CHROMIUM_FLAGS

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "canvas.json"
COUNTS = (1_000, 100_000)
PEERS = (1_000, 10_000)
CORNERS = 20
FRAMES = 300
PAGE = '<!doctype html><body style="margin:0"><script type="module" src="bench.js"></script></body>'


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the table is the output."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and greatest, in the unit that came."""
    return {
        "p50": round(float(np.percentile(values, 50)), 3),
        "p95": round(float(np.percentile(values, 95)), 3),
        "max": round(max(values), 3),
    }


def measure(page: Any, count: int) -> dict[str, Any]:
    """Everything about so many outlines, ms."""
    load = page.evaluate("([count, corners]) => bench.load(count, corners)", [count, CORNERS])
    raster = page.evaluate("bench.raster(10)")
    return {
        "load": {name: round(value, 1) for name, value in load.items()},
        "raster": spread(raster["whole"]),
        "raster step": spread(raster["steps"]),
        "pan, frame": spread(page.evaluate(f"bench.pan({FRAMES})")),
        "corner dragged, frame": spread(page.evaluate(f"bench.dragVertex({FRAMES})")),
        "hit": spread(page.evaluate("bench.hits(500)")),
        "hit after an edit": spread(page.evaluate("bench.hitsAfterChanges(50)")),
    }


def peer() -> Path:
    """The browser half of jupyter_bbox_widget."""
    found = importlib.util.find_spec("jupyter_bbox_widget")
    if found is None or found.origin is None:
        raise SystemExit("there is no jupyter_bbox_widget to stand beside; install the extra evalnb[peers]")
    return Path(found.origin).parent / "static" / "main.mjs"


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    before = os.getloadavg()[0]
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        entry = ["npx", "esbuild", "dev/bench.ts", "--bundle", "--format=esm", "--minify", "--log-level=error"]
        subprocess.run([*entry, f"--outfile={folder}/bench.js"], cwd=ROOT / "widgets", check=True)
        (Path(folder) / "bench.html").write_text(PAGE)
        (Path(folder) / "bbox.mjs").write_bytes(peer().read_bytes())
        with served(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": 1300, "height": 820})
            page.goto(f"{address}/bench.html")
            page.wait_for_function("() => window.bench")
            for count in COUNTS:
                out[f"{count:,} outlines"] = measure(page, count)
            brush = page.evaluate("bench.brush(40)")
            out["brush on 3840 × 2160"] = {
                "event": spread(brush["events"]),
                "commit": spread(brush["commits"]),
                "run lengths, bytes": spread(brush["bytes"]),
                "on the wire, bytes": spread(brush["wire"]),
            }
            undo = page.evaluate("bench.undo(1000)")
            out["1,000 strokes of brush and eraser on one mask"] = {
                "kept for undo": {
                    "steps": len(undo["undone"]),
                    "MB": round(undo["bytes"] / 1e6, 1),
                    "MB as they are": round(undo["plain"] / 1e6, 1),
                },
                "undone, one": spread(undo["undone"]),
            }
            for count in PEERS:
                svg = page.evaluate(f"svg({count}, {CORNERS}, {FRAMES})")
                out[f"{count:,} outlines as SVG"] = {"pan, frame": spread(svg)}
                drawn = page.evaluate(f"bboxWidget({count}, {FRAMES})")
                out[f"{count:,} boxes in jupyter_bbox_widget"] = {"box drawn, frame": spread(drawn)}
            browser.close()
    for name, rows in out.items():
        print(name)
        for what, values in rows.items():
            print(f"  {what:24}", "  ".join(f"{key} {value:g}" for key, value in values.items()))
    about = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        "load before": round(before, 2),
        "ms": out,
    }
    RESULTS.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
