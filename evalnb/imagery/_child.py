"""Decode images for a parent that does not trust them; see ``_confined``.

This file is run as a script in a process of its own. It opens nothing: files come as descriptors over the socket that
it was born with, each answered by {"ok": [width, height, mime, orientation, deep]}, {"refused": [kind, what
happened, the remedy]} or {"memory": true}.

Usage: python _child.py SOCKET MEMORY_BYTES FOLDER…
"""

from __future__ import annotations

import os
import sys
from typing import Any

_CPU_S = 900
"""For all the images of one child together; the parent's patience with each is shorter."""


def main(arguments: list[str]) -> int:
    """Answer until the parent closes its end."""
    sys.path[:0] = arguments[2:]
    from evalnb.core.children import born
    from evalnb.core.confinement import confine
    from evalnb.errors import EvalnbError
    from evalnb.imagery._whole import read_whole

    link = born(int(arguments[0]))
    confine(memory_bytes=int(arguments[1]), open_files=32, cpu_s=_CPU_S, written_bytes=0)
    link.send({"ready": True})
    while (frame := link.receive()) is not None:
        answer: dict[str, Any] = {}
        for descriptor in frame.files:
            with os.fdopen(descriptor, "rb") as file:
                try:
                    header = read_whole(file, frame.head["name"])
                    answer = {"ok": [header.width, header.height, header.mime, header.orientation, header.deep]}
                except EvalnbError as error:
                    answer = {"refused": [type(error).__name__, error.happened, error.remedy]}
                except MemoryError:
                    answer = {"memory": True}
        link.send(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
