"""How often 95 % intervals hold the truth: datasets drawn from populations whose truth is known, every number of
COCO's, and what the usual bootstrap intervals do on the same datasets.

    python -m benchmarks.coverage [--datasets 400] [--replicates 200] [--scenario NAME …]

Two truths are asked for: what datasets of the same size give on average (the one that an interval here speaks of),
and what a dataset without end gives (which average precision approaches from above, and slowly). The paired part
draws two detectors of equal skill, and one that is better.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.population import Population, draw
from evalnb.core import metrics
from evalnb.core.resampling import Strength, Units, difference, interval

RESULTS = Path(__file__).parent / "results" / "coverage.json"
SCENARIOS = {
    "200 images, 6 classes": (Population(), 200),
    "50 images, 6 classes": (Population(), 50),
    "200 images, 40 classes": (Population(classes=40, truths_per_image=7, rarest=0.01), 200),
    "100 images, 20 classes, some rare": (Population(classes=20, truths_per_image=3, rarest=0.004), 100),
    "200 images, a good detector": (Population(skill=4.5, ghosts_per_image=1.5), 200),
    "300 images of 30 scenes": (Population(scene_spread=0.8, images_per_scene=10), 300),
}
BINS = ((2, 4), (5, 9), (10, 19), (20, 10**9))


def usual(value: float, found: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Percentile, basic and bias-corrected (Efron 1987) intervals."""
    low, high = np.quantile(found, [0.025, 0.975])
    normal = NormalDist()
    below = ((found < value).sum() + 0.5 * (found == value).sum() + 0.5) / (len(found) + 1)
    shift = 2 * normal.inv_cdf(float(below))
    corrected = np.quantile(found, [normal.cdf(shift - 1.96), normal.cdf(shift + 1.96)])
    return {
        "percentile": (low, high),
        "basic": (2 * value - high, 2 * value - low),
        "BC": (corrected[0], corrected[1]),
    }


def averages(of: Population, images: int, datasets: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What datasets of this size give on average: the numbers, and AP by class."""
    numbers, by_class = [], []
    for at in range(datasets):
        (matches,) = draw(of, images, [1, at]).matches
        numbers.append(list(metrics.summary(matches).values()))
        by_class.append(metrics.per_class(matches).ap)
    return _mean(numbers), _mean(by_class)


def _mean(rows: list[Any]) -> NDArray[np.float64]:
    table = np.array(rows)
    return np.nanmean(np.where(table > -1, table, np.nan), axis=0)


def intervals(of: Population, images: int, datasets: int, replicates: int) -> dict[str, Any]:
    truth, class_truth = averages(of, images, 1500)
    endless = _mean([list(metrics.summary(draw(of, 20_000, [2, at]).matches[0]).values()) for at in range(4)])
    held: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    keys: tuple[str, ...] = ()
    for at in range(datasets):
        drawn = draw(of, images, [3, at])
        (matches,) = drawn.matches
        keys = metrics.summary_keys(matches)
        ranges = metrics.range_of(matches)
        units = Units.among(images, group=drawn.scene)
        found = [metrics.replicates(matches, one, classes=True) for one in units.weights(replicates, seed=at)]
        numbers = np.concatenate([one.numbers for one in found])
        class_ap = np.concatenate([one.class_ap for one in found if one.class_ap is not None])
        bearing = metrics.bearing(matches, unit=units.of)
        for place, (key, value) in enumerate(metrics.summary(matches).items()):
            some = numbers[:, place][numbers[:, place] > -1]
            mine = interval(value, some, Strength.of(bearing[:, ranges[place]], units.count), 0.95)
            ours = {"centred percentile": (mine.low, mine.high)}
            for method, (low, high) in {**ours, **usual(value, some)}.items():
                held[key][method].append(bool(low <= truth[place] <= high))
                held[key][f"{method}, endless"].append(bool(low <= endless[place] <= high))
        for place, value in enumerate(metrics.per_class(matches).ap):
            mine = interval(value, class_ap[:, place], Strength.of(bearing[[place], 0], units.count), 0.95)
            if not np.isnan(mine.low):
                name = next(f"{a} to {b}" for a, b in BINS if a <= bearing[place, 0] <= b)
                name = name.replace("to 1000000000", "or more")
                held[f"class in {name} units"]["centred percentile"].append(
                    bool(mine.low <= class_truth[place] <= mine.high)
                )
    out = {
        key: {method: round(100 * float(np.mean(one)), 1) for method, one in by_method.items()}
        for key, by_method in held.items()
    }
    lean = {key: round(float(truth[place] - endless[place]), 4) for place, key in enumerate(keys)}
    return {"held": out, "above a dataset without end": lean}


def paired(of: Population, images: int, datasets: int, replicates: int) -> dict[str, float]:
    """Of two equal detectors: how often p is below 0.05 and 0.5, and how often the interval holds 0. Of one that is
    better: how often that is found, beside how often the detectable differences promise."""
    equal, better, promised, effect = [], [], [], []
    more = 0.45
    for at in range(datasets):
        drawn = draw(of, images, [4, at], better=(0.0, 0.0, more))
        units = Units.among(images, group=drawn.scene)
        found = [
            np.concatenate([metrics.replicates(one, w).numbers[:, 0] for w in units.weights(replicates, seed=at)])
            for one in drawn.matches
        ]
        values = [metrics.summary(one)["AP"] for one in drawn.matches]
        strength = Strength.of(metrics.bearing(drawn.matches[0], unit=units.of)[:, 0], units.count)
        equal.append(difference(values[1] - values[0], found[1] - found[0], strength, 0.95))
        better.append(difference(values[2] - values[0], found[2] - found[0], strength, 0.95))
        promised.append(better[-1].detectable)
        effect.append(values[2] - values[0])
    p = np.array([one.p for one in equal])
    shift = float(np.mean(effect))
    error = np.array([one.standard_error for one in better])
    normal = NormalDist()
    power = [normal.cdf((shift - (one.detectable - 0.8416 * e)) / e) for one, e in zip(better, error, strict=True)]
    return {
        "equal: p below 0.05, %": round(100 * float((p < 0.05).mean()), 1),
        "equal: p below 0.5, %": round(100 * float((p < 0.5).mean()), 1),
        "better by": round(shift, 4),
        "detectable": round(float(np.mean(promised)), 4),
        "found, %": round(100 * float(np.mean([one.p < 0.05 for one in better])), 1),
        "promised, %": round(100 * float(np.mean(power)), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.scenario or SCENARIOS:
        began = time.process_time()
        of, images = SCENARIOS[name]
        one = intervals(of, images, asked.datasets, asked.replicates)
        one["paired"] = paired(of, images, asked.datasets // 2, asked.replicates)
        one |= {
            "datasets": asked.datasets,
            "replicates": asked.replicates,
            "cpu_s": round(time.process_time() - began),
        }
        results[name] = one
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(
            f"\n{name}: {asked.datasets} datasets, {one['cpu_s']} s of CPU; coverage in % (of a dataset without end)"
        )
        for key, held in one["held"].items():
            shown = [f"{m} {v} ({held[f'{m}, endless']})" for m, v in held.items() if f"{m}, endless" in held]
            print(f"  {key:26}", " · ".join(shown) or held["centred percentile"])
        print("  paired", one["paired"])


if __name__ == "__main__":
    main()
