"""XML of strangers: read as a stream, with nothing in it but elements, attributes and text.

A document type is refused whole, and with it every entity, inner or outer; depth, size and the number of elements are
bounded. What is wanted is handed out element by element, so that a file of gigabytes takes no memory of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from evalnb.errors import Invalid, NotFound, Unsafe

_DEPTH = 32
_ELEMENTS = 1_000_000
"""How many elements one that is handed out may hold."""
_TEXT = 64 << 20
"""How many characters it may hold, in text and in attributes."""
_STEP = 1 << 16


def elements(path: Path, *wanted: str, least_depth: int = 1) -> Iterator[Element]:
    """The elements of these names, at ``least_depth`` (the root's is 1) or deeper, whole and in order.

    One within another that is wanted comes as its part. NotFound, Unsafe (a document type, too deep, too great) or
    Invalid (no XML, cut off) say what is wrong with the file.
    """
    stream = _Stream(path.name, frozenset(wanted), least_depth)
    try:
        with path.open("rb") as file:
            while block := file.read(_STEP):
                stream.feed(block, last=False)
                yield from stream.taken()
        stream.feed(b"", last=True)
        yield from stream.taken()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", remedy="pass the path of the XML file") from None
    except IsADirectoryError:
        raise Invalid(f"{path} is a folder", remedy="pass the path of the XML file") from None


def root_of(path: Path, *, most_bytes: int = 16 << 20) -> Element:
    """The whole of a small file; Unsafe if it is greater than ``most_bytes``."""
    if path.is_file() and path.stat().st_size > most_bytes:
        raise Unsafe(f"{path.name} has {path.stat().st_size:,} bytes", remedy=f"at most {most_bytes:,} are read")
    return next(elements(path, "*"))


class _Stream:
    def __init__(self, name: str, wanted: frozenset[str], least_depth: int) -> None:
        self._name, self._wanted, self._least_depth = name, wanted, least_depth
        self._depth = self._elements = self._text = 0
        self._building: TreeBuilder | None = None
        self._since = 0
        self._done: list[Element] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._no_doctype
        self._parser.EntityDeclHandler = self._no_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def feed(self, block: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as error:
            raise Invalid(f"{self._name} is no whole XML file ({error})", remedy="export or copy it anew") from None
        except (LookupError, UnicodeError, ValueError) as error:
            raise Invalid(f"{self._name} is in an encoding unknown here ({error})", remedy="use UTF-8") from None

    def taken(self) -> Iterator[Element]:
        done, self._done = self._done, []
        yield from done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise Unsafe(f"{self._name} is nested deeper than {_DEPTH} elements", remedy="it is no annotation file")
        wanted = tag in self._wanted or "*" in self._wanted
        if self._building is None and wanted and self._depth >= self._least_depth:
            self._building, self._since = TreeBuilder(), self._depth
            self._elements = self._text = 0
        if self._building is not None:
            self._elements += 1
            self._counted(sum(map(len, attributes)) + sum(map(len, attributes.values())))
            self._building.start(tag, attributes)

    def _end(self, tag: str) -> None:
        if self._building is not None:
            self._building.end(tag)
            if self._depth == self._since:
                self._done.append(self._building.close())
                self._building = None
        self._depth -= 1

    def _data(self, text: str) -> None:
        if self._building is not None:
            self._counted(len(text))
            self._building.data(text)

    def _counted(self, characters: int) -> None:
        self._text += characters
        if self._elements > _ELEMENTS or self._text > _TEXT:
            raise Unsafe(
                f"{self._name} has one element of more than {_ELEMENTS:,} elements or {_TEXT:,} characters",
                remedy="split it",
            )

    def _no_doctype(self, *_: object) -> NoReturn:
        raise Unsafe(
            f"{self._name} declares a document type", remedy="annotation files have none: remove the <!DOCTYPE …>"
        )
