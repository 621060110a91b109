"""What an image file says of itself, read without decoding its pixels."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from evalnb.errors import EvalnbError, Invalid, NotFound, Unsafe

_Open = Callable[[IO[bytes], str], ImageFile.ImageFile]
_BANDS_MAX = 1024


class _AnyTiff(TiffImagePlugin.TiffImageFile):
    """A TIFF whose header is read also where Pillow has no mode for its pixels: libvips has."""

    foreign = False
    """Whether Pillow cannot decode it."""

    def _setup(self) -> None:
        try:
            super()._setup()
        except SyntaxError:
            bands = self.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
            if not isinstance(bands, int) or not 1 <= bands <= _BANDS_MAX or not hasattr(self, "_size"):
                raise
            self.foreign = True
            self._mode = "F"
            self.tile = []


# Opened by their own plugin, chosen by magic bytes: Pillow's Image.open would try some forty formats on a hostile
# file, and checks pixels against a limit that is global to the process.
_KINDS: tuple[tuple[bytes, int, str, _Open], ...] = (
    (b"\xff\xd8\xff", 0, "image/jpeg", JpegImagePlugin.jpeg_factory),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png", PngImagePlugin.PngImageFile),
    (b"WEBP", 8, "image/webp", WebPImagePlugin.WebPImageFile),
    (b"II*\0", 0, "image/tiff", _AnyTiff),
    (b"MM\0*", 0, "image/tiff", _AnyTiff),
    (b"II+\0", 0, "image/tiff", _AnyTiff),
    (b"MM\0+", 0, "image/tiff", _AnyTiff),
    (b"GIF8", 0, "image/gif", GifImagePlugin.GifImageFile),
    (b"BM", 0, "image/bmp", BmpImagePlugin.BmpImageFile),
)
_ALLOWED = "JPEG, PNG, WebP, TIFF, BMP or GIF"


@dataclass(frozen=True, slots=True)
class Header:
    """An image's size as it is shown, and how its file stores it."""

    width: int
    """Pixels, after EXIF orientation."""
    height: int
    """Pixels, after EXIF orientation."""
    mime: str
    """image/jpeg, image/png, image/webp, image/tiff, image/bmp or image/gif."""
    orientation: int
    """The EXIF orientation of the stored pixels, 1 to 8; 1 needs no turning."""
    deep: bool = False
    """Whether it holds more than a screen shows: more than 8 bits a band, or other bands than grey, colour and
    transparency."""


def probe(source: bytes | Path | IO[bytes], *, name: str | None = None) -> Header:
    """The header of an image's bytes or file (its path, or open: no more of it is read than the header needs); the
    pixels are not decoded.

    ``name`` is what errors call the image (default: the path). NotFound if there is no such file, Unsafe if it is no
    allowed raster format, Invalid if its header is broken.
    """
    name = name or (str(source) if isinstance(source, Path) else "the image")
    if not isinstance(source, Path):
        return _probe(io.BytesIO(source) if isinstance(source, bytes) else source, name)
    try:
        with source.open("rb") as file:
            return _probe(file, name)
    except OSError as error:
        raise unreadable(name, error) from error


def sha256(path: Path) -> str:
    """The hex SHA-256 of a file's bytes; NotFound if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(str(path), error) from error


def unreadable(name: str, error: OSError) -> NotFound:
    """The refusal for a file that cannot be opened."""
    return NotFound(f"{name} cannot be read ({error.strerror or error})", remedy="check the path and its permissions")


def open_image(file: IO[bytes], name: str) -> tuple[ImageFile.ImageFile, str]:
    """The lazily opened image and its MIME type: its header is parsed, its pixels are not."""
    head = file.read(16)
    file.seek(0)
    if not head:
        raise Invalid(f"{name} is empty", remedy="copy the file again from its source")
    kind = next((kind for kind in _KINDS if head[kind[1] : kind[1] + len(kind[0])] == kind[0]), None)
    if kind is None:
        raise Unsafe(f"{name} is not an image that evalnb opens", remedy=f"convert it to {_ALLOWED}")
    _, _, mime, opener = kind
    try:
        image = opener(file, name)
    except Exception as error:
        raise broken(name, error) from error
    if image.width < 1 or image.height < 1:
        raise Invalid(f"{name} is {image.width} × {image.height} pixels", remedy="remove it or replace the file")
    return image, mime


def broken(name: str, error: Exception) -> EvalnbError:
    """The refusal for a file whose bytes do not decode, whatever the decoder raised."""
    said = str(error) or type(error).__name__
    return Invalid(
        f"{name} is damaged or truncated ({said})",
        remedy="copy it again from its source, or remove it from the dataset",
    )


def orientation_of(image: ImageFile.ImageFile) -> int:
    """The EXIF orientation, 1 to 8. A missing, impossible or unreadable one means: as stored.

    From the file's header alone: Pillow's ``getexif`` decodes a whole PNG to find an EXIF block behind its pixels,
    and takes XMP's word where EXIF says nothing, which neither browsers nor OpenCV do.
    """
    try:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            value = image.tag_v2.get(ExifTags.Base.Orientation, 1)
        else:
            exif = Image.Exif()
            exif.load(image.info.get("exif") or b"")
            value = exif.get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, struct.error, ValueError, KeyError, TypeError, IndexError, OverflowError, OSError):
        # A broken EXIF block says nothing about the pixels, and other viewers show them as they are stored.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def foreign(image: ImageFile.ImageFile) -> bool:
    """Whether Pillow has no way to decode it."""
    return isinstance(image, _AnyTiff) and image.foreign


def _deep(image: ImageFile.ImageFile) -> bool:
    if isinstance(image, PngImagePlugin.PngImageFile):
        # Of 16 bits Pillow gives eight where there is colour: what it reads them from says more than its mode.
        return any("16" in str(one.args) for one in image.tile)
    if isinstance(image, _AnyTiff):
        bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
        return image.foreign or max(bits) > 8
    return image.mode.startswith("I") or image.mode == "F"


def _probe(file: IO[bytes], name: str) -> Header:
    return header_of(*open_image(file, name))


def header_of(image: ImageFile.ImageFile, mime: str) -> Header:
    """What an opened image says of itself."""
    orientation = orientation_of(image)
    width, height = image.size
    # Pillow's TIFF reader has turned its size already.
    if orientation >= 5 and mime != "image/tiff":
        width, height = height, width
    return Header(width, height, mime, orientation, _deep(image))
