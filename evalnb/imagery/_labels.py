"""Label maps: images whose pixels are numbers, not colours."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.errors import Invalid
from evalnb.imagery._decode import MAX_PIXELS, check_pixels
from evalnb.imagery._header import broken, open_image

_LOSSY = {"image/jpeg", "image/webp"}


def decode_labels(data: bytes, *, max_pixels: int = MAX_PIXELS, name: str = "the image") -> NDArray[Any]:
    """The stored numbers of an image's bytes: (h, w) palette places or grey values as they are, of 1, 8, 16 or 32
    bits; (h, w, 3) uint8 of a coloured one, alpha left out.

    Nothing is looked up, scaled or turned: a palette's colours and EXIF say nothing about labels. Unsafe and Invalid
    as ``decode``; Invalid also for JPEG and WebP, which change labels at every edge, and for floating-point images.
    """
    image, mime = open_image(io.BytesIO(data), name)
    check_pixels(image, max_pixels, name)
    if mime in _LOSSY:
        raise Invalid(f"{name} is {mime}, which does not keep labels", remedy="write label maps as PNG")
    try:
        image.load()
    except Exception as error:
        raise broken(name, error) from error
    if image.mode in {"P", "PA", "L", "LA", "1"} or image.mode.startswith("I"):
        first = image.getchannel(0) if image.mode in {"PA", "LA"} else image
        pixels = np.asarray(first)
        return pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    if image.mode in {"RGB", "RGBA"}:
        return np.asarray(image)[:, :, :3]
    raise Invalid(f"{name} holds {image.mode} pixels, not labels", remedy="write label maps as PNG of 8 or 16 bits")
