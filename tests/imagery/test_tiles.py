"""Tiles show the picture's own pixels; what is hostile ends a child and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from evalnb import imagery
from evalnb.core.tiling import Tiling
from evalnb.errors import Cancelled, Invalid, NotFound, Unsafe
from evalnb.imagery import Tiler, build_pyramid


@pytest.fixture(scope="module")
def tiler() -> Iterator[Tiler]:
    one = Tiler(children=1)
    yield one
    one.close()


def opener(path: Path) -> Callable[[], contextlib.AbstractContextManager[int]]:
    @contextlib.contextmanager
    def opened() -> Iterator[int]:
        with path.open("rb") as file:
            yield file.fileno()

    return opened


def tile(tiler: Tiler, path: Path, size: tuple[int, int], level: int, x: int, y: int, **more: Any) -> Any:
    kind = more.pop("kind", "png")
    said = tiler.tile(
        str(path),
        level,
        x,
        y,
        kind,
        name=path.name,
        size=size,
        opened=opener(path),
        pyramid=more.get("pyramid", False),
    )
    return np.asarray(Image.open(io.BytesIO(said)).convert("RGB"))


def assembled(cut: Callable[[int, int], Any], tiling: Tiling, level: int) -> Any:
    """A level put together from its tiles; where two overlap they must agree."""
    width, height = tiling.size(level)
    whole = np.full((height, width, 3), -1, np.int16)
    columns, rows = tiling.tiles(level)
    for y in range(rows):
        for x in range(columns):
            box, part = tiling.box(level, x, y), cut(x, y)
            assert part.shape == (box.height, box.width, 3)
            there = whole[box.top : box.bottom, box.left : box.right]
            assert ((there == -1) | (abs(there - part) <= 12)).mean() > 0.98
            there[:] = part
    assert (whole >= 0).all()
    return whole


def smooth(height: int, width: int) -> Any:
    """A picture whose every place looks different, and that JPEG keeps well."""
    y, x = np.mgrid[:height, :width]
    waves = [127 + 127 * np.sin(x / a + y / b) for a, b in ((37.0, 59.0), (83.0, -41.0), (29.0, 101.0))]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_the_geometry_is_deep_zooms() -> None:
    tiling = Tiling(1000, 300)
    assert tiling.last_level == 10 and tiling.size(10) == (1000, 300)
    assert [tiling.size(level) for level in (9, 2, 1, 0)] == [(500, 150), (4, 2), (2, 1), (1, 1)]
    assert tiling.tiles(10) == (4, 2) and tiling.tiles(0) == (1, 1)
    corner = tiling.box(10, 0, 0)
    assert (corner.left, corner.top, corner.right, corner.bottom) == (0, 0, 257, 257)
    last = tiling.box(10, 3, 1)
    assert (last.left, last.top, last.right, last.bottom) == (767, 255, 1000, 300)
    assert Tiling(1, 1).last_level == 0 and Tiling(256, 1).last_level == 8 and Tiling(257, 1).last_level == 9
    for level, x, y in ((11, 0, 0), (-1, 0, 0), (10, 4, 0), (10, 0, 2), (10, -1, 0)):
        assert not tiling.has(level, x, y)


def test_tiles_of_a_small_picture_put_together_are_the_picture(tiler: Tiler, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (531, 700, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    tiling = Tiling(700, 531)
    whole = assembled(lambda x, y: tile(tiler, path, (700, 531), tiling.last_level, x, y), tiling, tiling.last_level)
    assert (whole == pixels).all()
    half = assembled(lambda x, y: tile(tiler, path, (700, 531), 9, x, y), tiling, 9)
    expected = pixels[:530].reshape(265, 2, 350, 2, 3).mean(axis=(1, 3))
    assert abs(half[:265] - expected).max() <= 1
    assert tile(tiler, path, (700, 531), 0, 0, 0).shape == (1, 1, 3)
    for kind, magic in (("jpg", b"\xff\xd8"), ("webp", b"RIFF")):
        said = tiler.tile(str(path), 10, 0, 0, kind, name="n", size=(700, 531), opened=opener(path), pyramid=False)
        assert said.startswith(magic)


def test_a_tile_that_is_not_there_is_not_found(tiler: Tiler, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 300)).save(path)
    for level, x, y in ((10, 0, 0), (9, 2, 0), (9, 0, 2)):
        with pytest.raises(NotFound, match="no tile"):
            tile(tiler, path, (300, 300), level, x, y)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """40 megapixels as a JPEG, and its pixels as they decode."""
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    Image.fromarray(smooth(5003, 8001)).save(path, quality=92)
    return path, imagery.decode(path.read_bytes())


def test_a_pyramid_of_40_megapixels_shows_the_picture_at_every_level(
    tiler: Tiler, large: tuple[Path, Any], tmp_path: Path
) -> None:
    path, pixels = large
    target = tmp_path / "large.tif"
    told: list[float] = []
    assert build_pyramid(path, target, name="large.jpg", tell=told.append) == (8001, 5003)
    assert told and told == sorted(told) and told[0] >= 0 and told[-1] <= 1
    assert list(tmp_path.iterdir()) == [target]
    tiling = Tiling(8001, 5003)
    for level in range(tiling.last_level + 1):
        columns, rows = tiling.tiles(level)
        for x, y in {(0, 0), (columns - 1, rows - 1), (columns // 2, rows // 2)}:
            part = tile(tiler, target, (8001, 5003), level, x, y, pyramid=True).astype(float)
            box, factor = tiling.box(level, x, y), tiling.factor(level)
            assert part.shape == (box.height, box.width, 3)
            # The pixel in the middle of each block of the full picture, where a smooth picture equals its mean.
            rows_at = np.minimum(np.arange(box.top, box.bottom) * factor + factor // 2, 5002)
            columns_at = np.minimum(np.arange(box.left, box.right) * factor + factor // 2, 8000)
            expected = pixels[np.ix_(rows_at, columns_at)].astype(float)
            if factor <= 8:
                assert np.median(abs(part - expected)) <= 6, (level, x, y)
    fine = Tiling(8001, 5003).last_level
    whole = assembled(lambda x, y: tile(tiler, target, (8001, 5003), fine - 4, x, y, pyramid=True), tiling, fine - 4)
    assert whole.shape == (313, 501, 3)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_pyramid_is_turned_as_the_picture_is_shown(tiler: Tiler, tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path, target = tmp_path / "turned.jpg", tmp_path / "turned.tif"
    Image.fromarray(smooth(300, 520)).save(path, quality=95, exif=exif)
    seen = imagery.decode(path.read_bytes())
    size = build_pyramid(path, target, name="turned")
    assert size == (seen.shape[1], seen.shape[0])
    part = tile(tiler, target, size, Tiling(*size).last_level, 0, 0, pyramid=True)
    assert abs(part.astype(int) - seen[: part.shape[0], : part.shape[1]]).mean() < 3


def pictures() -> dict[str, Callable[[Path], None]]:
    grey = smooth(280, 300)[..., 0]
    rgb = smooth(280, 300)
    twelve = (grey.astype(np.uint16) * 4095 // 255).astype(np.uint16)
    alpha = np.dstack([rgb, np.where(np.arange(300) < 150, 255, 40)[None, :].repeat(280, 0).astype(np.uint8)])
    return {
        "grey.png": lambda p: Image.fromarray(grey).save(p),
        "palette.png": lambda p: Image.fromarray(rgb).quantize(64).save(p),
        "alpha.png": lambda p: Image.fromarray(alpha).save(p),
        "twelve-bits.png": lambda p: Image.fromarray(twelve).save(p),
        "sixteen-bits.tif": lambda p: Image.fromarray(twelve * 16).save(p),
        "float.tif": lambda p: Image.fromarray(grey.astype(np.float32) / 7 - 3).save(p),
        "cmyk.jpg": lambda p: Image.fromarray(rgb).convert("CMYK").save(p, quality=95),
        "cmyk.tif": lambda p: Image.fromarray(rgb).convert("CMYK").save(p),
        "lossless.webp": lambda p: Image.fromarray(rgb).save(p, lossless=True),
        "picture.bmp": lambda p: Image.fromarray(rgb).save(p),
        "picture.gif": lambda p: Image.fromarray(rgb).quantize(128).save(p),
        "one-bit.tif": lambda p: Image.fromarray(grey > 127).save(p),
        "progressive.jpg": lambda p: Image.fromarray(rgb).save(p, quality=95, progressive=True),
    }


@pytest.mark.parametrize("name", sorted(pictures()))
def test_a_pyramid_looks_as_the_picture_decodes(tiler: Tiler, tmp_path: Path, name: str) -> None:
    """16 bits are windowed, inks and palettes become colours, transparency lies on white: by one rule everywhere."""
    path, target = tmp_path / name, tmp_path / "p.tif"
    pictures()[name](path)
    seen = imagery.decode(path.read_bytes()).astype(int)
    size = build_pyramid(path, target, name=name)
    assert size == (300, 280)
    part = tile(tiler, target, size, 9, 0, 0, pyramid=True).astype(int)
    # Hard edges ring in a JPEG; everything else is within a few steps of grey.
    assert np.median(abs(part - seen[:257, :257])) <= 3 and abs(part - seen[:257, :257]).mean() < 8


def test_what_cannot_be_a_pyramid_is_refused_with_its_reason(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(smooth(1200, 1600)).save(whole, "JPEG")
    for name, content, error, said in (
        ("short.jpg", whole.getvalue()[:20_000], Invalid, "damaged or truncated"),
        ("page.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", Unsafe, "not an image"),
        ("empty.png", b"", Invalid, "empty"),
        (
            "bomb.bmp",
            b"BM" + bytes(12) + b"\x28\0\0\0" + b"\xf0\xff\0\0" * 2 + b"\1\0\x18\0" + bytes(24),
            Exception,
            "",
        ),
    ):
        path, target = tmp_path / name, tmp_path / f"{name}.tif"
        path.write_bytes(content)
        with pytest.raises(error, match=said):
            build_pyramid(path, target, name=name)
        assert not [one for one in tmp_path.iterdir() if ".tif" in one.name], name
    with pytest.raises(NotFound):
        build_pyramid(tmp_path / "nowhere.jpg", tmp_path / "x.tif", name="nowhere.jpg")


def test_a_pyramid_is_stopped_when_asked_and_leaves_nothing(large: tuple[Path, Any], tmp_path: Path) -> None:
    asked = threading.Event()
    with pytest.raises(Cancelled, match="large"):
        build_pyramid(large[0], tmp_path / "x.tif", name="large", tell=lambda _: asked.set(), cancelled=asked.is_set)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_bounded_and_a_picture_that_needs_more_is_refused(large: tuple[Path, Any]) -> None:
    small = Tiler(children=1, memory_bytes=300 << 20)
    try:
        with pytest.raises(Unsafe, match="memory"):
            tile(small, large[0], (8001, 5003), 13, 0, 0)
    finally:
        small.close()


def test_a_child_that_dies_is_replaced_and_its_picture_still_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(smooth(300, 300)).save(path)
    tiler = Tiler(children=1)
    try:
        before = tile(tiler, path, (300, 300), 9, 0, 0)
        (pid,) = tiler.pids()
        os.kill(pid, signal.SIGKILL)
        assert (tile(tiler, path, (300, 300), 9, 0, 0) == before).all()
        assert tiler.pids() != [pid]
        # Stopped in the middle of an answer, the question is asked again.
        (pid,) = tiler.pids()
        os.kill(pid, signal.SIGSTOP)
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(tile(tiler, path, (300, 300), 9, 1, 1)))
        asking.start()
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        asking.join(60)
        assert answers and answers[0].shape == (45, 45, 3)
    finally:
        tiler.close()
    assert tiler.pids() == []


def test_children_end_with_whoever_asked_and_know_none_of_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(smooth(300, 300)).save(path)
    tiler = Tiler(children=1)
    tile(tiler, path, (300, 300), 9, 0, 0)
    child = psutil.Process(tiler.pids()[0])
    assert not [name for name in child.environ() if name.startswith(("EVALNB", "HOME", "USER"))]
    tiler.close()
    child.wait(10)


def test_pixels_come_as_a_shared_file(tiler: Tiler, large: tuple[Path, Any]) -> None:
    path, pixels = large
    with path.open("rb") as file:
        shared = tiler.pixels(file.fileno(), name="large")
    found = shared.array()
    shared.close()
    assert (found == pixels).all()
    with path.open("rb") as file, pytest.raises(Unsafe, match="more than 1,000,000"):
        tiler.pixels(file.fileno(), name="large", max_pixels=1_000_000)


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_that_is_a_pyramid_already_is_taken_as_it_is(tiler: Tiler, tmp_path: Path, deep: bool) -> None:
    import pyvips

    values = smooth(3001, 4200).astype(np.uint16) * 40 if deep else smooth(3001, 4200)
    made = pyvips.Image.new_from_array(values[..., 0] if deep else values)
    made.tiffsave(
        tmp_path / "cog.tif", tile=True, tile_width=512, tile_height=512, pyramid=True, compression="deflate"
    )
    target = tmp_path / "taken.tif"
    told: list[float] = []
    assert build_pyramid(tmp_path / "cog.tif", target, name="cog.tif", tell=told.append) == (4200, 3001)
    assert told[-1] == 1.0 and told == sorted(told)
    given, taken = (tmp_path / "cog.tif").read_bytes(), target.read_bytes()
    assert taken[: len(given)] == given
    assert (len(taken) > len(given)) == deep, "what values mean stands behind the file"
    tiling = Tiling(4200, 3001)
    for level in (tiling.last_level, tiling.last_level - 3, tiling.last_level - 5, 8, 2):
        box, factor = tiling.box(level, 0, 0), tiling.factor(level)
        part = tile(tiler, target, (4200, 3001), level, 0, 0, pyramid=True).astype(float)
        assert part.shape == (box.height, box.width, 3)
        if not deep and factor <= 8:
            rows = np.minimum(np.arange(box.height) * factor + factor // 2, 3000)
            columns = np.minimum(np.arange(box.width) * factor + factor // 2, 4199)
            assert np.median(abs(part - values[np.ix_(rows, columns)])) <= 6


@pytest.mark.parametrize("why", ["in strips", "alone", "with transparency", "turned"])
def test_a_tiff_that_is_no_pyramid_is_made_into_one(tmp_path: Path, why: str) -> None:
    import pyvips

    made = pyvips.Image.new_from_array(smooth(2500, 2400))
    how = {"tile": True, "pyramid": True, "tile_width": 256, "tile_height": 256}
    match why:
        case "in strips":
            how = {}
        case "alone":
            how["pyramid"] = False
        case "with transparency":
            made = made.bandjoin(255).copy(interpretation="srgb")
        case _:
            made = made.copy()
            made.set_type(pyvips.GValue.gint_type, "orientation", 6)
    made.tiffsave(tmp_path / "given.tif", **how)
    size = build_pyramid(tmp_path / "given.tif", tmp_path / "made.tif", name="given.tif")
    assert size == ((2500, 2400) if why == "turned" else (2400, 2500))
    assert (tmp_path / "made.tif").read_bytes() != (tmp_path / "given.tif").read_bytes()
    assert pyvips.Image.tiffload(str(tmp_path / "made.tif")).get("n-pages") > 1
