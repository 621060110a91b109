"""Images that do not travel whole: the kernel makes their tiles by itself, and deep ones travel as values."""

from __future__ import annotations

import io
import time
import zlib
from typing import Any

import fsspec
import numpy as np
import pyvips
from PIL import Image

from evalnb.core.sources import SourceImage
from evalnb.core.tiling import Tiling
from evalnb.registry import pyramids
from evalnb.store.repositories import images
from tests.multiband import write_multiband
from tests.yard import Yard

WIDTH, HEIGHT = 7000, 5000


def put(yard: Yard, name: str, width: int, height: int) -> int:
    with yard.store.database.transaction() as session:
        source = SourceImage(name, name, str(yard.folder / name), None, width, height)
        (image_id,) = images.add(session, yard.dataset_id, [source])
    return image_id


def large(yard: Yard, name: str = "large.jpg") -> int:
    """A picture of 35 MP: red above, blue below."""
    halves = np.zeros((2, 1, 3), np.uint8)
    halves[0], halves[1] = (200, 40, 40), (40, 40, 200)
    image = pyvips.Image.new_from_array(halves).resize(WIDTH, vscale=HEIGHT // 2, kernel="nearest")
    image.jpegsave(str(yard.folder / name), Q=90)
    return put(yard, name, WIDTH, HEIGHT)


def settled(browser: Any, image_id: int, **more: Any) -> dict[str, Any]:
    """What is told of the image's tiles once they are no longer being made."""
    end = time.monotonic() + 60
    while True:
        tiles: dict[str, Any] = browser.ask(ask="image", image_id=image_id, **more)["tiles"]
        if tiles["state"] != "making":
            return tiles
        assert time.monotonic() < end and 0 <= tiles["done"] <= 1
        more = {}
        time.sleep(0.05)


def test_a_kernel_makes_the_tiles_of_a_large_image_by_itself_once(make: Any, yard: Yard) -> None:
    image_id = large(yard)
    browser = make()
    message, buffers = browser.answer(browser.tell(ask="image", image_id=image_id))
    assert message["ok"]["tiles"]["state"] == "making" and not buffers
    refusal = browser.refused(ask="tiles", image_id=image_id, places=[[13, 0, 0]])
    assert (refusal["kind"], refusal["status"]) == ("Busy", 503)
    tiles = settled(browser, image_id)
    assert tiles["state"] == "ready" and tiles["bands"] == []
    assert (tiles["width"], tiles["height"], tiles["last_level"]) == (WIDTH, HEIGHT, 13)
    asked = {"ask": "tiles", "image_id": image_id, "places": [[13, 3, 1], [13, 3, 17], [8, 0, 0]]}
    message, buffers = browser.answer(browser.tell(**asked))
    assert [one["mime"] for one in message["ok"]["tiles"]] == ["image/webp"] * 3
    shown = [np.asarray(Image.open(io.BytesIO(bytes(one))).convert("RGB"), float) for one in buffers]
    assert shown[0].shape == (258, 258, 3) and shown[2].shape == (157, 219, 3)
    assert abs(shown[0].mean(axis=(0, 1)) - (200, 40, 40)).max() < 8
    assert abs(shown[1].mean(axis=(0, 1)) - (40, 40, 200)).max() < 8
    # Another annotator finds them; no job was asked for, and nothing half made is left.
    assert make().ask(ask="image", image_id=image_id)["tiles"]["state"] == "ready"
    with yard.store.database.transaction() as session:
        standing = pyramids.standing(session, images.get(session, image_id))
    assert standing.pyramid is not None and standing.job is None
    assert list((yard.store.settings.home / "cache" / "pyramids").iterdir()) == []


def test_what_cannot_be_made_says_why_and_is_tried_again_when_asked_to(make: Any, yard: Yard) -> None:
    image_id = large(yard)
    path = yard.folder / "large.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    browser = make()
    tiles = settled(browser, image_id)
    assert tiles["state"] == "failed" and "damaged or truncated" in tiles["reason"]
    assert "damaged or truncated" in browser.refused(ask="tiles", image_id=image_id, places=[[8, 0, 0]])["happened"]
    path.write_bytes(whole)
    assert settled(browser, image_id)["state"] == "failed"
    assert settled(browser, image_id, again=True)["state"] == "ready"


def test_whoever_only_looks_asks_for_nothing_anew(make: Any, yard: Yard) -> None:
    image_id = large(yard)
    assert "only shows" in make(read_only=True).refused(ask="image", image_id=image_id, again=True)["happened"]


def test_a_deep_image_travels_as_the_values_of_the_bands_asked_for(make: Any, yard: Yard) -> None:
    values = np.random.default_rng(5).integers(0, 60_000, (300, 400, 4)).astype(np.uint16)
    write_multiband(yard.folder / "deep.tif", values)
    image_id = put(yard, "deep.tif", 400, 300)
    browser = make()
    tiles = browser.ask(ask="image", image_id=image_id)["tiles"]
    assert tiles["state"] == "ready" and (tiles["offset"], tiles["scale"]) == (0, 1)
    assert [one["name"] for one in tiles["bands"]] == ["band 1", "band 2", "band 3", "band 4"]
    assert all(one["least"] <= one["low"] < one["high"] <= one["most"] for one in tiles["bands"])
    level = Tiling(400, 300).last_level
    asked = {"ask": "tiles", "image_id": image_id, "places": [[level, 1, 1]], "bands": [3, 0]}
    message, buffers = browser.answer(browser.tell(**asked))
    (told,) = message["ok"]["tiles"]
    assert (told["bits"], told["width"], told["height"]) == (16, 400 - 256, 300 - 256)
    steps = np.frombuffer(zlib.decompress(bytes(buffers[0])), "<u2").reshape(2, told["height"], told["width"])
    planes = np.cumsum(steps, axis=2, dtype=np.uint16)
    assert (planes == values[256:, 256:, [3, 0]].transpose(2, 0, 1)).all()
    refusal = browser.refused(**{**asked, "bands": [0, 4]})
    assert (refusal["happened"], refusal["remedy"]) == ("deep.tif has no band 4", "its bands are 0 to 3")


def test_tiles_that_are_not_there_are_refused(make: Any, yard: Yard) -> None:
    browser = make()
    image_id = yard.image_ids[0]
    assert "no tile 9/2_0" in browser.refused(ask="tiles", image_id=image_id, places=[[9, 2, 0]])["happened"]
    for places in ([], [[9, 0, 0]] * 17, [[-1, 0, 0]], [[41, 0, 0]], [[9, 0]]):
        assert browser.refused(ask="tiles", image_id=image_id, places=places)["status"] == 422
    assert browser.refused(ask="tiles", image_id=image_id, places=[[9, 0, 0]], bands=[0, 1, 2, 3])["status"] == 422
    assert browser.refused(ask="tiles", image_id=10**9, places=[[9, 0, 0]])["kind"] == "NotFound"


def test_of_an_image_elsewhere_the_header_says_how_it_is_shown(make: Any, yard: Yard) -> None:
    write_multiband(yard.folder / "deep.tif", np.full((300, 400, 4), 700, np.uint16))
    elsewhere = fsspec.filesystem("memory")
    ids = {}
    for name, size in (("deep.tif", (400, 300)), ("yard-0.jpg", (512, 384))):
        elsewhere.pipe(f"/pictures/{name}", (yard.folder / name).read_bytes())
        with yard.store.database.transaction() as session:
            source = SourceImage(f"far {name}", f"far-{name}", f"memory://pictures/{name}", None, *size)
            (ids[name],) = images.add(session, yard.dataset_id, [source])
    browser = make()
    assert len(browser.ask(ask="image", image_id=ids["deep.tif"])["tiles"]["bands"]) == 4
    asked = {"ask": "tiles", "image_id": ids["deep.tif"], "places": [[8, 0, 0]], "bands": [1]}
    assert browser.answer(browser.tell(**asked))[0]["ok"]["tiles"][0]["bits"] == 16
    message, buffers = browser.answer(browser.tell(ask="image", image_id=ids["yard-0.jpg"]))
    assert message["ok"]["tiles"] is None and bytes(buffers[0]) == (yard.folder / "yard-0.jpg").read_bytes()
    elsewhere.rm("/pictures/deep.tif")
    assert "is no longer at memory://" in browser.refused(ask="image", image_id=ids["deep.tif"])["happened"]
