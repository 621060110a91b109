"""Large parts of a message come compressed, as buffers beside it. The counterpart is bridges/deflated.ts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import orjson

from evalnb.errors import Invalid

MOST_BYTES = 16 * 2**20
"""More than this is not unpacked, all parts of a message together."""


def whole(message: dict[str, Any], buffers: Sequence[bytes | memoryview]) -> dict[str, Any]:
    """The message with the parts that ``"deflated"`` names, in the order of the buffers: zlib over JSON.

    A message that names none is returned as it is. Invalid for names and buffers that do not fit each other, for what
    is no zlib or no JSON, and for more than 16 MiB.
    """
    if "deflated" not in message:
        return message
    names = message["deflated"]
    if not isinstance(names, list) or len(names) != len(buffers) or not all(isinstance(one, str) for one in names):
        raise _broken(f"{len(buffers)} buffers, and they are named {names!r:.200}")
    found = {name: value for name, value in message.items() if name != "deflated"}
    left = MOST_BYTES
    for name, buffer in zip(names, buffers, strict=True):
        if name in found:
            raise _broken(f"{name!r:.200} is there twice")
        unpacking = zlib.decompressobj()
        try:
            text = unpacking.decompress(buffer, left + 1)
            if len(text) > left:
                raise _broken(f"more than {MOST_BYTES // 2**20} MiB")
            if not unpacking.eof:
                raise _broken(f"{name!r:.200} is cut off")
            found[name] = orjson.loads(text)
        except (zlib.error, orjson.JSONDecodeError) as error:
            raise _broken(f"{name!r:.200} cannot be unpacked: {error}") from error
        left -= len(text)
    return found


def _broken(what: str) -> Invalid:
    return Invalid(f"the message's compressed parts are broken ({what})", remedy="see evalnb/wire/deflated.py")
