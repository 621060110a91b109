"""The report in a real browser: the static file, and the live page of a real Voila."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalnb.reports import PublishedReport, publish
from evalnb.runs.card import number
from evalnb.runs.evaluate import evaluate
from evalnb.runs.evaluation import Evaluation
from evalnb.settings import Settings
from evalnb.store import Store
from tests.parity import problems
from tests.runs.loaded import load_run, load_truth

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
Published = tuple[Evaluation, PublishedReport]


@pytest.fixture
def report(store: Store, tmp_path: Path) -> Published:
    truth, results = problems.make(seed=11, images=6, classes=3, truths=8, detections=12, score_steps=20)
    known = {one["id"] for one in truth["categories"]}
    for one, name in zip(truth["categories"], ("person", "<i>bicycle</i>", "car"), strict=True):
        one["name"] = name
    loaded = load_truth(store, tmp_path / "images", truth)
    results = [one for one in results if one["category_id"] in known]
    evaluate(store, load_run(store, loaded, results[::2], "before"))
    evaluation = evaluate(store, load_run(store, loaded, results, "after"))
    return evaluation, publish(store, loaded.project_id, evaluation, title="Detector <b>v2</b>")


@pytest.fixture
def voila(settings: Settings, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A Voila as `evalnb up` starts it: its address and its token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_urlsafe(8)
    command = [
        *(sys.executable, "-m", "voila", str(NOTEBOOKS / "reports"), "--no-browser", f"--Voila.port={port}"),
        *("--Voila.auto_token=True", "--VoilaConfiguration.template=evalnb"),
    ]
    environment = {
        **os.environ,
        **settings.to_environment(),
        "JUPYTER_PATH": str(NOTEBOOKS),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    base = f"http://127.0.0.1:{port}"
    with (tmp_path / "voila.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{base}/?token={token}", timeout=5).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert process.poll() is None, (tmp_path / "voila.log").read_text()
                    time.sleep(0.25)
            yield base, token
        finally:
            process.terminate()
            process.wait(20)


def shown(page: Any) -> dict[str, str]:
    """The numbers on the page, by name."""
    found = page.locator(".evalnb-report [data-number]")
    return {one.get_attribute("data-number"): one.inner_text().strip() for one in found.all()}


def expected(evaluation: Evaluation) -> dict[str, str]:
    return {key: number(value) for key, value in evaluation.summary().items()}


def test_the_static_page_shows_the_numbers_and_asks_nobody(report: Published, page: Any) -> None:
    evaluation, published = report
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(published.html_path.as_uri())
    assert shown(page) == expected(evaluation)
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert page.locator("h1").inner_text() == "Detector <b>v2</b>"
    assert page.locator(".plate img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")


def test_the_class_table_sorts_by_any_column_both_ways(report: Published, page: Any) -> None:
    evaluation, published = report
    page.goto(published.html_path.as_uri())
    table = evaluation.per_class()

    def classes() -> list[str]:
        return page.locator("tr[data-class] td:first-child").all_inner_texts()

    assert table["AR"].nunique() == 3
    heading = page.locator("thead th", has_text="AR")
    heading.click()
    assert classes() == table.sort_values("AR", ascending=False)["class"].tolist()
    heading.press("Enter")
    assert classes() == table.sort_values("AR")["class"].tolist()
    page.locator("thead th", has_text="class").click()
    assert classes() == ["<i>bicycle</i>", "car", "person"]


def test_overlays_are_switched_off_and_pictures_enlarged(report: Published, page: Any) -> None:
    page.goto(report[1].html_path.as_uri())
    ghosts = page.locator(".shapes .ghost")
    assert ghosts.first.is_visible()
    page.locator("input[data-shows=ghost]").uncheck()
    assert not ghosts.first.is_visible()
    plate = page.locator(".plate").first
    before = plate.bounding_box()["width"]
    plate.click()
    assert plate.bounding_box()["width"] > 1.5 * before


def test_the_page_follows_the_system_s_theme_until_told_otherwise(report: Published, page: Any) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(report[1].html_path.as_uri())

    def lightness() -> int:
        return int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0]"))

    assert lightness() < 40
    page.locator("[data-theme-switch]").click()
    assert lightness() > 240
    page.reload()
    assert lightness() > 240


def test_it_fits_a_telephone(report: Published, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(report[1].html_path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.timeout(240)
def test_the_live_page_shows_the_numbers_and_they_follow_the_controls(
    report: Published, voila: tuple[str, str], page: Any
) -> None:
    evaluation, published = report
    base, token = voila
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/voila/render/report.ipynb?token={token}&slug={published.slug}&project={published.project_id}")
    page.locator(".evalnb-report [data-number=AP]").wait_for(timeout=90_000)
    assert shown(page) == expected(evaluation)
    outside = [url for url in asked if not url.startswith((base, base.replace("http", "ws"), "data:", "blob:"))]
    assert outside == []

    page.locator(".evalnb-controls select").first.select_option("car")
    narrowed = evaluation.where(classes=["car"])
    page.wait_for_function(
        "text => document.querySelector('[data-number=AP50]').innerText === text",
        arg=expected(narrowed)["AP50"],
        timeout=20_000,
    )
    assert shown(page) == expected(narrowed)
    assert page.locator("tr[data-class]").count() == 1

    handle = page.locator(".evalnb-controls .noUi-handle")
    handle.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    readout = page.locator(".evalnb-controls .widget-readout")
    page.wait_for_function(
        "before => document.querySelector('.evalnb-controls .widget-readout').innerText !== before", arg="0.00"
    )
    cut = float(readout.inner_text())
    surer = evaluation.where(classes=["car"], confidence=cut)
    page.wait_for_function(
        "text => document.querySelector('[data-number=AR100]').innerText === text",
        arg=expected(surer)["AR100"],
        timeout=20_000,
    )
    assert shown(page) == expected(surer) != expected(narrowed)


@pytest.mark.timeout(240)
def test_the_live_page_lists_the_reports_and_names_what_is_missing(
    report: Published, voila: tuple[str, str], page: Any
) -> None:
    base, token = voila
    page.goto(f"{base}/voila/render/report.ipynb?token={token}")
    link = page.locator(".evalnb-report a", has_text="Detector <b>v2</b>")
    link.wait_for(timeout=90_000)
    link.click()
    page.locator(".evalnb-report [data-number=AP]").wait_for(timeout=90_000)
    assert shown(page) == expected(report[0])
    page.goto(f"{base}/voila/render/report.ipynb?token={token}&slug=nothing")
    page.locator("h1", has_text="there is no report 'nothing'").wait_for(timeout=90_000)
