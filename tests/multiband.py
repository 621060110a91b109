"""A TIFF of as many bands as one likes, none of which claims to be a colour: what remote sensing writes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

_SHORT, _LONG = 3, 4


def write_multiband(path: Path, values: Any) -> Path:
    """``values``: (h, w, bands) of 8 or 16 bits, unsigned."""
    height, width, bands = values.shape
    pixels = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
    behind = 8 + len(pixels)
    bits = struct.pack(f"<{bands}H", *[8 * values.dtype.itemsize] * bands)
    extra = struct.pack(f"<{bands - 1}H", *[0] * (bands - 1))
    fields = [
        (256, _LONG, 1, width),
        (257, _LONG, 1, height),
        (258, _SHORT, bands, behind),
        (259, _SHORT, 1, 1),
        (262, _SHORT, 1, 1),
        (273, _LONG, 1, 8),
        (277, _SHORT, 1, bands),
        (278, _LONG, 1, height),
        (279, _LONG, 1, len(pixels)),
        (284, _SHORT, 1, 1),
        (338, _SHORT, bands - 1, behind + len(bits)),
    ]
    table = struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *one) for one in fields) + bytes(4)
    head = struct.pack("<2sHI", b"II", 42, behind + len(bits) + len(extra))
    path.write_bytes(head + pixels + bits + extra + table)
    return path
