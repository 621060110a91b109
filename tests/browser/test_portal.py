"""The portal in a real browser: signing in, looking, following a mark, uploading, cancelling; light and dark."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evalnb.cli.supervision.runfile import RunDirectory
from tests.axe import accessible
from tests.browser.portal_house import Portal, portal_of
from tests.server.conftest import furnished


@pytest.fixture(scope="module")
def portal(
    home: Path, server_url: str, template: str, server_broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    logs = tmp_path_factory.mktemp("portal")
    with furnished(home, server_url, template, server_broker_url, tmp_path_factory.mktemp("house")) as house:
        try:
            with portal_of(house, home, logs) as one:
                yield one
        finally:
            RunDirectory(home).forget()


@pytest.fixture(scope="module")
def signed_in(browser: Any, portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of somebody who has signed in by the form."""
    kept = tmp_path_factory.mktemp("cookies") / "state.json"
    context = browser.new_context()
    portal.sign_in(context.new_page())
    context.storage_state(path=kept)
    context.close()
    return kept


@pytest.fixture
def page(browser: Any, signed_in: Path, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A page of somebody who is signed in. What it throws uncaught, and what its policy blocks, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, storage_state=signed_in)
    context.set_default_timeout(60_000)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    before = request.session.testsfailed
    yield opened
    if request.session.testsfailed > before:
        opened.screenshot(path=tmp_path / "failed.png")
    context.close()
    assert not faults, f"uncaught in the page: {faults}"


def test_whoever_is_not_signed_in_is_sent_to_sign_in(browser: Any, portal: Portal) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(portal.at("/datasets"))
    page.get_by_role("heading", name="Sign in to evalnb").wait_for()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").filter(has_text="password").wait_for()
    context.close()


def test_from_a_dataset_to_an_image_on_the_canvas(page: Any, portal: Portal) -> None:
    page.goto(portal.at("/datasets"))
    page.get_by_role("link", name="scenes").click()
    page.locator("[data-index='0'] img").wait_for()
    accessible(page)
    # The filter is in the address, and a key opens what has the focus.
    page.get_by_role("complementary", name="Filter").get_by_role("link", name="night").click()
    page.wait_for_url("**tag=night")
    page.get_by_text(" of 24 images").wait_for()
    page.locator("[data-index='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/images/*")
    page.locator(".evalnb-save[data-state=saved]").wait_for()
    page.locator(".evalnb-annotator [data-shape]").first.wait_for()
    # The next image is the next one of the grid.
    night = portal.house.client.get(
        f"/api/datasets/{portal.house.dataset_id}/images", params={"tag": "night", "limit": 500}
    ).json()["items"]
    page.get_by_text(f"2 of {len(night)} with night").wait_for()
    page.get_by_role("button", name="Next image").click()
    page.wait_for_url(f"**/images/{night[2]['id']}?tag=night")
    page.get_by_text(f"3 of {len(night)} with night").wait_for()


def test_a_click_on_a_mark_shows_the_images_behind_it(page: Any, portal: Portal) -> None:
    evaluation = portal.house.project.evaluation(portal.house.evaluations[0])
    page.goto(portal.at(f"/evaluations/{portal.house.evaluations[0]}"))
    # While its interval is computed there is a first one without; for a moment there are both.
    shown = page.locator("[data-number=AP]").first
    assert float(shown.get_attribute("data-value")) == pytest.approx(evaluation.summary()["AP"], abs=1e-12)
    page.locator("[data-number=AP] [role=img][aria-label*=interval]").wait_for()
    accessible(page)
    confusion = evaluation.confusion(confidence=0.25)
    name = str(confusion.index[0])
    cell = page.locator(f"[data-cell='{name}/{name}']")
    assert int(cell.get_attribute("data-count")) == int(confusion.loc[name, name])
    cell.click()
    behind = page.locator("[data-behind=cell][aria-busy=false]")
    behind.locator("[data-image]").first.wait_for()
    assert page.get_by_role("heading", name=f"{name} found").is_visible()
    images = [int(one.get_attribute("data-image")) for one in behind.locator("[data-image]").all()]
    assert set(images) <= set(portal.house.image_ids)


def test_two_evaluations_are_compared_in_a_sentence(page: Any, portal: Portal) -> None:
    first, second = portal.house.evaluations
    page.goto(portal.at("/evaluations"))
    page.get_by_label(f"Compare evaluation {first},").check()
    page.get_by_label(f"Compare evaluation {second},").check()
    page.get_by_role("link", name="Compare the two").click()
    made = portal.house.project.evaluation(first).compare(portal.house.project.evaluation(second))
    page.locator("[data-sentence]").wait_for()
    assert page.locator("[data-sentence]").inner_text() == made.sentence


def test_labels_and_a_run_are_compared_and_an_image_they_differ_on_opens(page: Any, portal: Portal) -> None:
    house = portal.house
    page.goto(portal.at("/datasets"))
    page.get_by_role("link", name="scenes").click()
    page.get_by_role("link", name="Agreement").click()
    page.get_by_role("heading", name="How far do two agree?").wait_for()
    accessible(page)
    page.get_by_label("scenes and").select_option(f"run-{house.runs[1]}")
    page.get_by_role("button", name="Compare").press("Enter")
    page.locator("[data-sentence]").wait_for()
    table = house.project.dataset("scenes").agreement(house.project.run(house.runs[1]))
    assert f"agree on {table.loc['all', 'agreed']} of the" in page.locator("[data-sentence]").inner_text()
    rows = page.locator("[data-class]")
    assert rows.count() == len(table)
    # F1 has two places there; the worst class is on top.
    f1 = [float(one) for one in rows.locator("td:nth-child(6)").all_inner_texts()[:-1]]
    assert f1 == sorted(f1)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        accessible(page)
        if folder := os.environ.get("EVALNB_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"agreement-{scheme}.png", full_page=True)
    worst = int(page.locator("[data-image]").first.get_attribute("data-image"))
    disagreements = house.project.dataset("scenes").disagreements(house.project.run(house.runs[1]))
    assert worst == disagreements.index[0]
    page.locator("[data-image] a").first.click()
    page.wait_for_url(f"**/images/{worst}")
    page.locator(".evalnb-annotator [data-shape]").first.wait_for()


def test_the_masks_of_a_datasets_boxes_are_a_job(page: Any, portal: Portal) -> None:
    page.goto(portal.at(f"/datasets/{portal.house.dataset_id}?tag=night"))
    page.get_by_role("button", name="Masks of boxes").click()
    page.get_by_text("the images with the tag night").wait_for()
    accessible(page)
    page.get_by_role("combobox", name="Model").first.select_option("pico")
    page.get_by_role("button", name="Draw the masks").click()
    page.wait_for_url("**/jobs/*-*")
    asked = portal.house.client.get(f"/api/jobs/{page.url.rpartition('/')[2]}").json()
    assert (asked["kind"], asked["arguments"]["segmenter"]) == ("masks", "pico")
    assert asked["arguments"]["part"]["tags"] == ["night"]


def test_an_upload_arrives_and_opens(page: Any, portal: Portal, tmp_path: Path) -> None:
    picture = tmp_path / "fresh.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)).save(picture)
    page.goto(portal.at("/upload"))
    page.get_by_label("What it is").select_option("image")
    page.get_by_label("Dataset").fill("scenes")
    page.get_by_label("Files").set_input_files(picture)
    page.locator("[data-upload='fresh.png'][data-state=done]").wait_for()
    page.get_by_role("link", name="Open the image").click()
    page.get_by_role("heading", name="fresh.png").wait_for()


def test_files_chosen_before_the_page_wakes_up_are_sent(page: Any, portal: Portal, tmp_path: Path) -> None:
    early = tmp_path / "early.png"
    Image.fromarray(np.random.default_rng(4).integers(0, 255, (64, 96, 3), np.uint8)).save(early)
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/_next/static/**/*.js", hold)
    page.goto(portal.at("/upload"), wait_until="commit")
    page.get_by_label("Files").set_input_files(early)
    assert held, "scripts wait for the test, so nothing has heard of the file"
    assert page.locator("[data-upload]").count() == 0
    # It lets go of those that it holds, too.
    page.unroute("**/_next/static/**/*.js", hold)
    page.locator("[data-upload='early.png'][data-state=done]").wait_for()


def test_a_file_that_is_refused_says_why(page: Any, portal: Portal, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture at all")
    page.goto(portal.at("/upload"))
    page.get_by_label("What it is").select_option("image")
    page.get_by_label("Dataset").fill("scenes")
    page.get_by_label("Files").set_input_files(broken)
    row = page.locator("[data-upload='broken.png'][data-state=refused]")
    row.wait_for()
    assert "broken.png" in row.get_by_role("alert").inner_text()


def test_a_waiting_job_is_cancelled(page: Any, portal: Portal) -> None:
    page.goto(portal.at("/jobs"))
    row = page.locator(f"[data-job='{portal.house.job_id}']")
    row.locator("[data-state=queued]").wait_for()
    row.get_by_role("button", name="Cancel").click()
    row.locator("[data-state=cancelled]").wait_for()
    accessible(page)


def test_dark_is_kept_and_does_not_flash(page: Any, portal: Portal) -> None:
    page.goto(portal.at("/datasets"))
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitem", name="Dark").click()
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(19, 21, 25)"
    # The server writes it: it is dark before any script has run.
    assert 'data-theme="dark"' in page.request.get(portal.at("/datasets")).text()
    page.reload()
    assert page.evaluate(ground) == "rgb(19, 21, 25)"
    accessible(page)


def test_keys_go_where_they_say(page: Any, portal: Portal) -> None:
    page.goto(portal.at("/datasets"))
    page.locator("[data-row]").first.wait_for()
    page.locator("html[data-keys=on]").wait_for()
    page.keyboard.press("j")
    assert page.evaluate("() => document.activeElement.matches('[data-row]')")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.get_by_role("heading", name="Evaluations").wait_for()


def test_a_dataset_is_renamed_and_deleted_by_its_name(page: Any, portal: Portal) -> None:
    made = portal.house.client.post(
        f"/api/projects/{portal.house.project.id}/datasets", json={"name": "to go"}
    ).json()
    page.goto(portal.at(f"/datasets/{made['id']}"))
    page.get_by_role("button", name="Rename or delete this dataset").click()
    page.get_by_label("Name of the dataset").fill("scenes")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("alert").filter(has_text="'scenes'").wait_for()
    page.get_by_label("Name of the dataset").fill("gone soon")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="Delete this dataset…").click()
    sure = page.get_by_role("dialog", name="Delete gone soon?")
    assert sure.get_by_role("button", name="Delete this dataset").is_disabled()
    sure.get_by_role("textbox").fill("gone soon")
    accessible(page)
    sure.get_by_role("button", name="Delete this dataset").click()
    page.get_by_role("heading", name="Datasets").wait_for()
    page.locator("[data-row]").filter(has_text="scenes").wait_for()
    assert page.locator("[data-row]").filter(has_text="gone soon").count() == 0
    assert portal.house.client.get(f"/api/datasets/{made['id']}").status_code == 404


def test_what_is_not_there_is_said_in_the_apis_words(page: Any, portal: Portal) -> None:
    page.goto(portal.at("/evaluations/999999"))
    alert = page.get_by_role("alert").filter(has_text="999999")
    alert.wait_for()


def test_images_are_ticked_set_and_found_again_by_status_and_person(page: Any, portal: Portal) -> None:
    place = f"/api/datasets/{portal.house.dataset_id}/reviews"
    page.goto(portal.at(f"/datasets/{portal.house.dataset_id}"))
    page.locator("[data-index='0'] img").wait_for()
    boxes = page.get_by_role("checkbox")
    # With Shift, all between two.
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="Selected images")
    bar.get_by_text("4 images").wait_for()
    accessible(page)
    bar.get_by_role("button", name="Set status").click()
    page.get_by_role("menuitem", name="To review").click()
    bar.wait_for(state="detached")
    page.locator("[data-index='1']").get_by_text("To review").wait_for()
    boxes.nth(2).click()
    bar.get_by_role("button", name="Assign").click()
    page.get_by_label("Name", exact=True).fill("ben")
    page.keyboard.press("Enter")
    page.locator("[data-index='2']").get_by_text("To review · ben").wait_for()
    stored = portal.house.client.get(place, params={"status": "review"}).json()["items"]
    assert [one["id"] for one in stored] == portal.house.image_ids[1:5]
    assert [one["assignee"] for one in stored] == ["", "ben", "", ""]
    for name in ("accepted", "rejected", "doing"):
        portal.house.client.post(place, json={"image_ids": [stored[0]["id"]], "status": name})
    page.reload()
    filters = page.get_by_role("complementary", name="Filter")
    filters.get_by_role("link", name="ben").click()
    page.wait_for_url("**assignee=ben")
    page.get_by_text(re.compile(r"^1 of \d+ images$")).wait_for()
    assert page.locator("[data-index]").count() == 1
    filters.get_by_role("link", name="ben").click()
    page.wait_for_url(lambda url: "assignee" not in url)
    filters.get_by_role("link", name="To review").click()
    page.wait_for_url("**status=review")
    page.get_by_text(re.compile(r"^3 of \d+ images$")).wait_for()
    # What is reviewed on the image's page is so in the grid that one comes back to.
    page.locator("[data-index='0']").click()
    page.locator(".evalnb-save[data-state=saved]").wait_for()
    page.locator(".evalnb-canvas, canvas").first.click(position={"x": 5, "y": 5})
    page.keyboard.press("Alt+a")
    page.wait_for_function(
        "async (place) => (await (await fetch(place)).json()).items.length === 1", arg=f"{place}?status=accepted"
    )
    page.go_back()
    page.get_by_text(re.compile(r"^2 of \d+ images$")).wait_for()
    for theme in ("light", "dark"):
        page.goto(portal.at(f"/datasets/{portal.house.dataset_id}"))
        page.emulate_media(color_scheme=theme)
        page.locator("[data-index='1']").get_by_text("Doing").wait_for()
        page.locator("[data-index='3'] img").wait_for()
        boxes.nth(5).click()
        accessible(page)
        if folder := os.environ.get("EVALNB_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"reviews-{theme}.png")
