"""Small videos, made by the library that reads them: each frame of one grey, which says its number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

STEP = 7
"""Of grey from one frame to the next."""


def clip(
    path: Path,
    frames: int = 12,
    *,
    size: tuple[int, int] = (64, 48),
    bright_corner: bool = False,
    **more: Any,
) -> Path:
    """Write a video of greys. ``bright_corner``: the stored frames' upper left quarter is white."""
    pictures = []
    for number in range(frames):
        seen = np.full((size[1], size[0], 3), (20 + STEP * number) % 236, np.uint8)
        if bright_corner:
            seen[: size[1] // 2, : size[0] // 2] = 255
        pictures.append(seen)
    return filmed(path, pictures, **more)


def filmed(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    rate: int = 10,
    codec: str = "mpeg4",
    at: Sequence[int] | None = None,
    turned: int = 0,
    pixels: str = "yuv420p",
) -> Path:
    """Write pictures, (h, w, 3) RGB, as a video; ``at`` are their times in milliseconds, ``turned`` its display
    rotation in degrees counter-clockwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as file:
        fine = {"qmin": "1", "qmax": "3", "b": "4M"}
        stream: Any = file.add_stream(codec, rate=1000 if at else rate, options=fine)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.gop_size = 4
        if turned:
            stream.set_display_rotation(turned)
        for number, seen in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(seen, format="rgb24")
            frame.pts = at[number] if at else number
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


def number_of(pixels: NDArray[np.uint8]) -> int:
    """The number that a frame's grey says."""
    return round((float(pixels.mean()) - 20) / STEP)
