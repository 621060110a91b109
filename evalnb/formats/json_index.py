"""An index of a large JSON file: where each element of its top-level arrays begins and ends.

One pass of numpy over windows of bytes finds the quotes and brackets, drops those inside strings, and keeps the
places where the depth says that an element begins or ends. Elements are then read in any order, in batches, by
orjson; a bad one spoils only itself. As fast as ijson's C backend, which can neither step over a bad element nor
begin in the middle.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from evalnb.core.records import Ints
from evalnb.errors import Invalid, NotFound

WINDOW_BYTES = 4 << 20
BATCH_BYTES = 16 << 20

_OTHER, _QUOTE, _OPEN, _CLOSE = 0, 1, 2, 3
_KIND = np.zeros(256, np.uint8)
_KIND[ord('"')] = _QUOTE
_KIND[[ord("{"), ord("[")]] = _OPEN
_KIND[[ord("}"), ord("]")]] = _CLOSE


@dataclass(frozen=True, slots=True)
class Array:
    """The spans of an array's elements: bytes ``starts[i]`` up to, not including, ``ends[i]``."""

    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element that is not JSON, or not JSON that can be kept."""

    id: str | None
    """Its id, where that much could be made out."""
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the file as a whole."""

    byte: int
    reason: str


@dataclass(frozen=True, slots=True)
class JsonIndex:
    """Where things stand in one JSON file whose root is an object (or an array, then named "")."""

    path: Path
    digest: str
    """SHA-256 of the file."""
    size_bytes: int
    arrays: dict[str, Array]
    values: dict[str, Any]
    """Every other top-level value, parsed."""
    faults: list[Fault] = field(default_factory=list)
    """Truncation and broken syntax between elements; what stands before and after them is still indexed."""

    def batches(self, name: str, *, first: int = 0, stop: int | None = None, size: int = 5000) -> Iterator[list[Any]]:
        """The elements from place ``first`` up to, not including, ``stop``; batches are bounded in bytes too.

        An element that cannot be parsed stands in its place as an ``Unreadable``.
        """
        array = self.arrays.get(name)
        if array is None:
            return
        with self.path.open("rb") as file:
            place = first
            end = len(array) if stop is None else min(stop, len(array))
            while place < end:
                fits = int(np.searchsorted(array.ends, array.starts[place] + BATCH_BYTES, side="right"))
                last = min(place + size, max(fits, place + 1), end)
                yield _parse(file, array, place, last)
                place = last


def build(path: Path, *, lists: Container[str], advance: Callable[[int], None] = lambda n: None) -> JsonIndex:
    """Index the arrays of the file that ``lists`` names, telling ``advance`` of each window's bytes.

    NotFound if there is no such file; Invalid if it is not JSON with an object or array as its root.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="check the path") from None
    except IsADirectoryError:
        raise Invalid(f"{path} is a directory", remedy="name the JSON file in it") from None
    with file:
        root = _root(file, path)
        scan = _Scan()
        for offset, window in _windows(file, scan.digest):
            scan.take(offset, window)
            advance(len(window))
        return _assemble(file, path, root, scan, lists)


def _root(file: BinaryIO, path: Path) -> bytes:
    head = file.read(4096)
    file.seek(0)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if text[:1] not in (b"{", b"["):
        raise Invalid(f"{path.name} does not begin as JSON does ({head[:20]!r})", remedy="pass a UTF-8 JSON file")
    return text[:1]


def _windows(file: BinaryIO, digest: Any) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while window := file.read(WINDOW_BYTES):
        # A window never ends within an escape: take bytes until one is not a backslash.
        while window.endswith(b"\\") and (more := file.read(1)):
            window += more
        digest.update(window)
        yield offset, window
        offset += len(window)


class _Scan:
    """The state between windows: depth, and whether the last window ended inside a string."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.depth = 0
        self.in_string = False
        self.size = 0
        # Places of brackets by the depth they open or close, for depths 1 to 3; all that an index needs.
        self.opens: dict[int, list[Ints]] = {1: [], 2: [], 3: []}
        self.closes: dict[int, list[Ints]] = {1: [], 2: [], 3: []}

    def take(self, offset: int, window: bytes) -> None:
        """Add one window that begins at byte ``offset`` of the file."""
        kind = _KIND[np.frombuffer(window, np.uint8)]
        at = np.flatnonzero(kind)
        kind = kind[at]
        quote = kind == _QUOTE
        if b"\\" in window:
            quote &= ~np.isin(at, _escaped(window))
        quotes_before = np.cumsum(quote, dtype=np.int64)
        outside = (quotes_before + self.in_string) % 2 == 0
        structural = outside & (kind != _QUOTE)
        at, kind = at[structural], kind[structural]
        after = self.depth + np.cumsum(np.where(kind == _OPEN, 1, -1))
        for depth in (1, 2, 3):
            self.opens[depth].append(at[(kind == _OPEN) & (after == depth)] + offset)
            self.closes[depth].append(at[(kind == _CLOSE) & (after == depth - 1)] + offset)
        if len(after):
            self.depth = int(after[-1])
        if len(quotes_before):
            self.in_string ^= bool(quotes_before[-1] % 2)
        self.size = offset + len(window)

    def spans(self, depth: int) -> tuple[Ints, Ints]:
        """Where brackets of this depth open, and the byte after each closes; the last may be unclosed."""
        return np.concatenate([*self.opens[depth], _NONE]), np.concatenate([*self.closes[depth], _NONE]) + 1


_NONE: Ints = np.empty(0, np.int64)


def _escaped(window: bytes) -> Ints:
    """The places of characters that a backslash escapes: those after a run of an odd number of backslashes."""
    slashes = np.flatnonzero(np.frombuffer(window, np.uint8) == ord("\\"))
    ends = np.flatnonzero(np.diff(slashes, append=slashes[-1] + 2) != 1)
    lengths = np.diff(ends, prepend=-1)
    escaped: Ints = slashes[ends][lengths % 2 == 1] + 1
    return escaped


def _assemble(file: BinaryIO, path: Path, root: bytes, scan: _Scan, lists: Container[str]) -> JsonIndex:
    faults: list[Fault] = []
    arrays: dict[str, Array] = {}
    values: dict[str, Any] = {}
    _, root_ends = scan.spans(1)
    end = int(root_ends[0]) if len(root_ends) else scan.size
    if not len(root_ends):
        faults.append(Fault(scan.size, "the file ends early: it was truncated"))
    elif _read(file, end, scan.size).strip():
        faults.append(Fault(end, "there is more after the JSON value's end"))
    index = JsonIndex(path, scan.digest.hexdigest(), scan.size, arrays, values, faults)
    starts, ends = scan.spans(2)
    if root == b"[":
        arrays[""] = _array(file, starts, ends, (_first(file), end), faults)
        return index
    inner_starts, inner_ends = scan.spans(3)
    before = _first(file)
    for place, start in enumerate(starts.tolist()):
        stop = int(ends[place]) if place < len(ends) else scan.size
        if stop > end:
            break
        name = _name(file, before, start, values, faults)
        if name is not None:
            # A repeated key: the last one counts, as everywhere in Python.
            values.pop(name, None)
            arrays.pop(name, None)
            if name in lists and _read(file, start, start + 1) == b"[":
                low, high = np.searchsorted(inner_starts, [start, stop])
                span = (start + 1, stop)
                arrays[name] = _array(file, inner_starts[low:high], inner_ends[low:high], span, faults)
            elif place < len(ends):
                raw = _read(file, start, stop)
                try:
                    values[name] = orjson.loads(raw)
                except orjson.JSONDecodeError:
                    faults.append(Fault(start, f"{name!r} has {unreadable(raw).reason} and was left out"))
        before = stop
    if len(root_ends) and len(starts) == len(ends):
        _name(file, before, end - 1, values, faults)
    return index


def _first(file: BinaryIO) -> int:
    """The byte after the root's opening bracket."""
    file.seek(0)
    head = file.read(4096)
    return next(i for i, byte in enumerate(head) if byte in b"{[") + 1


def _name(file: BinaryIO, start: int, end: int, values: dict[str, Any], faults: list[Fault]) -> str | None:
    """The key that ends a stretch between two bracketed values; scalars within the stretch go to ``values``."""
    text = _read(file, start, end).strip().removeprefix(b",").strip()
    if not text:
        return None
    closed = not text.endswith(b":")
    try:
        members = orjson.loads(b"{" + text + (b"}" if closed else b"null}"))
    except orjson.JSONDecodeError as error:
        faults.append(Fault(start, f"broken JSON between the top-level values ({error.msg})"))
        found = re.search(rb'"([A-Za-z_]+)"\s*:\Z', text)
        return found.group(1).decode() if found else None
    names = list(members)
    name = None if closed else names.pop()
    values.update({one: members[one] for one in names})
    return name


def _array(file: BinaryIO, starts: Ints, ends: Ints, span: tuple[int, int], faults: list[Fault]) -> Array:
    """The elements within ``span``; what stands between them but commas is a fault."""
    starts = starts[: len(ends)]
    array = Array(starts, ends[: len(starts)])
    if not len(starts):
        inside = _read(file, span[0], min(span[1], span[0] + 200)).strip().rstrip(b"]").strip()
        if inside:
            faults.append(Fault(span[0], f"an array of something else than objects ({inside[:40]!r})"))
        return array
    gaps = starts[1:] - array.ends[:-1]
    # One or two bytes are the usual comma; a batch that does not parse is read one by one anyway.
    odd = np.flatnonzero((gaps != 1) & (gaps != 2))[:1000].tolist()
    between = [(int(array.ends[place]), int(starts[place + 1]), b",") for place in odd]
    between.append((span[0], int(starts[0]), b""))
    if len(array) == len(starts) and _read(file, span[1] - 1, span[1]) == b"]":
        between.append((int(array.ends[-1]), span[1] - 1, b""))
    for start, end, expected in between:
        stray = _read(file, start, end).strip()
        if stray != expected:
            faults.append(Fault(start, f"{stray[:40]!r} between elements"))
    return array


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(end - start, 0))


def _parse(file: BinaryIO, array: Array, first: int, last: int) -> list[Any]:
    start = int(array.starts[first])
    block = _read(file, start, int(array.ends[last - 1]))
    if b"\\u0000" not in block:
        try:
            elements = orjson.loads(b"[" + block + b"]")
        except orjson.JSONDecodeError:
            elements = None
        if elements is not None and len(elements) == last - first:
            return list(elements)
    spans = zip((array.starts[first:last] - start).tolist(), (array.ends[first:last] - start).tolist(), strict=True)
    return [_parse_one(block[low:high]) for low, high in spans]


def _parse_one(raw: bytes) -> Any:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return unreadable(raw)
    # PostgreSQL's text and jsonb cannot hold it.
    return unreadable(raw) if b"\\u0000" in raw and _holds_nul(value) else value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def unreadable(raw: bytes) -> Unreadable:
    """Why this element could not be kept, and its id if that can be made out."""
    found = re.search(rb'"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")', raw)
    known = found.group(1).decode("utf-8", "replace").strip('"') if found else None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Unreadable(known, "bad UTF-8")
    constants: list[str] = []
    try:
        value = json.loads(text, parse_constant=constants.append)
    except (json.JSONDecodeError, RecursionError):
        return Unreadable(known, "broken JSON")
    if constants:
        return Unreadable(known, "NaN or Infinity")
    if _holds_nul(value):
        return Unreadable(known, "text with a NUL character")
    return Unreadable(known, "text that is not Unicode" if "\\u" in text.lower() else "a number too large to read")
