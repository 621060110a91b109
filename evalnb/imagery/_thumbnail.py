"""Small pictures of images, for strips and lists."""

from __future__ import annotations

import io

from PIL import Image

from evalnb.imagery._decode import MAX_PIXELS, decode


def thumbnail(data: bytes, *, side_px: int = 256, max_pixels: int = MAX_PIXELS, name: str = "the image") -> bytes:
    """A JPEG of the image, its longer side at most ``side_px``, orientation applied. Errors as ``decode``."""
    small = Image.fromarray(decode(data, max_pixels=max_pixels, name=name, least_px=side_px))
    small.thumbnail((side_px, side_px))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=82)
    return out.getvalue()
