"""The built browser halves."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from pathlib import Path

from evalnb.errors import Unavailable

_STATIC = Path(__file__).parent / "static"


@cache
def read(name: str) -> str:
    """The text of one built file, for instance ``annotator.js``; Unavailable says how to build it."""
    path = _STATIC / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Unavailable(
            f"the widget's browser half {path} is not built", remedy="run `make setup` in the clone of evalnb"
        ) from error


@cache
def packed(name: str) -> str:
    """A module that unpacks and imports a built one: a third of its size, where a notebook keeps it with its widgets'
    state. Unavailable as for ``read``."""
    data = base64.b64encode(gzip.compress(read(name).encode(), 9, mtime=0)).decode()
    return (
        f'const packed = Uint8Array.from(atob("{data}"), (one) => one.charCodeAt(0));\n'
        'const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));\n'
        "const text = await new Response(stream).text();\n"
        'const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));\n'
        "const module = await import(url);\n"
        "URL.revokeObjectURL(url);\n"
        "export default module.default;\n"
    )
