"""Frames of videos from strangers, decoded in a process that can do nothing else."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from evalnb import errors
from evalnb.core.children import Child, ChildLost, Frame
from evalnb.errors import EvalnbError, MissingExtra, Unavailable, Unsafe
from evalnb.imagery._frames import FrameFormat, VideoFrame, VideoHeader
from evalnb.imagery._header import unreadable

_MEMORY_BYTES = 4 << 30
"""Address space of the child: twenty frames of 8K, and FFmpeg's libraries."""
_PATIENCE_S = 60.0
"""For one frame, or for some fifty that are passed over."""
_START_S = 120.0
_SCRIPT = Path(__file__).with_name("_video_child.py")


class Video:
    """A video that is being read."""

    def __init__(self, child: Child, name: str, header: VideoHeader) -> None:
        self._child = child
        self._name = name
        self.header = header
        self.broken = ""
        """Once its frames have ended: why they ended before the video did; empty where it is whole."""

    def frames(
        self, *, start: int = 0, stop: int | None = None, every: int = 1, format: FrameFormat = "jpeg"
    ) -> Iterator[VideoFrame]:
        """The frames ``start``, ``start + every``, … before ``stop``, in order; once.

        A video that breaks off ends here, and ``broken`` says why: it is damaged, or one frame takes more memory or
        time than there is. Invalid, Unsafe if that is so from the beginning.
        """
        asked: dict[str, Any] = {"ask": "read"}
        asked["wanted"] = {"start": start, "stop": stop, "every": every, "format": format}
        while True:
            try:
                answer = _ask(self._child, asked, self._name)
            except Unsafe as error:
                if asked["ask"] == "read":
                    raise
                self.broken = error.happened
                return
            if "end" in answer.head:
                self.broken = answer.head["end"]
                return
            number, time_s, width, height = answer.head["ok"]
            yield VideoFrame(number, time_s, width, height, answer.body)
            asked = {"ask": "next"}


@contextmanager
def open_video(path: Path, *, name: str, memory_bytes: int = _MEMORY_BYTES) -> Iterator[Video]:
    """The video in a file; errors call it ``name``.

    It is decoded in a child process: no files but this one, no network, no writing, bounded memory and time.
    MissingExtra without the decoder; NotFound if the file cannot be opened; Invalid if it is no video, has no
    pictures, or is coded in a way that FFmpeg does not know; Unsafe if its frames are too large.
    """
    folders = _folders()
    child = Child(
        lambda descriptor: [
            *(sys.executable, "-E", "-P", "-B", str(_SCRIPT)),
            *(str(descriptor), str(memory_bytes), *folders),
        ],
        environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
    )
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(name, error) from error
    try:
        with file:
            _start(child)
            answer = _ask(child, {"ask": "open", "name": name}, name, files=[file.fileno()])
        yield Video(child, name, VideoHeader(*answer.head["ok"]))
    finally:
        child.kill()
        child.close()


def _start(child: Child) -> None:
    # By a question of its own: a child that cannot start says nothing about the video.
    try:
        child.ask({"ask": "nothing"}, within_s=_START_S)
    except ChildLost as error:
        remedy = "free some memory, or reinstall the decoder: pip install --force-reinstall av"
        raise Unavailable(f"no video can be decoded here: {error}", remedy=remedy) from error


def _ask(child: Child, asked: dict[str, Any], name: str, *, files: Sequence[int] = ()) -> Frame:
    try:
        answer = child.ask(asked, files=files, within_s=_PATIENCE_S, heard=lambda _: None)
    except ChildLost as error:
        why = f"takes more than {_PATIENCE_S:g} s for a frame" if error.late else f"cannot be decoded: {error}"
        raise _too_much(name, why) from error
    head = answer.head
    if "strange" in head:  # a new child, which was never given the file: the one before it is gone
        raise _too_much(name, "cannot be decoded: the process that did was ended")
    if "memory" in head:
        raise _too_much(name, "takes more memory to decode than a video may")
    if "refused" in head:
        kind, happened, remedy = head["refused"]
        refused: type[EvalnbError] = getattr(errors, kind, Unsafe)
        raise refused(happened, remedy=remedy)
    return answer


def _too_much(name: str, why: str) -> Unsafe:
    return Unsafe(f"{name} {why}", remedy="convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4")


def _folders() -> list[str]:
    found = importlib.util.find_spec("av")
    if found is None or found.origin is None:
        raise MissingExtra("a video needs the package 'av' (PyAV)", remedy="run: pip install 'evalnb[video]'")
    places = [(errors.__file__, 1), (np.__file__, 1), (PIL.__file__, 1), (found.origin, 1)]
    return list(dict.fromkeys(str(Path(one).parents[n]) for one, n in places))
