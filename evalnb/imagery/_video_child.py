"""Decode videos for a parent that does not trust them; see ``_video``.

This file is run as a script in a process of its own. It opens nothing: the video comes as a descriptor over the
socket that it was born with. It is asked to ``open`` it, to ``read`` from some frame on, and then for the ``next``
one until there is none; it decodes one ahead, while the parent keeps the last. Before ``open`` it has only
{"strange": true} to say.

Usage: python _video_child.py SOCKET MEMORY_BYTES FOLDER…
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalnb.core.children import Frame, Link


def _answers(
    asked: Frame, link: Link, encoders: ThreadPoolExecutor
) -> Generator[tuple[dict[str, Any], bytes], Any, None]:
    """What the header says; once it is asked for, each frame; then the end, and why it came."""
    from evalnb.errors import EvalnbError
    from evalnb.imagery._frames import Broken, Frames, refusal

    with os.fdopen(asked.files[0], "rb") as file:
        try:
            video = Frames(
                file, name=asked.head["name"], encoders=encoders, alive=lambda: link.send({"progress": True})
            )
            said = video.header
            wanted = yield {"ok": [said.fps, said.frames, said.codec]}, b""
            for one in video.read(**wanted):
                yield {"ok": [one.number, one.time_s, one.width, one.height]}, one.data
            yield {"end": ""}, b""
        except Broken as error:
            yield {"end": str(error) or "it is damaged"}, b""
        except EvalnbError as error:
            yield {"refused": refusal(error)}, b""
        except MemoryError:
            yield {"memory": True}, b""


def main(arguments: list[str]) -> int:
    """Answer until the parent closes its end."""
    sys.path[:0] = arguments[2:]
    import av
    from PIL import Image, JpegImagePlugin, PngImagePlugin

    from evalnb.core.children import born
    from evalnb.core.confinement import confine
    from evalnb.imagery import _frames

    # Loaded, and their encoders with them, before nothing more can be.
    assert JpegImagePlugin and PngImagePlugin
    av.logging.set_level(None)
    # All of its threads begin now: later the process may start none.
    encoders, begun = ThreadPoolExecutor(_frames.ENCODERS), threading.Barrier(_frames.ENCODERS)
    list(encoders.map(lambda _: begun.wait(), range(_frames.ENCODERS)))
    Image.preinit()
    link = born(int(arguments[0]))
    confine(memory_bytes=int(arguments[1]), open_files=32, written_bytes=0)
    link.send({"ready": True})
    answers: Any = None
    ahead: tuple[dict[str, Any], bytes] = {"strange": True}, b""
    while (asked := link.receive()) is not None:
        match asked.head["ask"]:
            case "open":
                answers = _answers(asked, link, encoders)
                link.send(*next(answers))
                continue
            case "read" if answers is not None:
                ahead = answers.send(asked.head["wanted"])
        link.send(*ahead)
        if "ok" in ahead[0]:
            ahead = next(answers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
