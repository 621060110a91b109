"""Pictures of more than 8 bits, or of many bands: their values come through exactly, and look as they decode."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from evalnb import imagery
from evalnb.core.tiling import Tiling
from evalnb.errors import Invalid
from evalnb.imagery import ConfinedReader, Tiler, build_pyramid

HEIGHT, WIDTH = 701, 1003


@pytest.fixture(scope="module")
def tiler() -> Iterator[Tiler]:
    one = Tiler(children=1)
    yield one
    one.close()


def ramps(bands: int, kind: str) -> Any:
    """(h, w, bands): every band another slope, values over the kind's whole range."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    planes = np.stack([(x * (n + 1) + y * 3) % 1000 / 999 for n in range(bands)], axis=-1)
    if kind == "float32":
        return (planes * 12.5 - 4).astype(np.float32)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return (low + planes * (high - low)).astype(kind)


def written(path: Path, values: Any) -> Path:
    """As a TIFF that says nothing of colours, or as a PNG."""
    image = pyvips.Image.new_from_array(values).copy(interpretation="multiband")
    if path.suffix == ".png":
        image = image.copy(interpretation="rgb16" if values.shape[2] == 3 else "grey16")
    image.write_to_file(str(path))
    return path


def opener(path: Path) -> Any:
    @contextlib.contextmanager
    def opened() -> Iterator[int]:
        with path.open("rb") as file:
            yield file.fileno()

    return opened


def level(tiler: Tiler, path: Path, number: int, bands: list[int], *, pyramid: bool) -> Any:
    """A level's codes, put together from its tiles: (h, w, bands)."""
    tiling = Tiling(WIDTH, HEIGHT)
    width, height = tiling.size(number)
    whole = np.zeros((height, width, len(bands)), np.int64)
    columns, rows = tiling.tiles(number)
    for y in range(rows):
        for x in range(columns):
            found = tiler.values(
                str(path), number, x, y, bands, name="n", size=(WIDTH, HEIGHT), opened=opener(path), pyramid=pyramid
            )
            assert found.bands == len(bands)
            steps = np.frombuffer(zlib.decompress(found.packed), f"<u{found.bits // 8}")
            steps = steps.reshape(found.bands, found.height, found.width)
            part = np.cumsum(steps, axis=2, dtype=steps.dtype).transpose(1, 2, 0)
            whole[y * 256 : y * 256 + found.height, x * 256 : x * 256 + found.width] = part
    return whole


@pytest.mark.parametrize("built", [False, True], ids=["decoded", "pyramid"])
@pytest.mark.parametrize(("bands", "kind"), [(1, "uint16"), (5, "uint16"), (1, "int16"), (2, "uint16"), (7, "uint8")])
def test_whole_numbers_come_through_exactly(tiler: Tiler, tmp_path: Path, bands: int, kind: str, built: bool) -> None:
    values = ramps(bands, kind)
    source = path = written(tmp_path / "a.tif", values)
    assert imagery.probe(source).deep
    if built:
        path = tmp_path / "p.tif"
        assert build_pyramid(source, path, name="a.tif") == (WIDTH, HEIGHT)
    depth = tiler.depth(str(path), name="n", opened=opener(path), pyramid=built)
    assert depth is not None and depth.scale == 1 and len(depth.bands) == bands
    wanted = [bands - 1, 0] if bands > 1 else [0]
    finest = Tiling(WIDTH, HEIGHT).last_level
    codes = level(tiler, path, finest, wanted, pyramid=built)
    assert (depth.offset + codes == values[..., wanted].astype(np.int64)).all()
    # A coarser level is the mean of what it stands for, but for libvips' last row and column.
    half = level(tiler, path, finest - 1, wanted, pyramid=built)[:350, :501]
    means = values[:700, :1002][..., wanted].astype(np.float64).reshape(350, 2, 501, 2, -1).mean(axis=(1, 3))
    assert np.abs(depth.offset + half - means).max() <= 1
    assert level(tiler, path, 0, wanted, pyramid=built).shape == (1, 1, len(wanted))


def test_fractions_are_spread_over_all_codes_and_what_is_no_number_is_the_lowest(
    tiler: Tiler, tmp_path: Path
) -> None:
    values = ramps(1, "float32")
    values[5, 6], values[7, 8], values[9, 10] = np.nan, np.inf, -np.inf
    path = written(tmp_path / "f.tif", values)
    depth = tiler.depth(str(path), name="f", opened=opener(path), pyramid=False)
    assert depth is not None
    assert depth.offset == pytest.approx(-4) and depth.scale == pytest.approx(12.5 / 65_535)
    codes = level(tiler, path, Tiling(WIDTH, HEIGHT).last_level, [0], pyramid=False)[..., 0]
    assert codes[5, 6] == codes[7, 8] == codes[9, 10] == 0
    kept = np.isfinite(values[..., 0])
    assert np.abs(depth.offset + depth.scale * codes - values[..., 0])[kept].max() <= depth.scale


def test_a_window_leaves_the_darkest_and_the_brightest_out(tiler: Tiler, tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(2000, 100, (HEIGHT, WIDTH, 1)).clip(0, 65_535).astype(np.uint16)
    values[:3, :20] = 60_000
    path = written(tmp_path / "w.tif", values)
    depth = tiler.depth(str(path), name="w", opened=opener(path), pyramid=False)
    assert depth is not None
    band = depth.bands[0]
    assert band.name == "value" and len(band.counts) == 64
    # All but the sixty that outshine the rest, and perhaps the extremes of those.
    assert HEIGHT * WIDTH - 200 <= sum(band.counts) <= HEIGHT * WIDTH - 60
    assert 1700 < band.low < 1900 and 2100 < band.high < 2300 and band.most == 60_000
    assert band.least <= band.begin < band.low < band.high < band.end < 3000
    flat = written(tmp_path / "flat.tif", np.full((40, 50, 1), 7, np.uint16))
    depth = tiler.depth(str(flat), name="w", opened=opener(flat), pyramid=False)
    assert depth is not None and depth.bands[0].low == 7 and depth.bands[0].high == 8


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_a_deep_picture_looks_the_same_wherever_it_is_seen(tiler: Tiler, tmp_path: Path, bands: int) -> None:
    path = written(tmp_path / "a.tif", ramps(bands, "uint16") // 16)
    seen = imagery.decode(path.read_bytes()).astype(int)
    assert seen.shape == (HEIGHT, WIDTH, 3) and seen.max() == 255
    target = tmp_path / "p.tif"
    build_pyramid(path, target, name="a")
    tiling = Tiling(WIDTH, HEIGHT)
    for source, pyramid in ((path, False), (target, True)):
        said = tiler.tile(
            f"{source}8", tiling.last_level, 1, 1, "png", name="a", size=(WIDTH, HEIGHT), opened=opener(source),
            pyramid=pyramid,
        )  # fmt: skip
        box = tiling.box(tiling.last_level, 1, 1)
        with Image.open(io.BytesIO(said)) as tile:
            shown = np.asarray(tile.convert("RGB")).astype(int)
        assert np.abs(shown - seen[box.top : box.bottom, box.left : box.right]).max() <= 1


def test_what_is_not_deep_is_not_called_so(tmp_path: Path) -> None:
    grey = Image.fromarray((ramps(1, "uint16")[..., 0] >> 8).astype(np.uint8))
    for name, image, deep in (
        ("g.png", grey, False),
        ("c.png", grey.convert("RGB"), False),
        ("a.png", grey.convert("RGBA"), False),
        ("p.png", grey.convert("P"), False),
        ("c.tif", grey.convert("CMYK"), False),
        ("b.tif", grey.convert("1"), False),
        ("g.jpg", grey, False),
        ("s.png", Image.fromarray(ramps(1, "uint16")[..., 0]), True),
        ("f.tif", Image.fromarray(ramps(1, "float32")[..., 0]), True),
    ):
        image.save(tmp_path / name)
        assert imagery.probe(tmp_path / name).deep is deep, name
    assert imagery.probe(written(tmp_path / "c16.png", ramps(3, "uint16"))).deep


def test_a_file_too_short_for_its_bands_is_damaged(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", ramps(5, "uint16"))
    with ConfinedReader() as reader:
        header = reader.read(path, name="a.tif")
        assert (header.width, header.height, header.deep) == (WIDTH, HEIGHT, True)
        # libvips writes the table of contents last.
        whole = path.read_bytes()
        path.write_bytes(whole[:8] + whole[2_000_000:])
        with pytest.raises(Invalid, match="damaged or truncated"):
            reader.read(path, name="a.tif")
