"""A video, frame by frame: decoded by FFmpeg's libraries, turned as its player would turn it, encoded as images.

It runs in the confined child (``_video_child``), which is given the file as a descriptor: nothing is opened by name,
and a playlist that names other files finds no protocol to open them with.
"""

from __future__ import annotations

import io
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evalnb.errors import EvalnbError, Invalid, Unsafe

MAX_FRAME_PIXELS = 64_000_000
"""The largest frame that is decoded: 8K has 33 MP, and a decoder holds up to twenty of them."""
PATIENCE = 50
"""Every how many frames that are passed over the parent hears that there is life."""
ENCODERS = min(4, os.cpu_count() or 1)
"""Frames that are encoded at a time, beside the one that is decoded."""
FrameFormat = Literal["jpeg", "png"]

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf,gif,mxf,ivf,y4m,h264,hevc,m4v,mjpeg"
_REMEDY = "convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What a video's header says of its pictures."""

    fps: float
    """Frames a second, on average; 0 where nothing says it."""
    frames: int
    """How many there are, as far as the header knows; 0 where it does not."""
    codec: str


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame, encoded."""

    number: int
    """From 0 on, in the order in which they are shown."""
    time_s: float
    """When it is shown: from the file's own clock, which need not beat evenly."""
    width: int
    height: int
    data: bytes


class Broken(Exception):
    """The video cannot be read any further; what came before is good."""


class Frames:
    """A video opened for reading. Invalid if it is no video that can be read, Unsafe if its frames are too large.

    ``encoders`` encode a few frames while the next ones are decoded; ``alive`` is told now and then that frames are
    being passed over.
    """

    def __init__(
        self, file: IO[bytes], *, name: str, encoders: ThreadPoolExecutor, alive: Callable[[], None] = lambda: None
    ) -> None:
        import av

        self._name, self._encoders, self._alive = name, encoders, alive
        # An empty list of protocols would mean all of them.
        allowed = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
        try:
            self._container = av.open(file, mode="r", container_options=allowed)
        except (av.error.FFmpegError, ValueError) as error:
            raise Invalid(
                f"{name} is no video, or its beginning is damaged ({_said(error)})", remedy=_REMEDY
            ) from error
        if not self._container.streams.video:
            raise Invalid(f"{name} has sound or data, and no pictures", remedy="name a file with a video stream")
        self._stream: Any = self._container.streams.video[0]
        coder: Any = self._stream.codec_context
        if coder is None:
            raise Invalid(f"{name} is coded in a way that FFmpeg does not know", remedy=_REMEDY)
        self._check(coder.width, coder.height)
        # One thread: the process may start none.
        coder.thread_count = 1
        coder.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.header = VideoHeader(float(rate or 0), int(self._stream.frames), str(coder.name))

    def read(self, *, start: int, stop: int | None, every: int, format: FrameFormat) -> Iterator[VideoFrame]:
        """The frames ``start``, ``start + every``, … before ``stop``; once.

        Broken where they end before the video does, Invalid if there is not a single one.
        """
        broken: Broken | None = None
        ahead: deque[tuple[int, float, tuple[int, ...], Future[bytes]]] = deque()
        try:
            for number, clock, pixels in self._chosen(start, stop, every):
                ahead.append((number, clock, pixels.shape, self._encoders.submit(encoded, pixels, format)))
                if len(ahead) > ENCODERS:
                    yield _done(*ahead.popleft())
        except Broken as error:
            broken = error
        while ahead:
            yield _done(*ahead.popleft())
        if broken is not None:
            raise broken

    def _chosen(self, start: int, stop: int | None, every: int) -> Iterator[tuple[int, float, NDArray[np.uint8]]]:
        number, until = -1, 0.0
        for number, frame in enumerate(self._decoded()):
            self._check(frame.width, frame.height)
            if stop is not None and number >= stop:
                return
            clock = _seconds(frame.pts, frame, otherwise=until)
            until = clock + _seconds(frame.duration or None, frame, otherwise=self._step)
            if number < start or (number - start) % every:
                if number % PATIENCE == 0:
                    self._alive()
                continue
            yield number, round(clock, 6), turned(frame)
        if number < 0:
            raise Invalid(f"{self._name} has not a single frame that can be decoded", remedy=_REMEDY)
        self._ended(number + 1, until)

    def _decoded(self) -> Iterator[Any]:
        import av

        any_yet = False
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt and any_yet:
                    raise Broken("a piece of it is damaged or missing")
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    if any_yet:
                        raise
                    # A recording that begins between two whole pictures: the first ones need what is not there.
                    continue
                for frame in frames:
                    if frame.is_corrupt and any_yet:
                        raise Broken("a piece of it is damaged or missing")
                    any_yet = True
                    yield frame
        except av.error.FFmpegError as error:
            raise Broken(_said(error)) from error

    @property
    def _step(self) -> float:
        return 1 / self.header.fps if self.header.fps else 0.0

    def _ended(self, frames: int, until: float) -> None:
        """Broken if the file's own words promise more than came: an edit list may hide a few frames, no more."""
        said = self.header.frames
        if said and frames < 0.98 * said:
            raise Broken(f"it says that it has {said:,} frames")
        length = _length(self._stream)
        begun = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        if not said and length and length - (until - begun) > max(0.25, 0.02 * length, 3 * self._step):
            raise Broken(f"it says that it is {length:.1f} s long")

    def _check(self, width: int, height: int) -> None:
        if width * height > MAX_FRAME_PIXELS:
            raise Unsafe(
                f"{self._name} has frames of {width} × {height} pixels, more than {MAX_FRAME_PIXELS / 1e6:.0f} MP",
                remedy="scale it down: ffmpeg -i IN -vf scale=3840:-2 OUT.mp4",
            )


def _done(number: int, time_s: float, shape: tuple[int, ...], data: Future[bytes]) -> VideoFrame:
    return VideoFrame(number, time_s, shape[1], shape[0], data.result())


def turned(frame: Any) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 RGB of a decoded frame, turned and mirrored as its display matrix says.

    The matrix maps a stored point to (a·x + c·y, b·x + d·y); of its nine numbers those are 0, 3, 1 and 4, and a turn
    by anything but a quarter counts as the nearest one.
    """
    pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24", threads=1)
    matrix = next((bytes(one) for one in frame.side_data if one.type.name == "DISPLAYMATRIX"), None)
    if matrix is None or len(matrix) < 36:
        return pixels
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if max(abs(b), abs(c)) > max(abs(a), abs(d)):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def encoded(pixels: NDArray[np.uint8], format: FrameFormat) -> bytes:
    """The frame's bytes: JPEG of quality 95 with colour at full resolution, or PNG."""
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if format == "jpeg":
        image.save(out, "JPEG", quality=95, subsampling=0)
    else:
        image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def refusal(error: EvalnbError) -> list[str]:
    """An error as it crosses to the parent."""
    return [type(error).__name__, error.happened, error.remedy]


def _seconds(ticks: int | None, frame: Any, *, otherwise: float) -> float:
    return otherwise if ticks is None or frame.time_base is None else float(ticks * frame.time_base)


def _length(stream: Any) -> float:
    """Seconds that the stream says it lasts; 0 where it does not. Matroska says it in a tag: HH:MM:SS.fraction."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds


def _said(error: BaseException) -> str:
    # FFmpeg's own words; the rest of str(error) is a number, and a file without a name.
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
