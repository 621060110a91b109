"""One object over the images of a sequence, in a real JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalnb.runs.evaluate import evaluate
from evalnb.store import Store
from evalnb.wire.shapes import Shape
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import chosen, pictured
from tests.lab import Lab
from tests.walk import COUNT, GONE, iou, make_walk, square
from tests.widgets.test_sight import BOX, run_of
from tests.yard import Yard, make_yard

pytestmark = pytest.mark.browser

# Each image's name as it is shown, and how many shapes the list had until then: those of the image before.
NAMES = """() => {
  window.namesSeen = [];
  const name = document.querySelector('.evalnb-name');
  new MutationObserver(() => window.namesSeen.push(
    [name.textContent, document.querySelectorAll('.evalnb-annotator [data-shape]').length]
  )).observe(name, { characterData: true, subtree: true });
}"""


@pytest.fixture
def yard(store: Store, tmp_path: Path) -> Yard:
    """A video of nine frames."""
    return make_yard(store, tmp_path / "yard", pictures=9, film_rate=4)


def to(canvas: Annotating, key: str, place: int) -> None:
    canvas.press(key)
    named(canvas, place).wait_for()


def named(canvas: Annotating, place: int) -> Any:
    """The name of the image at a place, once it is shown."""
    return canvas.page.locator(".evalnb-name", has_text=re.compile(rf"^yard[-/]0*{place}\.jpg$"))


def tracked(yard: Yard) -> dict[int, Any]:
    """The one track's shape on each frame that has it."""
    found = {place: [one for one in yard.shapes(place) if one.track.id] for place in range(9)}
    assert all(len(some) <= 1 for some in found.values())
    assert len({some[0].track.id for some in found.values() if some}) == 1
    return {place: some[0] for place, some in found.items() if some}


def test_a_track_on_a_video_is_begun_filled_in_corrected_ended_and_played(yard: Yard, lab: Lab, page: Any) -> None:
    canvas = shown(yard, lab, page)
    canvas.click(*canvas.at(325, 70))
    canvas.press("Shift+T")
    page.locator(".evalnb-chip", has_text="key").wait_for()
    for place in range(1, 7):
        to(canvas, "f", place)
    canvas.press("r")
    canvas.shapes(1)
    canvas.drag(*canvas.at(325, 70), *canvas.at(205, 70))
    canvas.saved()
    canvas.press("Shift+R")
    page.locator(".evalnb-notice", has_text="5 shapes are filled in").wait_for()
    canvas.saved()
    until(lambda: sorted(tracked(yard)) == list(range(7)))
    filled = tracked(yard)
    assert [one.geometry.box[0] for one in filled.values()] == pytest.approx([300 - 20 * n for n in range(7)], abs=1)
    assert [one.track.keyframe for one in filled.values()] == [True, *[False] * 5, True]
    assert {one.class_id for one in filled.values()} == {1}

    # One of those between is put elsewhere: a keyframe, and both sides follow.
    for place in (5, 4, 3):
        to(canvas, "d", place)
    page.locator(".evalnb-chip", has_text="between").wait_for()
    canvas.click(*canvas.at(265, 70))
    canvas.drag(*canvas.at(265, 70), *canvas.at(265, 130))
    page.locator(".evalnb-chip", has_text="key").wait_for()
    pictured(page, "track")
    canvas.press("Shift+R")
    page.locator(".evalnb-notice", has_text="4 shapes are filled in").wait_for()
    canvas.saved()
    ys = [40, 60, 80, 100, 80, 60, 40]
    until(lambda: [one.geometry.box[1] for one in tracked(yard).values()] == pytest.approx(ys, abs=1))

    # It leaves the picture there: nothing is between that and the next keyframe.
    chosen(canvas, "leaves the picture")
    page.locator(".evalnb-chip", has_text="outside").wait_for()
    canvas.press("Shift+R")
    canvas.saved()
    until(lambda: sorted(tracked(yard)) == [0, 1, 2, 3, 6])
    assert tracked(yard)[3].track.outside
    # What is out of sight is nothing that a model could miss.
    run = run_of(yard, [(BOX, 0.9, 1)], *[[] for _ in range(8)])
    truths, _ = evaluate(yard.store, run).records()
    assert yard.image_ids[3] not in truths.image.tolist()
    assert {yard.image_ids[place] for place in (0, 1, 2, 6)} <= set(truths.image.tolist())
    page.locator(".evalnb-annotator [data-shape]").first.click()
    chosen(canvas, "Next keyframe")
    named(canvas, 6).wait_for()
    chosen(canvas, "Previous keyframe")
    named(canvas, 3).wait_for()
    played(yard, canvas)


def played(yard: Yard, canvas: Annotating) -> None:
    """The timeline shows the track, is worked by keys, and plays; drawing stops it, and nothing is lost."""
    page = canvas.page
    line = page.get_by_role("group", name="Timeline")
    slider = line.get_by_role("slider", name="Frame of the video")
    page.locator(".evalnb-timeline[data-keys='3']").wait_for()
    assert line.locator("i[data-kind=out]").count() == 1
    assert slider.get_attribute("aria-valuetext") == "frame 3, 0:00.75, keyframe"
    assert "0:00.75 / 0:02.00 frame 3" in " ".join(line.inner_text().split())
    pictured(page, "timeline")
    slider.focus()
    page.keyboard.press("Home")
    named(canvas, 0).wait_for()
    page.evaluate(NAMES)

    # An edit that is not saved yet goes on its way while the next images are shown; each with its own shapes.
    canvas.draw(400, 300, 40, 40)
    canvas.press(" ")
    page.locator(".evalnb-timeline[data-playing=true]").wait_for()
    named(canvas, 8).wait_for()
    page.locator(".evalnb-timeline[data-playing=false]").wait_for()
    said = page.evaluate("window.namesSeen")
    assert [name for name, _ in said] == [f"yard/00000{place}.jpg" for place in range(1, 9)]
    assert [count for _, count in said] == [3, 1, 1, 1, 0, 0, 1, 0]
    canvas.saved()
    assert len(yard.shapes(0)) == 3

    # Held, Space pans and nothing plays; tapped, it plays from the first frame; the hand stops it.
    page.keyboard.down(" ")
    canvas.drag(*canvas.at(100, 100), *canvas.at(110, 100))
    page.keyboard.up(" ")
    assert line.get_attribute("data-playing") == "false"
    canvas.press("0")
    canvas.press("b")
    canvas.press(" ")
    page.wait_for_function("() => document.querySelector('.evalnb-reel input').value < 8")
    canvas.drag(*canvas.at(320, 300), *canvas.at(360, 340))
    page.locator(".evalnb-timeline[data-playing=false]").wait_for()
    at = int(slider.input_value())
    assert at < 8
    canvas.saved()
    assert [one.geometry.box[:2] for one in yard.shapes(at)][-1] == pytest.approx((320, 300), abs=1.5)


def test_the_model_follows_a_fresh_mask_is_stopped_corrected_and_goes_on(
    store: Store, lab: Lab, page: Any, tmp_path: Path
) -> None:
    walk = make_walk(store, tmp_path / "walk")
    lab.write(
        "follow.ipynb", 'import evalnb as ev\nwidget = ev.open().dataset("walk").annotate(segmenter="pico")\nwidget'
    )
    lab.open(page, "follow.ipynb")
    lab.run_all(page)
    canvas = Annotating(page).wait()
    pill, notice = page.locator(".evalnb-following"), page.locator(".evalnb-notice")

    def at(x: int, y: int) -> tuple[float, float]:
        return canvas.at(x, y, 160, 120)

    def of_track() -> dict[int, Shape]:
        tracks = {one.track.id for one in walk.shapes(0)}
        assert len(tracks) == 1
        return walk.seen(tracks.pop())

    def outlines(shapes: dict[int, Shape]) -> dict[int, Any]:
        return {frame: (one.geometry, one.track) for frame, one in shapes.items()}

    def here() -> int:
        return int(page.locator(".evalnb-name").inner_text().split(".")[0])

    # What the wand has in hand is accepted, begins a track, and is followed; the canvas goes along until it stops.
    canvas.tool("sam")
    canvas.click(*at(28, 60))
    page.locator(".evalnb-wand-mask").wait_for(timeout=120_000)
    canvas.press("Shift+V")
    page.wait_for_function(
        "() => (document.querySelector('.evalnb-following')?.dataset.done ?? 0) >= 2", timeout=60_000
    )
    pictured(page, "follow")
    page.get_by_role("button", name="Stop following").click()
    pill.wait_for(state="detached")
    notice.filter(has_text="Followed over").wait_for(timeout=30_000)
    canvas.saved()
    first = of_track()
    assert 3 <= len(first) < COUNT
    # How far it came by then is the machine's affair: perhaps to where the square goes out of sight.
    seen = [frame for frame in first if frame < GONE[0]]
    assert sorted(seen) == list(range(len(seen)))
    assert [frame for frame, one in first.items() if one.track.keyframe] == [0]
    assert min(iou(first[frame], square(frame)) for frame in seen) > 0.7
    assert here() > 0

    # From the last of these it goes on to the end, with what it knows.
    to_last = max(seen)
    while here() != to_last:
        canvas.press("f" if here() < to_last else "d")
        page.wait_for_timeout(150)
    page.locator(".evalnb-annotator [data-shape]").first.click()
    canvas.press("Shift+V")
    notice.filter(has_text=f"Followed over {COUNT - 1 - to_last} images; not in sight on").wait_for(timeout=120_000)
    canvas.saved()
    until(lambda: max(of_track()) == COUNT - 1)
    whole = of_track()
    assert [frame for frame, one in whole.items() if one.track.outside] == [GONE[0]]
    assert {frame for frame, one in whole.items() if not one.track.outside} >= {*range(9), *range(14, COUNT)}
    pictured(page, "followed")

    # That was one step: taken back on all of its images, and done again.
    canvas.press("Control+z")
    until(lambda: outlines(of_track()) == outlines(first))
    canvas.press("Control+Shift+z")
    until(lambda: outlines(of_track()) == outlines(whole))
    canvas.saved()

    # A correction on the way is a keyframe; following from there leaves it, and what is before it, as it is.
    while here() > 16:
        canvas.press("d")
        page.wait_for_timeout(150)
    page.locator(".evalnb-annotator [data-shape]").first.click()
    canvas.tool("eraser")
    canvas.drag(*at(74, 42), *at(110, 42))
    canvas.press("a")
    canvas.saved()
    until(lambda: of_track()[16].track.keyframe)
    mine = of_track()
    page.locator(".evalnb-annotator [data-shape]").first.click()
    canvas.press("Shift+V")
    notice.filter(has_text="Followed over 7 images").wait_for(timeout=60_000)
    canvas.saved()
    after = of_track()
    assert {frame: one.rev for frame, one in after.items() if frame <= 16} == {
        frame: one.rev for frame, one in mine.items() if frame <= 16
    }
    assert after[16].geometry == mine[16].geometry
