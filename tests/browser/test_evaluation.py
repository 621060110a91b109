"""The Evaluation widget in a real JupyterLab: what the page shows is what Python says, and an edit moves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalnb.project import Project
from evalnb.store import Store
from tests.annotating import Annotating
from tests.exploring import EXPLORE, Exploring, evaluated
from tests.lab import Lab

pytestmark = pytest.mark.browser


def test_the_slider_the_marks_and_a_label_put_right(store: Store, lab: Lab, page: Any, tmp_path: Path) -> None:
    project = Project(store)
    one, wrong = evaluated(project, tmp_path / "demo", images=12)
    assert not one.problems
    lab.write("explore.ipynb", EXPLORE.format(evaluation_id=one.id))
    lab.open(page, "explore.ipynb")
    lab.run_all(page)
    widget = Exploring(page).wait()
    assert widget.number("AP") == pytest.approx(one.summary()["AP"], abs=1e-9)
    assert widget.root.locator(".card svg").first.get_attribute("viewBox") == "0 0 512 384"

    # The slider: each number is the one that Python's ``where`` gives.
    took = []
    for confidence in (0.2, 0.35, 0.5, 0.65, 0.4):
        widget.slide(confidence)
        widget.until_number("AP", one.where(confidence=confidence).summary()["AP"])
        widget.until_number("ARl", one.where(confidence=confidence).summary()["ARl"])
        took.append(widget.elapsed())
    print(f"from the slider's move to painted figures: {np.median(took):.0f} ms")
    # A gross bound: tests share their machine. docs/exploring-an-evaluation.md has the figure.
    assert np.median(took) < 3_000

    # A class bar: the images where it goes wrong.
    table = one.where(classes=[wrong.right]).per_image(confidence=0.4)
    table = table[table["FP"] + table["FN"] > 0]
    widget.root.locator(f"[data-class='{wrong.right}'] button").click()
    widget.root.get_by_text(f"{wrong.right}: wrong or missed").wait_for(timeout=60_000)
    widget.until_cards(len(table))
    assert set(widget.cards()) == set(table["image"])

    # The cell of the confusion matrix that holds the wrong label: its image opens, the label is put right, AP moves.
    widget.slide(0.0)
    before = one.summary()["AP"]
    widget.until_number("AP", before)
    widget.root.locator(f"[data-cell='leaf/{wrong.right}']").click()
    image = next(id for id, name in zip(one.images.id.tolist(), one.images.name, strict=True) if name == wrong.image)
    widget.root.locator(f".card[data-image='{image}']").click(timeout=60_000)
    canvas = Annotating(page).wait()
    canvas.click(*canvas.at(*wrong.middle))
    canvas.press(str(1 + [one.name for one in project.dataset("scenes").taxonomy].index(wrong.right)))
    canvas.saved()
    page.get_by_text("1 edit on 1 image matched again").wait_for(timeout=60_000)
    now = one.after_edits(images=[image]).summary()["AP"]
    assert now > before
    widget.until_number("AP", now)
    assert f"{before:.3f}" in widget.root.locator("[data-number=AP] .moved").inner_text()
