"""Bytes to pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFile

from evalnb.core.pixels import eight_bits
from evalnb.core.ports import Pixels
from evalnb.errors import Unsafe
from evalnb.imagery._header import broken, foreign, open_image, orientation_of

MAX_PIXELS = 400_000_000
"""The largest image that is decoded whole: 400 MP, 1.2 GB of RGB."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, name: str = "the image", least_px: int | None = None
) -> Pixels:
    """(h, w, 3) uint8 RGB of an image's bytes, EXIF orientation applied; read-only.

    Greyscale is repeated; a palette is looked up; alpha is laid over white, as a page shows it; CMYK is converted.
    Of other bands than a screen has, three count as red, green and blue, or one as grey; that takes libvips.
    16-bit greyscale is scaled linearly: from 12 bits if no value exceeds 4095 (a camera's 12 bits in a 16-bit file),
    else from 16. Floating-point and 32-bit greyscale is stretched from its minimum to its maximum. The first frame
    of an animation or a stack counts. Colour profiles are not applied (detectors are trained without them).

    ``least_px``: enough that both sides have about so many pixels; a JPEG is then decoded at an eighth, a quarter or
    half of its size, several times faster.

    ``name`` is what errors call the image. Unsafe if it is no allowed format or has more than ``max_pixels``
    (checked before any pixel is decoded); Invalid if it is damaged or truncated.
    """
    image, mime = open_image(io.BytesIO(data), name)
    check_pixels(image, max_pixels, name)
    if foreign(image):
        from evalnb.imagery import _vips

        codes, coding = _vips.codes(data, name=name)
        return coding.eight_bits(codes)
    # Pillow's TIFF reader turns the pixels itself when it loads them.
    turn = None if mime == "image/tiff" else _TURNS.get(orientation_of(image))
    if least_px is not None and mime == "image/jpeg":
        image.draft(None, (least_px, least_px))
    try:
        image.load()
        pixels = _rgb(image)
    except MemoryError:
        # Of the machine, not of the file.
        raise
    except Exception as error:
        raise broken(name, error) from error
    if turn is not None:
        pixels = pixels.transpose(turn)
    return np.asarray(pixels)


def check_pixels(image: ImageFile.ImageFile, max_pixels: int, name: str) -> None:
    """Unsafe if the header states more than ``max_pixels``."""
    if image.width * image.height > max_pixels:
        raise Unsafe(
            f"{name} claims {image.width} × {image.height} pixels, more than {max_pixels:,}",
            remedy="cut it into tiles, or scale it down first",
        )


def has_alpha(image: Image.Image) -> bool:
    """Whether any transparency is stored."""
    return "transparency" in image.info or image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}


def deep(image: Image.Image) -> bool:
    """Whether it is greyscale of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _rgb(image: Image.Image) -> Image.Image:
    if deep(image):
        return Image.fromarray(eight_bits(np.asarray(image))).convert("RGB")
    if has_alpha(image):
        over = image.convert("RGBA")
        flat = Image.new("RGBA", over.size, "white")
        flat.alpha_composite(over)
        return flat.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
