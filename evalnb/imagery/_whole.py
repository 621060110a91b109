"""An image read to its last pixel, to see that it can be."""

from __future__ import annotations

import os
from typing import IO

from PIL import ImageFile, TiffImagePlugin

from evalnb.errors import Invalid
from evalnb.imagery._decode import MAX_PIXELS, check_pixels
from evalnb.imagery._header import Header, broken, foreign, header_of, open_image

_JPEG_PIXELS = 512
"""The most pixels that a byte of JPEG can stand for: a block of 64 takes a bit or more, in its DC scan alone."""


def read_whole(file: IO[bytes], name: str, *, max_pixels: int = MAX_PIXELS) -> Header:
    """The header, after every pixel of the first frame was decoded and thrown away. Errors as ``decode``.

    A JPEG is decoded at an eighth of its size: that walks through all of its bytes in a sixty-fourth of the memory.
    Of a TIFF that Pillow has no mode for, it is only seen that the file is long enough for all of its pieces.
    """
    image, mime = open_image(file, name)
    check_pixels(image, max_pixels, name)
    header = header_of(image, mime)
    if mime == "image/jpeg" and image.width * image.height > _JPEG_PIXELS * (size := file.seek(0, os.SEEK_END)):
        # libjpeg fills in grey what is not there, and says so to nobody.
        raise Invalid(
            f"{name} claims {image.width} × {image.height} pixels, which its {size:,} bytes cannot hold",
            remedy="copy it again from its source, or remove it from the dataset",
        )
    if foreign(image):
        _held(image, file.seek(0, os.SEEK_END), name)
        return header
    try:
        if mime == "image/jpeg":
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise broken(name, error) from error
    return header


def _held(image: ImageFile.ImageFile, size: int, name: str) -> None:
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    for start, length in (
        (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.STRIPBYTECOUNTS),
        (TiffImagePlugin.TILEOFFSETS, TiffImagePlugin.TILEBYTECOUNTS),
    ):
        starts, lengths = image.tag_v2.get(start), image.tag_v2.get(length)
        if starts and lengths and len(starts) == len(lengths):
            if max(map(sum, zip(starts, lengths, strict=True))) <= size:
                return
            raise broken(name, EOFError(f"it ends after {size:,} bytes, before its pixels do"))
    raise broken(name, ValueError("it does not say where its pixels are"))
