"""Arrays of pixels as models take them, by the rules that decoding a file follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evalnb.core.ports import Pixels
from evalnb.errors import Invalid

_CHANNELS = {1: "greyscale", 2: "greyscale with alpha", 3: "RGB", 4: "RGB with alpha"}


def rgb(image: object, name: str = "the image") -> Pixels:
    """(h, w, 3) uint8 RGB of an array: RGB, greyscale (h, w), or either with alpha; uint8 or uint16.

    Greyscale is repeated; alpha is laid over white; 16 bits are scaled as ``eight_bits`` does. What is (h, w, 3)
    uint8 already comes back as it is.

    Invalid, calling the image by ``name``, for any other shape or type, or without a pixel.
    """
    given = np.asarray(image)
    planes = given[..., None] if given.ndim == 2 else given
    if planes.ndim != 3 or planes.shape[2] not in _CHANNELS or not planes.size:
        raise Invalid(
            f"{name} is {given.dtype} of shape {given.shape}",
            remedy="pass (height, width, 3) uint8 RGB, as evalnb.imagery.decode returns, or greyscale, or with alpha",
        )
    if planes.dtype == np.uint16:
        planes = eight_bits(planes)
    elif planes.dtype != np.uint8:
        raise Invalid(
            f"{name} is {given.dtype} of shape {given.shape}",
            remedy="scale it to 0 … 255 and write .astype('uint8'); uint16 is taken as it is",
        )
    if planes.shape[2] in (2, 4):
        alpha = planes[..., -1:].astype(np.uint16)
        over = planes[..., :-1].astype(np.uint16) * alpha + 255 * (255 - alpha)
        planes = ((over + 127) // 255).astype(np.uint8)
    return planes if planes.shape[2] == 3 else np.repeat(planes, 3, axis=2)


def eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Values of more than 8 bits as uint8, of the same shape.

    16 bits are scaled linearly: from 12 bits if no value exceeds 4095 (a camera's 12 bits in a 16-bit file), else
    from 16. Others are stretched from their least to their greatest finite value.
    """
    if values.dtype.itemsize == 2:
        wide = values.astype(np.int64)
        top = 4095 if wide.max() <= 4095 and wide.min() >= 0 else 65535
        return np.asarray((np.clip(wide, 0, top) * 255 + top // 2) // top, dtype=np.uint8)
    real = values.astype(np.float64)
    finite = np.isfinite(real)
    low, high = (real[finite].min(), real[finite].max()) if finite.any() else (0.0, 0.0)
    real = np.where(finite, real, low)
    scaled = (real - low) * (255.0 / (high - low)) if high > low else np.zeros_like(real)
    return np.asarray(np.rint(scaled), dtype=np.uint8)
