"""A run over the demo's scenes whose mistakes are known, and the Evaluation widget's hands and eyes in a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.demo import prepare
from evalnb.demo.dataset import write
from evalnb.project import Project
from evalnb.runs.evaluation import Evaluation

EXPLORE = """
import evalnb as ev
from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
project = Project(open_store(Settings.from_environment()))
evaluation = project.evaluation({evaluation_id})
widget = evaluation.explore()
widget
"""
"""A cell that shows the Evaluation widget of a kept evaluation."""


def results(truth: dict[str, Any], *, seed: int = 5) -> list[dict[str, Any]]:
    """Detections near the truths: some missed, some of another class, some where nothing is; small ones harder."""
    rng = np.random.default_rng(seed)
    classes = [one["id"] for one in truth["categories"]]
    # Each class has its own skill, so that there is something to see.
    skill = dict(zip(classes, rng.uniform(0.55, 0.98, len(classes)), strict=True))
    size = {one["id"]: (one["width"], one["height"]) for one in truth["images"]}
    out: list[dict[str, Any]] = []

    def add(image: int, class_id: int, box: list[float], score: float) -> None:
        out.append(
            {
                "image_id": image,
                "category_id": class_id,
                "bbox": [float(v) for v in box],
                "score": round(float(score), 4),
            }
        )

    for one in truth["annotations"]:
        x, y, w, h = one["bbox"]
        good = skill[one["category_id"]] * (0.7 if w * h < 32**2 else 1.0)
        if rng.random() > 0.5 + good / 2:
            continue
        dx, dy, dw, dh = rng.normal(0, 0.16 * (1.1 - good), 4)
        box = [max(0.0, x + dx * w), max(0.0, y + dy * h), w * (1 + dw), h * (1 + dh)]
        confused = rng.random() < 0.12 * (1.3 - good) * 4
        class_id = int(rng.choice(classes)) if confused else one["category_id"]
        add(one["image_id"], class_id, box, rng.beta(2, 3) if confused else rng.beta(6 * good, 2))
    for image, (width, height) in size.items():
        for _ in range(int(rng.poisson(3))):
            w, h = rng.uniform(14, 120, 2)
            box = [rng.uniform(0, width - w), rng.uniform(0, height - h), w, h]
            add(image, int(rng.choice(classes)), box, rng.beta(1.3, 7))
    return out


@dataclass(frozen=True, slots=True)
class WrongLabel:
    """An object whose label says another class than the detector saw."""

    image: str
    """Its file name."""
    box: tuple[float, float, float, float]
    right: str
    """The class that it is of, in truth."""

    @property
    def middle(self) -> tuple[float, float]:
        x, y, w, h = self.box
        return x + w / 2, y + h / 2


def spoil(truth: dict[str, Any], found: list[dict[str, Any]]) -> WrongLabel:
    """Give the largest object that is well detected and lies alone another class."""
    names = {one["id"]: one["name"] for one in truth["categories"]}
    file = {one["id"]: one["file_name"] for one in truth["images"]}

    def inside(box: list[float], x: float, y: float) -> bool:
        return box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]

    for one in sorted(truth["annotations"], key=lambda one: -one["area"]):
        x, y, w, h = one["bbox"]
        around = [other for other in truth["annotations"] if other["image_id"] == one["image_id"]]
        alone = sum(inside(other["bbox"], x + w / 2, y + h / 2) for other in around) == 1
        seen = any(
            d["image_id"] == one["image_id"]
            and d["category_id"] == one["category_id"]
            and d["score"] > 0.5
            and abs(np.array(d["bbox"]) - one["bbox"]).max() < 0.1 * min(w, h)
            for d in found
        )
        # Those two have no holes where a click would fall through.
        if alone and seen and names[one["category_id"]] in ("ball", "crate"):
            wrong = WrongLabel(file[one["image_id"]], (x, y, w, h), names[one["category_id"]])
            one["category_id"] = next(id for id, name in names.items() if name == "leaf")
            return wrong
    raise AssertionError("no object is well detected and alone")


def evaluated(project: Project, folder: Path, *, images: int) -> tuple[Evaluation, WrongLabel]:
    """The scenes with one wrong label imported, the detections as a run, and its evaluation."""
    written = write(folder / "scenes", images=images)
    truth = json.loads(written.annotations.read_bytes())
    found = results(truth)
    wrong = spoil(truth, found)
    written.annotations.write_text(json.dumps(truth))
    prepare.datasets(project, folder, images=images)
    run = project.import_results(project.dataset("scenes"), found, name="noisy")
    return project.evaluate(run), wrong


@dataclass(frozen=True, slots=True)
class Exploring:
    """The one Evaluation widget that the page shows."""

    page: Any

    @property
    def root(self) -> Any:
        return self.page.locator(".evalnb-evaluation")

    def wait(self) -> Exploring:
        """Until the figures are there, and the images behind them."""
        self.page.locator(".evalnb-evaluation .frame[data-ready=true]").wait_for(timeout=60_000)
        self.page.locator(".evalnb-evaluation .card img").first.wait_for(timeout=60_000)
        self.page.locator(".evalnb-evaluation [data-cell]").first.wait_for(timeout=60_000)
        return self

    def number(self, name: str) -> float:
        """One of the numbers, in full."""
        return float(self.root.locator(f"[data-number={name}]").get_attribute("data-value"))

    def until_number(self, name: str, value: float) -> None:
        """Until the page shows that number."""
        self.page.wait_for_function(
            "([name, value]) => Math.abs(Number(document.querySelector("
            "`.evalnb-evaluation [data-number=${name}]`)?.dataset.value) - value) < 1e-9",
            arg=[name, value],
            timeout=60_000,
        )

    def slide(self, confidence: float) -> None:
        """Move the confidence slider, as a hand does: one input event."""
        self.root.get_by_label("Least confidence").evaluate(
            "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }",
            str(confidence),
        )

    def cards(self) -> list[int]:
        """The ids of the images in the strip."""
        return [int(one.get_attribute("data-image")) for one in self.root.locator(".card").all()]

    def elapsed(self) -> float:
        """From the last move of a slider until its figures were painted, ms."""
        return float(self.root.get_attribute("data-elapsed"))

    def until_cards(self, count: int) -> None:
        """Until the strip has that many images."""
        self.page.wait_for_function(
            "count => document.querySelectorAll('.evalnb-evaluation .card').length === count",
            arg=count,
            timeout=60_000,
        )
