"""Take the pictures of the portal's pages anew, from scenes whose detections are made up.

`make screenshots` runs this, too; alone: ``CHROMIUM=$(cat .build/chromium) python -m tools.screenshots_portal``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from evalnb.project import Project
from evalnb.settings import Settings
from evalnb.store import open_store
from tests.annotating import Annotating
from tests.exploring import evaluated, results
from tests.house import House, standing_house
from tests.lab import CHROMIUM_FLAGS
from tools.screenshots import keep

PATIENCE_MS = 60_000


def main() -> int:
    """Fill a home, and photograph each page in light and dark."""
    with tempfile.TemporaryDirectory() as folder, standing_house(Path(folder)) as house:
        pages = _fill(house, Path(folder))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=CHROMIUM_FLAGS)
            for theme in ("light", "dark"):
                _photograph(chromium, house, pages, theme)
            chromium.close()
    return 0


def _fill(house: House, folder: Path) -> dict[str, str]:
    """A dataset, a trained model, two evaluations and a report; gives each page's path by its picture's name."""
    settings = replace(Settings.from_environment(), home=house.home, database_url=None, broker_url=None)
    project = Project(open_store(settings))
    try:
        one, _ = evaluated(project, folder / "demo", images=48)
        scenes = project.dataset("scenes")
        truth = json.loads((folder / "demo" / "scenes" / "instances.json").read_bytes())
        surer = [found for found in results(truth) if found["score"] > 0.3]
        other = project.evaluate(project.import_results(scenes, surer, name="surer"))
        job = project.submit.train(
            "yolo11n", scenes, epochs=3, image_size=96, batch=8, pretrained=False, name="detector"
        )
        job.wait()
        (model,) = house.api(f"/projects/{project.id}/models")["items"]
        report = project.publish(one, title="Detector, third version", compare_to=other)
        image = one.images.id.tolist()[0]
        mine = f"/projects/{project.id}"
        return {
            "projects": "/",
            "datasets": f"{mine}/datasets",
            "dataset": f"{mine}/datasets/{scenes.id}",
            "image": f"{mine}/images/{image}",
            "upload": f"{mine}/upload",
            "models": f"{mine}/models",
            "model": f"{mine}/models/{model['id']}",
            "runs": f"{mine}/runs",
            "run": f"{mine}/runs/{one.run_id}",
            "evaluations": f"{mine}/evaluations",
            "evaluation": f"{mine}/evaluations/{one.id}",
            "compare": f"{mine}/evaluations/{one.id}/compare/{other.id}",
            "jobs": f"{mine}/jobs",
            "job": f"{mine}/jobs/{job.id}",
            "reports": f"{mine}/reports",
            "report": f"{mine}/reports/{report.slug}",
            "settings": f"{mine}/settings",
        }
    finally:
        project.store.close()


def _photograph(chromium: Any, house: House, pages: dict[str, str], theme: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{house.address}/sign-in")
    page.get_by_role("button", name="Sign in").first.wait_for()
    keep(f"portal-sign-in-{theme}", page.screenshot())
    page.goto(f"{house.address}/?token={house.token}")
    for name, path in pages.items():
        page.goto(f"{house.address}{path}")
        page.get_by_role("heading").first.wait_for()
        if name == "image":
            Annotating(page).wait()
        if name == "report":
            # The page comes at once; its figures when their kernel has started.
            page.frame_locator("iframe[data-report]").get_by_text("Precision and recall").first.wait_for()
        page.wait_for_load_state("networkidle")
        # What fades in, and figures that are streamed after the page.
        page.wait_for_timeout(2_500)
        keep(f"portal-{name}-{theme}", page.screenshot())
    context.close()


if __name__ == "__main__":
    sys.exit(main())
