"""A 400-megapixel image as a pyramid, and tiles cut from it; a 24-megapixel one without.

The image is generated (the same bytes each time, about 150 MB of JPEG) and everything happens in a temporary folder.
Processor time and memory are those of the child that does the work; wall time is what somebody waits. Prints a table;
JSON in benchmarks/results. ``--megapixels 40`` takes a smaller one.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from evalnb.core.tiling import Tiling
from evalnb.imagery import Tiler, build_pyramid

RESULTS = Path(__file__).parent / "results" / "tiles.json"


def generate(path: Path, side: int) -> None:
    """A square of noise on waves, written strip by strip."""
    import pyvips

    block = pyvips.Image.gaussnoise(2048, 2048, mean=0, sigma=12, seed=7)
    waves = pyvips.Image.sines(2048, 2048, hfreq=5, vfreq=9) * 90 + 128
    colours = [(waves + block).cast("uchar"), (255 - waves + block).cast("uchar"), (waves / 2 + block).cast("uchar")]
    one = colours[0].bandjoin(colours[1:]).copy(interpretation="srgb").copy_memory()
    times = -(-side // 2048)
    one.replicate(times, times).crop(0, 0, side, side).jpegsave(str(path), Q=88)


def opener(path: Path) -> Callable[[], contextlib.AbstractContextManager[int]]:
    @contextlib.contextmanager
    def opened() -> Iterator[int]:
        with path.open("rb") as file:
            yield file.fileno()

    return opened


def cut(tiler: Tiler, path: Path, side: int, *, pyramid: bool, count: int) -> dict[str, Any]:
    """``count`` random tiles of all levels, after the first."""
    tiling, chance, took = Tiling(side, side), random.Random(3), []

    def one(level: int) -> float:
        columns, rows = tiling.tiles(level)
        place = (level, chance.randrange(columns), chance.randrange(rows))
        began = time.perf_counter()
        tiler.tile(str(path), *place, "jpg", name=path.name, size=(side, side), opened=opener(path), pyramid=pyramid)
        return (time.perf_counter() - began) * 1000

    first = one(tiling.last_level)
    child = psutil.Process(tiler.pids()[0])
    before = sum(child.cpu_times()[:2])
    for _ in range(count):
        took.append(one(chance.randint(max(0, tiling.last_level - 6), tiling.last_level)))
    return {
        "first_ms": round(first, 1),
        "median_ms": round(statistics.median(took), 2),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 2),
        "cpu_ms": round(1000 * (sum(child.cpu_times()[:2]) - before) / count, 2),
        "rss_mb": round(child.memory_info().rss / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=400)
    parser.add_argument("--tiles", type=int, default=400)
    asked = parser.parse_args()
    side = round((asked.megapixels * 1e6) ** 0.5)
    with tempfile.TemporaryDirectory(prefix="evalnb-tiles-") as place:
        folder = Path(place)
        generate(folder / "large.jpg", side)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        build_pyramid(folder / "large.jpg", folder / "large.tif", name="large.jpg")
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        scale = 1024 if platform.system() == "Linux" else 1
        pyramid = {
            "megapixels": round(side * side / 1e6, 1),
            "source_mb": round((folder / "large.jpg").stat().st_size / 1e6, 1),
            "pyramid_mb": round((folder / "large.tif").stat().st_size / 1e6, 1),
            "wall_s": round(wall, 2),
            "cpu_s": round(cpu, 2),
            "rss_mb": round(after.ru_maxrss * scale / 1e6),
        }
        small = round(24e6**0.5)
        generate(folder / "small.jpg", small)
        tiler = Tiler(children=1)
        try:
            large_tiles = cut(tiler, folder / "large.tif", side, pyramid=True, count=asked.tiles)
        finally:
            tiler.close()
        tiler = Tiler(children=1)
        try:
            small_tiles = cut(tiler, folder / "small.jpg", small, pyramid=False, count=asked.tiles)
        finally:
            tiler.close()
        own_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6)
    found = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "load": os.getloadavg()[0]},
        "pyramid": pyramid,
        "tiles of the pyramid": large_tiles,
        "tiles of 24 MP": small_tiles,
        "asking process (generation included)": {"rss_mb": own_mb},
    }
    for name, row in found.items():
        if isinstance(row, dict):
            print(f"{name}: {', '.join(f'{key} {value}' for key, value in row.items())}")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
