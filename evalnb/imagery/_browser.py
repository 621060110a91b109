"""Pixels for the browser: the source's own bytes whenever it shows them as ``decode`` does."""

from __future__ import annotations

import io

from PIL import Image

from evalnb.imagery._decode import MAX_PIXELS, check_pixels, decode, deep, has_alpha
from evalnb.imagery._header import open_image, orientation_of

# Below this a lossless PNG costs little; above it, 3.8 MB and half a second for a photograph of 1080p.
_PNG_PIXELS = 500_000


def browser_mime(data: bytes, *, max_pixels: int = MAX_PIXELS, name: str = "the image") -> str | None:
    """The MIME type under which these very bytes go to a browser (see ``browser_bytes``); None where they must be
    decoded first. Reads the header alone; errors as ``decode``."""
    image, mime = open_image(io.BytesIO(data), name)
    check_pixels(image, max_pixels, name)
    if mime == "image/jpeg" and image.mode in {"RGB", "L"}:
        return mime
    plain = not has_alpha(image) and not deep(image) and not getattr(image, "is_animated", False)
    return mime if mime in {"image/png", "image/webp"} and plain and orientation_of(image) == 1 else None


def browser_bytes(data: bytes, *, max_pixels: int = MAX_PIXELS, name: str = "the image") -> tuple[bytes, str]:
    """Bytes and their MIME type that a browser paints as ``decode`` sees them.

    JPEG goes unchanged, whatever its EXIF orientation: ``createImageBitmap`` applies it by default
    (``imageOrientation: "from-image"``), in every browser. PNG and WebP go unchanged if they are opaque, of 8 bits,
    still, and not turned (browsers disagree about EXIF outside JPEG). Everything else is decoded and sent as PNG when
    small, else as JPEG of quality 95 without colour subsampling. Errors as ``decode``.
    """
    mime = browser_mime(data, max_pixels=max_pixels, name=name)
    if mime is not None:
        return data, mime
    pixels = Image.fromarray(decode(data, max_pixels=max_pixels, name=name))
    out = io.BytesIO()
    if pixels.width * pixels.height <= _PNG_PIXELS:
        pixels.save(out, "PNG", compress_level=1)
        return out.getvalue(), "image/png"
    pixels.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue(), "image/jpeg"
