"""The Job widget in a real JupyterLab, with a real worker behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalnb.store import Store
from tests.crew import hired
from tests.lab import Lab

pytestmark = pytest.mark.browser

SHOW = """
from evalnb.jobs import Job
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.widgets.job import view
job = Job(open_store(Settings.from_environment()), "{job_id}", view=view)
job
"""


def test_the_card_runs_with_the_job_and_cancels_it_while_the_kernel_waits(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    with hired(store, tmp_path) as crew:
        job = crew.ask("count", to=500, step_s=0.1)
        lab.write("job.ipynb", SHOW.format(job_id=job.id), "job.wait()")
        lab.open(page, "job.ipynb")
        # Not run_all: it would wait for the second cell, which waits for the job.
        page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        card = page.locator(".evalnb-job .card")
        card.get_by_text("no worker is running; start one with").wait_for(timeout=30_000)
        crew.worker()
        page.locator(".evalnb-job .card[data-state=running]").wait_for(timeout=30_000)
        page.locator(".evalnb-job polyline").first.wait_for(timeout=30_000)
        # JupyterLab's and Font Awesome's global styles reach into a widget; no class name of the card may meet one.
        fonts = page.eval_on_selector_all(
            ".evalnb-job .card :is(span, time, button, summary)",
            "all => all.map(e => getComputedStyle(e).fontFamily)",
        )
        assert len(set(fonts)) == 1, set(fonts)
        # The kernel is busy with job.wait(); the button must work all the same.
        card.get_by_role("button", name="Cancel").click()
        page.locator(".evalnb-job .card[data-state=cancelled]").wait_for(timeout=20_000)
        assert job.state == "cancelled"
        page.locator(".jp-OutputArea-output", has_text="was cancelled").first.wait_for(timeout=20_000)


def test_after_a_kernel_restart_the_same_job_shows_the_same_card(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    with hired(store, tmp_path) as crew:
        crew.worker()
        job = crew.ask("count", to=5, step_s=0)
        job.wait(timeout=30)
    lab.write("job.ipynb", SHOW.format(job_id=job.id))
    lab.open(page, "job.ipynb")
    lab.run_all(page)
    card = page.locator(".evalnb-job .card[data-state=succeeded]")
    card.wait_for(timeout=20_000)
    before = card.locator("figcaption").first.inner_text()
    lab.kill_kernel()
    lab.reload(page)
    lab.run_all(page)
    card.wait_for(timeout=20_000)
    assert card.locator("figcaption").first.inner_text() == before
