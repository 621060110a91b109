"""From COCO's files to its numbers beside every other engine, and what the match table answers afterwards.

    python -m benchmarks.evaluation                          val2017's shape, boxes and masks
    python -m benchmarks.evaluation lvis-bbox objects365-bbox --runs 3

Every run is a process of its own; a figure is the median of its runs. Engines take turns, so that a loaded machine is
loaded for all of them. Writes benchmarks/results/evaluation-SHAPE-KIND.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import problems

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PEERS = {
    "val2017-bbox": [
        *("evalnb", "ultrafast-pycocotools", "hotcoco", "vernier", "faster-coco-eval", "torchmetrics", "pycocotools")
    ],
    "val2017-segm": ["evalnb", "ultrafast-pycocotools", "hotcoco", "vernier", "faster-coco-eval", "pycocotools"],
    "lvis-bbox": ["evalnb", "ultrafast-pycocotools", "hotcoco", "evalnb, LVIS", "hotcoco, LVIS"],
    "objects365-bbox": ["evalnb", "ultrafast-pycocotools", "hotcoco"],
}
SLOW = {"torchmetrics", "pycocotools", "faster-coco-eval"}
"""Run once: their minutes differ from seconds in any case."""


def files(name: str, folder: Path) -> tuple[Path, Path]:
    """The problem's two files, made unless they are there."""
    shape, kind = name.rsplit("-", 1)
    truth, results = folder / f"{name}-truth.json", folder / f"{name}-results.json"
    if not results.exists():
        print(f"writing {results} …", flush=True)
        problems.write(problems.SHAPES[shape], kind, truth, results.with_suffix(".new"))
        results.with_suffix(".new").rename(results)
    return truth, results


def child(*arguments: str, limit_s: float) -> dict[str, Any]:
    """What a process of its own printed; why it gave nothing, where it did not."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {limit_s:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    out: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return out


def race(name: str, truth: Path, results: Path, *, runs: int, names: list[str], limit_s: float) -> dict[str, Any]:
    """Every engine's median, memory, and largest difference from evalnb's numbers."""
    kind = name.rsplit("-", 1)[1]
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in names}
    script = str(HERE / "engines.py")
    for turn in range(runs):
        for engine in names:
            if turn and (engine in SLOW or "failed" in found[engine][0]):
                continue
            found[engine].append(child(script, engine, kind, str(truth), str(results), limit_s=limit_s))
            print(f"  {engine:24} {found[engine][-1].get('s', found[engine][-1].get('failed'))}", flush=True)
    table: dict[str, Any] = {}
    for engine, all_of in found.items():
        if "failed" in all_of[0]:
            table[engine] = {"failed": all_of[0]["failed"]}
            continue
        own = "evalnb, LVIS" if "LVIS" in engine else "evalnb"
        mine = found[own][0]["numbers"] if found.get(own) else all_of[0]["numbers"]
        table[engine] = {
            "s": statistics.median(one["s"] for one in all_of),
            "cpu_s": statistics.median(one["cpu_s"] for one in all_of),
            "MB": max(one["mb"] for one in all_of),
            "runs": len(all_of),
            "largest difference": max(abs(a - b) for a, b in zip(mine, all_of[0]["numbers"], strict=False)),
        }
    return table


def asked(truth: Path, results: Path, kind: str) -> dict[str, Any]:
    """What the table answers, in this process: medians of 31; of three, or once, where it is long."""
    import evalnb as ev
    from evalnb.core import metrics
    from evalnb.core.overlaps import nearby
    from evalnb.runs import frozen

    one = ev.evaluate_coco(truth, results, kind)  # type: ignore[arg-type]
    images = one.images.id
    rng = np.random.default_rng(0)
    every = max(1, len(images) // 1000)
    part = one.where(images=images[::every][:1000])
    # Two, asked in turn: a part that has just been asked is found copied out already.
    two = itertools.cycle([part, one.where(images=images[1::every][:1000] if every > 1 else images[-1000:])])
    weights = rng.multinomial(len(images), np.full(len(images), 1 / len(images)), size=1000).astype(np.int32)
    fifty = rng.random((50, len(images))) < 0.2

    def timed(work: Callable[[], Any], times: int = 31) -> float:
        took = []
        for _ in range(times):
            begin = time.perf_counter()
            work()
            took.append(time.perf_counter() - begin)
        return statistics.median(took)

    def paired() -> None:
        metrics.replicates(one.matches, weights)
        metrics.replicates(one.matches, weights)

    often = 3 if len(one.matches) < 1_000_000 else 1
    figures: dict[str, Any] = {"detections": len(one.matches), "truths": int((one.matches.truth_image >= 0).sum())}
    figures["twelve numbers, ms"] = 1000 * timed(one.summary)
    figures["of 1,000 images, ms"] = 1000 * timed(lambda: next(two).summary())
    figures["of the same 1,000 again, ms"] = 1000 * timed(part.summary)
    figures["and above confidence .3, ms"] = 1000 * timed(part.where(confidence=0.3).summary)
    figures["1,000 replicates × 12, s"] = timed(lambda: metrics.replicates(one.matches, weights), often)
    figures["paired A/B, 1,000 × 12 of both, s"] = timed(paired, 1)
    figures["50 slices × 12, s"] = timed(lambda: metrics.replicates(one.matches, fifty.astype(np.int32)), often)
    figures["20 runs × 50 slices × 12, s"] = 20 * figures["50 slices × 12, s"]
    figures["all overlaps, s"] = timed(lambda: nearby(one.matches, *one.records()), 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "table"
        place.write_bytes(frozen.freeze(one.matches, one.records()[0], one.images, dict(one.class_names), ()))
        figures["opened from its file, ms"] = 1000 * timed(lambda: frozen.thaw(place))
    # As it is kept: a claim's two words are ten bytes there, and sixteen in memory.
    columns = [getattr(one.matches, field.name) for field in fields(one.matches)]
    total = sum(column.nbytes for column in columns if isinstance(column, np.ndarray)) - 6 * len(one.matches.claim_at)
    figures["match table, MB"] = total / 1e6
    figures["match table, bytes a detection"] = total / max(len(one.matches), 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["val2017-bbox", "val2017-segm"], choices=[*PEERS, []])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engines", help="of these alone, parted by commas")
    parser.add_argument("--limit", type=float, default=600, help="seconds that an engine may take")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "evalnb-benchmarks")
    parser.add_argument("--asked", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.names:
        truth, results = files(name, given.folder)
        if given.asked:
            print(json.dumps(asked(truth, results, name.rsplit("-", 1)[1])))
            return
        print(f"{name}: {results.stat().st_size / 1e6:.0f} MB of results", flush=True)
        names = given.engines.split(",") if given.engines else PEERS[name]
        before = os.getloadavg()[0]
        table = race(name, truth, results, runs=given.runs, names=names, limit_s=given.limit)
        own = child(
            "-m", "benchmarks.evaluation", name, "--asked", "--folder", str(given.folder), limit_s=given.limit
        )
        first = None
        if name == "val2017-bbox":
            small, small_results = files("small-bbox", given.folder)
            first = child(str(HERE / "engines.py"), "evalnb", "bbox", str(small), str(small_results), limit_s=60)["s"]
        show(table, own, first)
        RESULTS.mkdir(exist_ok=True)
        about = {
            "date": dt.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {before:.1f} at the beginning",
            "files to numbers": table,
            "from the match table": own,
            "first evaluation of 5,000 detections, import included, s": first,
        }
        (RESULTS / f"evaluation-{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def show(table: dict[str, Any], own: dict[str, Any], first: float | None) -> None:
    print(f"\n{'files → numbers':24} {'s':>8} {'cpu s':>8} {'MB':>7} {'× evalnb':>9} {'runs':>5}  differs by")
    for engine, row in table.items():
        if "failed" in row:
            print(f"{engine:24} {row['failed']}")
            continue
        base = table.get("evalnb, LVIS" if "LVIS" in engine else "evalnb", row)
        times = row["s"] / base["s"] if "s" in base else float("nan")
        print(
            f"{engine:24} {row['s']:8.2f} {row['cpu_s']:8.2f} {row['MB']:7.0f} {times:9.2f} {row['runs']:5}"
            f"  {row['largest difference']:.1e}"
        )
    print()
    for name, value in own.items():
        print(f"{name:36} {value:>12,.4g}" if isinstance(value, float) else f"{name:36} {value:>12}")
    if first is not None:
        print(f"{'first evaluation of 5,000, s':36} {first:>12.4g}")
    print(flush=True)


if __name__ == "__main__":
    main()
