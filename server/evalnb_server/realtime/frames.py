"""Messages as WebSocket frames; evalnb/wire/live.py says how they look. The counterpart is bridges/socket.ts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from evalnb.errors import Invalid


def encode(message: dict[str, Any], buffers: Sequence[bytes] = ()) -> str | bytes:
    """A message as one frame: text, or binary where there are buffers."""
    if not buffers:
        return orjson.dumps(message).decode()
    header = orjson.dumps({**message, "buffers": [len(one) for one in buffers]})
    return b"".join([len(header).to_bytes(4, "little"), header, *buffers])


def decode(frame: str | bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The message of a frame, and its buffers. Invalid for anything else."""
    try:
        if isinstance(frame, str):
            return _object(frame), []
        start = 4 + int.from_bytes(frame[:4], "little")
        message = _object(frame[4:start])
        lengths = message.pop("buffers")
        if len(frame) < 5 or start + sum(lengths) != len(frame) or min(lengths, default=0) < 0:
            raise ValueError(f"{len(frame)} bytes, and the header tells of {lengths}")
        buffers = []
        for length in lengths:
            buffers.append(frame[start : start + length])
            start += length
        return message, buffers
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid(f"the frame is not a message ({error})", remedy="see evalnb/wire/live.py") from error


def _object(text: str | bytes) -> dict[str, Any]:
    found = orjson.loads(text)
    if not isinstance(found, dict):
        raise TypeError(f"it is {type(found).__name__}, not an object")
    return found
