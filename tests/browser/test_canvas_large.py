"""Images too large to send, and deeper than a screen, in a real JupyterLab: tiles by the notebook's own line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from evalnb import edits
from evalnb.core.sources import SourceImage
from evalnb.store.repositories import images, pyramids
from tests.annotating import Annotating
from tests.browser.test_canvas import shown, until
from tests.browser.test_canvas_hands import pictured
from tests.lab import Lab
from tests.multiband import write_multiband
from tests.yard import Yard

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 12_000, 8_000
"""Of the large image: four quarters, each in a colour, with a white frame of 40 pixels about (9000, 6000)."""
QUARTERS = ((180, 60, 60), (60, 160, 80), (70, 90, 190), (190, 170, 60))


def large_jpeg(path: Path) -> None:
    whole = np.zeros((HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    for n, color in enumerate(QUARTERS):
        y, x = divmod(n, 2)
        whole[y * 500 : (y + 1) * 500, x * 750 : (x + 1) * 750] = color
    image = pyvips.Image.new_from_array(whole).resize(8, kernel="nearest")
    for inset in range(40):
        side = 400 - 2 * inset
        image = image.draw_rect([255, 255, 255], 8800 + inset, 5800 + inset, side, side)
    image.jpegsave(str(path), Q=92)


def put(yard: Yard, name: str, width: int, height: int) -> int:
    """Register a file of the yard's folder as its first image; its id."""
    with yard.store.database.transaction() as session:
        source = SourceImage(name, f"!{name}", str(yard.folder / name), None, width, height)
        (image_id,) = images.add(session, yard.dataset_id, [source])
    return image_id


def goto(canvas: Annotating, name: str, place: int) -> None:
    number = canvas.page.get_by_label("Image number")
    number.fill(str(place + 1))
    number.press("Enter")
    canvas.page.locator(".evalnb-name", has_text=name).wait_for()


def colour(canvas: Annotating, x: float, y: float) -> tuple[int, ...]:
    """What the image's canvas shows at a place of it, in CSS pixels."""
    said = canvas.page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector('.evalnb-stage canvas[data-layer=image]');
          const dpr = canvas.width / canvas.clientWidth;
          return [...canvas.getContext('2d').getImageData(Math.round(x * dpr), Math.round(y * dpr), 1, 1).data];
        }""",
        [x, y],
    )
    return tuple(said)


def near(seen: tuple[int, ...], wanted: tuple[int, ...], within: int = 14) -> bool:
    return all(abs(a - b) <= within for a, b in zip(seen, wanted, strict=False))


def test_a_large_image_comes_in_tiles_and_is_drawn_on(yard: Yard, lab: Lab, page: Any) -> None:
    large_jpeg(yard.folder / "large.jpg")
    image_id = put(yard, "large.jpg", WIDTH, HEIGHT)
    canvas = shown(yard, lab, page)
    goto(canvas, "large.jpg", 3)
    # Its tiles are made once, by the kernel; meanwhile that is said.
    page.wait_for_function("() => !document.querySelector('.evalnb-loading')", timeout=60_000)
    size = (WIDTH, HEIGHT)
    for n, wanted in enumerate(QUARTERS):
        y, x = divmod(n, 2)
        at = canvas.at(3000 + 6000 * x, 2000 + 4000 * y, *size)
        until(lambda at=at, wanted=wanted: near(colour(canvas, *at), wanted))  # type: ignore[misc]
    with yard.store.database.transaction() as session:
        known = pyramids.asked(session, image_id)
        assert known is not None and known.source_sha256 is not None
        assert pyramids.of_source(session, known.source_sha256) is not None
    # Near, a pixel of the image is a pixel of the screen: the frame stands where it was painted.
    box = canvas.canvas.bounding_box()
    place = canvas.at(9000, 6000, *size)
    page.mouse.move(box["x"] + place[0], box["y"] + place[1])
    before = canvas.zoom()
    for _ in range(40):
        if canvas.zoom() >= 1:
            break
        page.mouse.wheel(0, -240)
        page.wait_for_timeout(30)
    assert canvas.zoom() > 5 * before
    zoom = canvas.zoom()
    until(lambda: near(colour(canvas, place[0] - 180 * zoom, place[1]), (255, 255, 255)))
    until(lambda: near(colour(canvas, place[0], place[1]), QUARTERS[3]))
    assert near(colour(canvas, place[0] - 215 * zoom, place[1]), QUARTERS[3])
    pictured(page, "tiles")
    # What is drawn lies in the image's own pixels.
    canvas.tool("box")
    canvas.drag(place[0] - 200 * zoom, place[1] - 200 * zoom, place[0] + 200 * zoom, place[1] + 200 * zoom)
    canvas.saved()
    with yard.store.database.transaction() as session:
        (drawn,) = edits.shapes(session, image_id).shapes
    # As near as the bar's rounded zoom lets the test aim.
    assert drawn.geometry.box[2:] == pytest.approx((400, 400), abs=3)
    assert drawn.geometry.box[:2] == pytest.approx((8800, 5800), abs=20)
    # Back at an image that came whole, and here again: nothing is made anew.
    goto(canvas, "yard-0.jpg", 0)
    canvas.shapes(2)
    goto(canvas, "large.jpg", 3)
    canvas.shapes(1)
    until(lambda: near(colour(canvas, *canvas.at(3000, 2000, *size)), QUARTERS[0]))


def window(page: Any, name: str, low: float | None = None, high: float | None = None) -> None:
    for end, value in (("black", low), ("white", high)):
        if value is not None:
            field = page.get_by_label(f"{name}: {end}, exactly")
            field.fill(str(value))
            field.press("Tab")


def test_sixteen_bits_are_seen_through_a_window(yard: Yard, lab: Lab, page: Any) -> None:
    ramp = np.linspace(10_000, 12_000, 1000)[None, :].repeat(800, 0)
    ramp[:20, :20] = 60_000
    Image.fromarray(ramp.astype(np.uint16)).save(yard.folder / "deep.png")
    put(yard, "deep.png", 1000, 800)
    canvas = shown(yard, lab, page)
    assert page.get_by_role("region", name="Window").count() == 0
    goto(canvas, "deep.png", 3)
    panel = page.get_by_role("region", name="Window")
    panel.wait_for()

    def grey(x: float) -> int:
        return colour(canvas, *canvas.at(x, 400, 1000, 800))[0]

    # By 8 bits of the whole range it would be one grey; the window is that of the values.
    until(lambda: grey(15) < 12 and grey(985) > 243 and abs(grey(500) - 127) < 8)
    window(page, "Window", 11_000, 11_500)
    until(lambda: grey(490) == 0 and abs(grey(625) - 127) < 6 and grey(760) == 255)
    page.get_by_role("button", name="Full").click()
    until(lambda: grey(500) < 12)
    page.get_by_role("button", name="Auto").click()
    until(lambda: abs(grey(500) - 127) < 8)
    # The value under the pointer is the file's own.
    box = canvas.canvas.bounding_box()
    x, y = canvas.at(700.5, 400.5, 1000, 800)
    page.mouse.move(box["x"] + x, box["y"] + y)
    until(lambda: page.locator(".evalnb-under output").inner_text() not in ("", "–"))
    assert float(page.locator(".evalnb-under output").inner_text()) == pytest.approx(ramp[0, 700], abs=6)
    pictured(page, "window")


def test_of_many_bands_any_three_are_seen_and_the_window_may_be_kept(yard: Yard, lab: Lab, page: Any) -> None:
    for n in range(2):
        planes = np.zeros((600, 800, 5), np.uint16)
        for band in range(5):
            planes[:, 160 * band : 160 * (band + 1), band] = 1000 * (band + 1)
        write_multiband(yard.folder / f"bands-{n}.tif", planes)
        put(yard, f"bands-{n}.tif", 800, 600)
    canvas = shown(yard, lab, page)
    goto(canvas, "bands-0.tif", 3)
    page.get_by_role("region", name="Window").wait_for()

    def seen(stripe: int) -> tuple[int, ...]:
        return colour(canvas, *canvas.at(160 * stripe + 80, 400, 800, 600))[:3]

    until(lambda: seen(0)[0] > 250 and seen(0)[1] < 5)
    assert seen(1)[1] > 250 and seen(2)[2] > 250 and max(seen(4)) < 5
    page.get_by_label("Red shows").select_option("band 5")
    until(lambda: seen(4)[0] > 250)
    assert seen(0)[0] < 5
    page.get_by_text("The same for every image").click()
    goto(canvas, "bands-1.tif", 4)
    until(lambda: seen(4)[0] > 250 and seen(0)[0] < 5)
    page.get_by_label("Shown as").select_option("grey")
    until(lambda: seen(4) == (255, 255, 255) and max(seen(1)) < 5)
    pictured(page, "bands")


def test_tiles_that_cannot_be_made_say_why(yard: Yard, lab: Lab, page: Any) -> None:
    large_jpeg(yard.folder / "broken.jpg")
    whole = (yard.folder / "broken.jpg").read_bytes()
    (yard.folder / "broken.jpg").write_bytes(whole[: len(whole) // 3])
    put(yard, "broken.jpg", WIDTH, HEIGHT)
    canvas = shown(yard, lab, page)
    goto(canvas, "broken.jpg", 3)
    page.get_by_text("The image cannot be shown").wait_for(timeout=60_000)
    page.get_by_text("damaged or truncated").wait_for()
    # Put right, it is made at the next try.
    (yard.folder / "broken.jpg").write_bytes(whole)
    page.get_by_role("button", name="Try again").click()
    until(lambda: near(colour(canvas, *canvas.at(3000, 2000, WIDTH, HEIGHT)), QUARTERS[0]), timeout_s=60)
