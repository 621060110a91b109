"""Values in XML's text: attributes written so that they read back as what they were, and escaping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
# What XML 1.0 has no way to write, even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def value_of(text: str) -> Any:
    """The value that a text stands for: ``true`` and ``false``, a number, or itself."""
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.match(text):
        return int(text) if text.lstrip("-").isdigit() else float(text)
    return text


def text_of(value: Any) -> str | None:
    """The text that ``value_of`` reads as ``value``; None where there is none (lists, None, the text "12")."""
    text = str(value).lower() if isinstance(value, bool) else repr(value) if type(value) in (int, float) else value
    if not isinstance(text, str) or _UNWRITABLE.search(text) or text != text.strip():
        return None
    read = value_of(text)
    return text if type(read) is type(value) and read == value else None


def written(attributes: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """(names with the texts of their values, names whose values have no text)."""
    texts = {name: text_of(value) for name, value in attributes.items()}
    said = {name: text for name, text in texts.items() if text is not None and clean(name) == name}
    return said, [name for name in attributes if name not in said]


def clean(text: str) -> str:
    """``text`` without what XML cannot hold."""
    return _UNWRITABLE.sub("\ufffd", text)


def body(text: str) -> str:
    """A text between tags. A bare carriage return would be read as a line feed."""
    return escape(clean(text), {"\r": "&#13;"})


def quoted(value: Any) -> str:
    """An attribute's value, quotes and all; numbers by their shortest exact text."""
    if isinstance(value, float):
        return f'"{plain(value)}"'
    return quoteattr(clean(str(value)), {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def plain(value: float) -> str:
    """A number's shortest text that reads back as the same double."""
    return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
