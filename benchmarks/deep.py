"""50,000 × 50,000 pixels of 16 bits in the Annotator, in real JupyterLab: until a view is whole, and the memory.

The image is generated (a tiled TIFF, 5 GB before compression) and everything happens in a temporary folder, which
takes some 10 GB. A view is timed in the page, from the click on the minimap that asks for it until every tile of it
is painted: places by chance at 1 : 1, none of them seen before, and the whole of it from afar. Prints a table; JSON
in benchmarks/results. ``--side 20000`` takes a smaller one. Needs Chromium: CHROMIUM names it.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.lab import keep, notebooks, spread
from evalnb.core.sources import SourceImage
from evalnb.core.taxonomy import Class
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, projects
from tests.annotating import Annotating
from tests.lab import ANNOTATE

RESULTS = Path(__file__).parent / "results" / "deep.json"
VIEWS = 60

SETTLE = """
    window.settled = () => document.querySelector('.evalnb-stage').hasAttribute('data-settled');
    window.whole = async (begin) => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        await frame();
        await frame();
        while (!window.settled()) await frame();
        return performance.now() - begin;
    };
"""
LOOK = """([x, y]) => {
    const map = document.querySelector('.evalnb-minimap');
    const box = map.getBoundingClientRect();
    const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerId: 1, buttons: 1 };
    const capture = Element.prototype.setPointerCapture;
    Element.prototype.setPointerCapture = () => undefined;
    const begin = performance.now();
    map.dispatchEvent(new PointerEvent('pointerdown', { ...at, bubbles: true }));
    Element.prototype.setPointerCapture = capture;
    return window.whole(begin);
}"""
FIT = """() => {
    const begin = performance.now();
    document.querySelector('.evalnb-percent').click();
    return window.whole(begin);
}"""


def generate(path: Path, side: int) -> None:
    """A square of noise on waves, 12 bits of 16 used, written strip by strip."""
    import pyvips

    block = pyvips.Image.gaussnoise(4096, 4096, mean=0, sigma=4, seed=7)
    waves = pyvips.Image.sines(4096, 4096, hfreq=5, vfreq=9) * 12_000 + 30_000
    one = (waves + block).cast("ushort").copy(interpretation="grey16").copy_memory()
    times = -(-side // 4096)
    large = one.replicate(times, times).crop(0, 0, side, side)
    large.tiffsave(
        str(path), tile=True, tile_width=512, tile_height=512, compression="lzw", predictor="horizontal", bigtiff=True
    )


def make(store: Store, path: Path, side: int) -> int:
    """A dataset of that one image, left where it is."""
    with store.database.transaction() as session:
        dataset = datasets.create(session, projects.opened(session, "default"), "deep", classes=[Class(1, "thing")])
        images.add(session, dataset, [SourceImage("0", path.name, str(path), None, side, side)])
    return dataset


def memory_mb(kernel: psutil.Process) -> dict[str, float]:
    """The most that the kernel itself ever held, and what its children hold now."""
    status = Path(f"/proc/{kernel.pid}/status").read_text()
    most = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    children = sum(one.memory_info().rss for one in kernel.children(recursive=True))
    return {"kernel at most": round(most / 1024), "children that cut": round(children / 1e6)}


def kernel_of(folder: Path) -> psutil.Process:
    """The one kernel that runs in this benchmark's JupyterLab."""
    own = psutil.Process()
    found = [one for one in own.children(recursive=True) if "ipykernel_launcher" in " ".join(one.cmdline())]
    assert len(found) == 1, f"{len(found)} kernels in {folder}"
    return found[0]


def measured(room: Any, page: Any, folder: Path, dataset: int) -> dict[str, dict[str, float]]:
    """Every figure."""
    room.write("deep.ipynb", ANNOTATE.format(dataset_id=dataset))
    room.open(page, "deep.ipynb")
    began = time.perf_counter()
    room.run_all(page)
    page.locator(".evalnb-loading", has_text="tiles").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.evalnb-loading')", timeout=3_600_000)
    made = time.perf_counter() - began
    canvas = Annotating(page).wait()
    page.evaluate(f"() => {{ {SETTLE} }}")
    page.evaluate(FIT)
    while canvas.zoom() < 0.99:
        canvas.press("+")
    chance = random.Random(11)
    views = [page.evaluate(LOOK, [chance.uniform(0.02, 0.98), chance.uniform(0.02, 0.98)]) for _ in range(VIEWS)]
    tiles = page.evaluate("() => document.querySelector('.evalnb-stage canvas').width")
    fits = []
    for _ in range(10):
        fits.append(page.evaluate(FIT))
        while canvas.zoom() < 0.2:
            canvas.press("+")
    return {
        "tiles made, once, s": {"": round(made, 1)},
        "a view at 1 : 1, never seen before, ms": spread(views),
        "the whole of it, seen before, ms": spread(fits),
        "view, CSS pixels": {"width": tiles},
        "memory, MB": memory_mb(kernel_of(folder)),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=50_000)
    parser.add_argument("--in", dest="place", type=Path, help="the folder to make the temporary one in")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="evb", dir=asked.place) as made:
        folder = Path(made)
        generate(folder / "deep.tif", asked.side)
        with notebooks(folder) as (store, room, page):
            figures = measured(room, page, folder, make(store, folder / "deep.tif", asked.side))
            blobs = sum(one.stat().st_size for one in (folder / "h" / "blobs").rglob("*") if one.is_file())
        figures["bytes, MB"] = {
            "file": round((folder / "deep.tif").stat().st_size / 1e6),
            "pyramid": round(blobs / 1e6),
        }
    keep(figures, RESULTS, load=load, side=asked.side)


if __name__ == "__main__":
    main()
