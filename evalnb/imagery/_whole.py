"""An image read to its last pixel, to see that it can be."""

from __future__ import annotations

from typing import IO

from evalnb.imagery._decode import MAX_PIXELS, check_pixels
from evalnb.imagery._header import Header, broken, header_of, open_image


def read_whole(file: IO[bytes], name: str, *, max_pixels: int = MAX_PIXELS) -> Header:
    """The header, after every pixel of the first frame was decoded and thrown away. Errors as ``decode``.

    A JPEG is decoded at an eighth of its size: that walks through all of its bytes in a sixty-fourth of the memory.
    """
    image, mime = open_image(file, name)
    check_pixels(image, max_pixels, name)
    header = header_of(image, mime)
    try:
        if mime == "image/jpeg":
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise broken(name, error) from error
    return header
