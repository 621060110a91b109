"""Objects followed through a sequence by pico on this machine's CPU: milliseconds a frame, and memory by length.

    python -m benchmarks.follow [--long 2000]

Each row is a process of its own with one thread, on frames of 512 × 384 pixels that are painted as they are read:
what grows is the follower's. Encoding is part of every frame. Prints a table; JSON in benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULTS = Path(__file__).parent / "results" / "follow.json"
WIDTH, HEIGHT, SIDE = 512, 384, 90


class Painted:
    """Squares that go to and fro over noise."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._noise = np.random.default_rng(1).integers(80, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        pixels = np.roll(self._noise, frame, axis=0)
        for number, colour in enumerate(((210, 50, 40), (40, 170, 60), (50, 70, 210))):
            x, y = self.corner(frame, number)
            pixels[y : y + SIDE, x : x + SIDE] = colour
        return pixels

    def corner(self, frame: int, number: int) -> tuple[int, int]:
        """Where a square is."""
        reach = WIDTH - SIDE
        at = (frame * (3 + number) + 140 * number) % (2 * reach)
        return min(at, 2 * reach - at), 20 + 120 * number

    def mask(self, frame: int, number: int) -> NDArray[np.bool_]:
        """It as a mask."""
        found = np.zeros((HEIGHT, WIDTH), dtype=bool)
        x, y = self.corner(frame, number)
        found[y : y + SIDE, x : x + SIDE] = True
        return found


def resident_mb() -> float:
    """What this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def run(frames: int, objects: int) -> dict[str, Any]:
    """One process's work."""
    import torch

    from evalnb.core import masks
    from evalnb.models import _sam2

    torch.set_num_threads(1)
    segmenter = _sam2.open_pico(device="cpu")
    painted = Painted(frames)
    tracking = segmenter.tracking(painted)
    for number in range(objects):
        tracking.prompt(0, number, mask=painted.mask(0, number))
    times, ious, held, kept = [], [], {}, 0
    at = time.perf_counter()
    for one in tracking.run(direction="forward"):
        times.append((time.perf_counter() - at) * 1e3)
        for number, found in one.found.items():
            truth, drawn = painted.mask(one.frame, int(str(number))), masks.decode(found.mask)
            ious.append(float((truth & drawn).sum() / (truth | drawn).sum()))
        if one.frame + 1 in (50, 100, 500, 1000, 2000, 5000, 10000):
            held[str(one.frame + 1)] = round(resident_mb(), 1)
        kept = max(kept, tracking.kept_bytes)
        at = time.perf_counter()
    return {
        "frames": frames,
        "objects": objects,
        "ms a frame": round(statistics.median(times[1:]), 1),
        "ms at the 95th percentile": round(float(np.percentile(times[1:], 95)), 1),
        "resident MB after so many frames": held,
        "peak resident MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "memory of the objects, KB": round(kept / 1024),
        "mean IoU": round(statistics.mean(ious), 3),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=2000)
    parser.add_argument("--row", type=int, nargs=2)
    asked = parser.parse_args()
    if asked.row:
        print(json.dumps(run(*asked.row)))
        return
    loads, rows = [round(os.getloadavg()[0], 2)], []
    for frames, objects in ((100, 1), (100, 3), (asked.long, 1)):
        command = [sys.executable, "-m", "benchmarks.follow", "--row", str(frames), str(objects)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(rows[-1])
    loads.append(round(os.getloadavg()[0], 2))
    about = {
        "what": "pico follows squares through painted frames of 512 × 384, one thread, encoding included",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load before and after": loads,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
