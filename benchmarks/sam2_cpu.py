"""SAM 2 on a CPU: OpenVINO's graphs beside torch, in one process, taken in turns.

    python -m benchmarks.sam2_cpu [--rounds 8] [--threads 1]

The baseline is the ``sam2`` package's own SAM2ImagePredictor, eager, with torch's default number of threads. Speed is
of the real sam2.1-tiny with random weights (seeded) and of pico; sameness of masks and features on the demo's scenes.
Where others work on the machine, processor time says more than the clock's. A table, and JSON in benchmarks/results.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.masks import decode
from evalnb.demo.scenes import scene
from evalnb.models import _openvino, _sam2

RESULTS = Path(__file__).parent / "results" / "sam2_cpu.json"
GOALS = {"encode": 2.5, "a click": 4.0}
"""Times as fast as SAM2ImagePredictor, on two cores, with sam2.1-tiny."""
SCENES = {"sam2.1-tiny": 2, "pico": 8}
SEED = 2026


def in_turns(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Medians in ms of each call, by the clock and of the processor, and how many times as fast as the first."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began, worked = time.perf_counter(), time.process_time()
            call()
            if turn:  # the first warms up
                wall[name].append((time.perf_counter() - began) * 1e3)
                cpu[name].append((time.process_time() - worked) * 1e3)
    first = next(iter(calls))
    out = {}
    for name in calls:
        clock, work = statistics.median(wall[name]), statistics.median(cpu[name])
        out[name] = {
            "ms": round(clock, 2),
            "least ms": round(min(wall[name]), 2),
            "processor ms": round(work, 2),
            "times as fast": round(statistics.median(wall[first]) / clock, 2),
            "least times as fast": round(min(wall[first]) / min(wall[name]), 2),
            "times less work": round(statistics.median(cpu[first]) / work, 2),
        }
    return out


def speed(module: Any, engines: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Encoding an image, a click, and sixteen clicks."""
    import torch
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    cpu = torch.device("cpu")
    side = module.image_size
    theirs = SAM2ImagePredictor(module)
    theirs._bb_feat_sizes = [(side // stride, side // stride) for stride in (4, 8, 16)]
    ours = {name: _sam2.Sam2Segmenter(name, module, device=cpu, engine=one) for name, one in engines.items()}
    pixels = scene(SEED, 0, width=1024, height=768).pixels
    numbers = iter(range(10**9))
    click, inside = np.array([[500.0, 400.0]]), np.ones(1, dtype=np.int64)
    several = [[(60.0 * n + 40, 45.0 * n + 30)] for n in range(16)]

    def encode(one: _sam2.Sam2Segmenter) -> None:
        one.encode(f"{next(numbers)}", pixels)

    encoding: dict[str, Callable[[], Any]] = {"SAM2ImagePredictor": lambda: theirs.set_image(pixels)}
    clicking: dict[str, Callable[[], Any]] = {
        "SAM2ImagePredictor": lambda: theirs.predict(click, inside, multimask_output=True)
    }
    many: dict[str, Callable[[], Any]] = {}
    for name, one in ours.items():
        one.encode("kept", pixels)
        if one.backend != "torch":
            encoding[name] = lambda one=one: encode(one)
        if one.backend != "openvino":
            # The decoder is the same in both precisions.
            clicking[f"{name}: four masks' logits"] = lambda one=one: one.candidates(
                "kept", points=click, labels=inside
            )
            clicking[f"{name}: and the best in pixels"] = lambda one=one: one.segment(
                "kept", points=click, labels=inside
            )
            many[name] = lambda one=one: one.segment(pixels, points=several)
    return {
        "encode": in_turns(encoding, rounds),
        "a click": in_turns(clicking, 2 * rounds),
        "sixteen objects of an encoded image": in_turns(many, max(3, rounds // 2)),
    }


def sameness(module: Any, engines: dict[str, Any], scenes: int) -> dict[str, Any]:
    """Features and masks beside torch's, by a click in each object and by its box."""
    import torch

    cpu = torch.device("cpu")
    ours = {name: _sam2.Sam2Segmenter(name, module, device=cpu, engine=one) for name, one in engines.items()}
    masks: dict[str, list[Any]] = {name: [] for name in ours}
    off: dict[str, list[float]] = {name: [] for name in ours}
    for number in range(scenes):
        drawn = scene(SEED, number)
        for name, one in ours.items():
            one.encode(f"{number}", drawn.pixels)
            pairs = zip(one._features(f"{number}").maps, ours["torch"]._features(f"{number}").maps, strict=True)
            off[name].append(max(float(((a - b).square().mean() / b.square().mean()).sqrt()) for a, b in pairs))
            for thing in drawn.objects:
                y, x = np.nonzero(decode(thing.mask))
                if len(x) < 500:
                    continue
                at = np.array([[x[len(x) // 2], y[len(x) // 2]]], dtype=np.float64)
                box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float64)
                nowhere = np.empty((0, 2)), np.empty(0, dtype=np.int64)
                masks[name].append(one.segment(f"{number}", points=at, labels=np.ones(1, dtype=np.int64))[0])
                masks[name].append(one.segment(f"{number}", points=nowhere[0], labels=nowhere[1], box=box)[0])
    out = {}
    for name in ours:
        if name == "torch":
            continue
        each = [_openvino.agreement([a], [b]) for a, b in zip(masks["torch"], masks[name], strict=True)]
        out[name] = {
            "prompts": len(each),
            "mean IoU": round(float(np.mean(each)), 5),
            "median IoU": round(float(np.median(each)), 5),
            "share below 0.9": round(float(np.mean(np.array(each) < 0.9)), 4),
            "features off, relative": float(f"{max(off[name]):.2g}"),
        }
    return out


def main() -> None:
    """Measure, print, keep."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, help="torch's and OpenVINO's; torch's default")
    chosen = parser.parse_args()
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    warnings.simplefilter("ignore")
    loads = [round(os.getloadavg()[0], 2)]
    core = _openvino.openvino().Core()
    able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    torch.manual_seed(0)
    models = {
        "sam2.1-tiny": _sam2.build("configs/sam2.1/sam2.1_hiera_t.yaml").eval(),
        "pico": _sam2.open_pico(device="cpu")._module,
    }
    found: dict[str, Any] = {}
    for name, module in models.items():
        engines: dict[str, Any] = {"torch": None}
        opening = {}
        for engine, precise in (("openvino-f32", True), *((("openvino", False),) if able else ())):
            began, worked = time.perf_counter(), time.process_time()
            engines[engine] = _openvino.OpenVino(module, precise=precise)
            opening[engine] = {
                "ms": round((time.perf_counter() - began) * 1e3),
                "processor ms": round((time.process_time() - worked) * 1e3),
            }
        found[name] = {
            **speed(module, engines, chosen.rounds),
            "built and compiled": opening,
            "beside torch": sameness(module, engines, SCENES[name]),
        }
        for what, rows in found[name].items():
            print(f"\n{name}, {what}", flush=True)
            for row, values in rows.items():
                print(f"  {row:42}", "  ".join(f"{key} {value:g}" for key, value in values.items()))
    loads.append(round(os.getloadavg()[0], 2))
    about = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {core.get_property('CPU', 'FULL_DEVICE_NAME')}",
        "capabilities": core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
        "torch": torch.__version__,
        "openvino version": _openvino.openvino().__version__,
        "threads": torch.get_num_threads(),
        "load before and after": loads,
        "goals, times as fast": GOALS,
        "precisions": "openvino: its trunk in bfloat16; openvino-f32: all in float32",
        **found,
    }
    end = "" if chosen.threads is None else f"-{chosen.threads}-threads"
    RESULTS.with_stem(RESULTS.stem + end).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
