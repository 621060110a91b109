"""Decoding: every mode becomes RGB, orientation is applied once, hostile files are refused by name."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evalnb import imagery
from evalnb.errors import Invalid, NotFound, Unsafe

rng = np.random.default_rng(0)
RGB = rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def oriented(kind: str, orientation: int, **options: object) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return saved(Image.fromarray(RGB), kind, exif=exif, **options)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("BMP", {})])
def test_lossless_rgb_comes_back_bit_for_bit(kind: str, options: dict[str, object]) -> None:
    data = saved(Image.fromarray(RGB), kind, **options)
    pixels = imagery.decode(data)
    assert pixels.dtype == np.uint8 and np.array_equal(pixels, RGB)
    assert (imagery.probe(data).width, imagery.probe(data).height) == (40, 24)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_exif_orientation_is_applied_exactly_once(kind: str, options: dict[str, object], orientation: int) -> None:
    turned = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: RGB.transpose(1, 0, 2)[:, ::-1],
        7: RGB.transpose(1, 0, 2)[::-1, ::-1],
        8: RGB.transpose(1, 0, 2)[::-1],
    }[orientation]
    data = oriented(kind, orientation, **options)
    pixels, header = imagery.decode(data), imagery.probe(data)
    assert np.array_equal(pixels, turned)
    assert (header.height, header.width) == pixels.shape[:2]
    assert header.orientation == orientation


def test_a_turned_jpeg_has_the_size_it_is_shown_with(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(oriented("JPEG", 6))
    header = imagery.probe(path)
    assert (header.width, header.height, header.mime, header.orientation) == (24, 40, "image/jpeg", 6)
    assert imagery.decode(path.read_bytes()).shape == (40, 24, 3)


def test_an_impossible_orientation_means_as_stored() -> None:
    assert imagery.decode(oriented("PNG", 9)).shape == RGB.shape


def test_greyscale_is_repeated() -> None:
    grey = RGB[:, :, 0]
    assert np.array_equal(imagery.decode(saved(Image.fromarray(grey), "PNG")), np.repeat(grey[:, :, None], 3, 2))


def test_one_bit_images_are_black_and_white() -> None:
    bits = saved(Image.fromarray(RGB[:, :, 0] > 128), "PNG")
    assert set(np.unique(imagery.decode(bits))) == {0, 255}


def test_alpha_is_laid_over_white() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    rgba[0, 1] = (10, 20, 30, 0)
    pixels = imagery.decode(saved(Image.fromarray(rgba, "RGBA"), "PNG"))
    assert pixels[0, 0].tolist() == [10, 20, 30] and pixels[0, 1].tolist() == [255, 255, 255]


def test_a_transparent_palette_is_looked_up_and_flattened() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([1, 2, 3, 4, 5, 6])
    pixels = imagery.decode(saved(image, "PNG", transparency=1))
    assert pixels.tolist() == [[[1, 2, 3], [255, 255, 255]]]


def test_cmyk_jpeg_becomes_rgb() -> None:
    white = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    assert imagery.decode(saved(white, "JPEG")).min() >= 250


def test_sixteen_bits_scale_from_full_range_and_twelve_from_twelve() -> None:
    full = np.array([[0, 32768, 65535]], np.uint16)
    assert imagery.decode(saved(Image.fromarray(full), "PNG"))[0, :, 0].tolist() == [0, 128, 255]
    twelve = np.array([[0, 2048, 4095]], np.uint16)
    for kind in ("PNG", "TIFF"):
        assert imagery.decode(saved(Image.fromarray(twelve), kind))[0, :, 0].tolist() == [0, 128, 255]


def test_floating_point_is_stretched_and_nan_is_dark() -> None:
    real = np.array([[-1.0, 0.0, 1.0, np.nan]], np.float32)
    assert imagery.decode(saved(Image.fromarray(real), "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 0]


def test_the_first_frame_of_an_animation_counts() -> None:
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    data = saved(red, "GIF", save_all=True, append_images=[blue])
    assert imagery.decode(data)[0, 0].tolist() == [255, 0, 0]
    again, mime = imagery.browser_bytes(data)
    assert mime == "image/png" and np.array_equal(imagery.decode(again), imagery.decode(data))


def test_a_bomb_is_refused_by_its_header_alone() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    assert (imagery.probe(bomb).width, imagery.probe(bomb).height) == (60_000, 60_000)
    for verb in (imagery.decode, imagery.browser_bytes):
        with pytest.raises(Unsafe, match=r"bomb\.png claims 60000 × 60000 .*tiles"):
            verb(bomb, name="bomb.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_probing_decodes_no_pixel(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.fromarray(RGB), kind)
    opened = type(Image.open(io.BytesIO(data)))

    def refuse(self: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(opened, "load", refuse)
    header = imagery.probe(data)
    assert (header.width, header.height, header.orientation) == (40, 24, 1)


def test_an_orientation_that_xmp_alone_states_is_not_applied() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    data = saved(Image.fromarray(RGB), "JPEG", xmp=xmp)
    assert imagery.probe(data).orientation == 1 and imagery.decode(data).shape == RGB.shape


def test_the_pixel_limit_is_inclusive() -> None:
    data = saved(Image.fromarray(RGB), "PNG")
    assert imagery.decode(data, max_pixels=24 * 40).shape == RGB.shape
    with pytest.raises(Unsafe):
        imagery.decode(data, max_pixels=24 * 40 - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_no_truncation_or_flipped_byte_gets_past_as_anything_but_a_named_refusal(kind: str) -> None:
    data = saved(Image.fromarray(RGB), kind)
    noise = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        hurt = bytearray(data[: noise.integers(1, len(data))] if noise.random() < 0.5 else data)
        for _ in range(int(noise.integers(0, 6))):
            hurt[noise.integers(0, len(hurt))] = int(noise.integers(0, 256))
        try:
            # A flipped size must not cost gigabytes here; the limit itself is tested above.
            pixels = imagery.decode(bytes(hurt), name="hurt.img", max_pixels=1_000_000)
        except (Invalid, Unsafe) as error:
            assert "hurt.img" in str(error) and error.remedy
            refused += 1
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3
    assert refused > 20


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"\0" * 100, b"%!PS-Adobe", b"RIFF\0\0\0\0AVI "],
)
def test_anything_but_a_raster_image_is_unsafe(data: bytes) -> None:
    with pytest.raises(Unsafe, match=r"x\.bin is not an image .* convert it"):
        imagery.decode(data, name="x.bin")


def test_empty_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="empty"):
        imagery.decode(b"")
    with pytest.raises(NotFound, match="nowhere"):
        imagery.probe(tmp_path / "nowhere.png")
    with pytest.raises(NotFound, match="nowhere"):
        imagery.sha256(tmp_path / "nowhere.png")


def test_sha256_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert imagery.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("data", "unchanged"),
    [
        (saved(Image.fromarray(RGB), "JPEG"), True),
        (oriented("JPEG", 6), True),
        (saved(Image.fromarray(RGB), "PNG"), True),
        (saved(Image.fromarray(RGB), "WEBP"), True),
        (oriented("PNG", 6), False),
        (oriented("WEBP", 6), False),
        (saved(Image.fromarray(RGB), "BMP"), False),
        (saved(Image.fromarray(RGB), "TIFF"), False),
        (saved(Image.new("CMYK", (8, 8)), "JPEG"), False),
        (saved(Image.new("RGBA", (8, 8), (1, 2, 3, 4)), "PNG"), False),
        (saved(Image.fromarray(np.full((8, 8), 4000, np.uint16)), "PNG"), False),
    ],
)
def test_the_browser_gets_the_source_bytes_where_it_shows_them_right(data: bytes, unchanged: bool) -> None:
    out, mime = imagery.browser_bytes(data)
    assert (out == data) is unchanged
    assert imagery.probe(out).mime == mime
    assert np.array_equal(imagery.decode(out), imagery.decode(data))


def test_a_large_reencoded_image_is_a_near_lossless_jpeg() -> None:
    smooth = np.linspace(0, 255, 800 * 800 * 3).reshape(800, 800, 3).astype(np.uint8)
    out, mime = imagery.browser_bytes(saved(Image.fromarray(smooth), "BMP"))
    assert mime == "image/jpeg"
    assert np.abs(imagery.decode(out).astype(int) - smooth).mean() < 1


def test_a_thumbnail_is_small_upright_and_fast_to_read() -> None:
    wide = Image.new("RGB", (1600, 400), "red")
    wide.paste("blue", (0, 0, 800, 400))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    wide.save(out, "JPEG", exif=exif)
    small = Image.open(io.BytesIO(imagery.thumbnail(out.getvalue(), side_px=128)))
    assert small.size == (32, 128)
    assert small.getpixel((16, 8))[2] > 200
    assert small.getpixel((16, 120))[0] > 200
