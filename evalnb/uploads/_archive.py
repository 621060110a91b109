"""Zip files from strangers: looked through before anything is unpacked, and unpacked within what was looked through.

The central directory is walked by hand first, since ``zipfile`` makes an object of every entry before it can be asked
how many there are.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evalnb.core.progress import Progress
from evalnb.errors import EvalnbError, Invalid, Unavailable, Unsafe

MOST_ENTRIES = 200_000
"""COCO's largest part has 123,287 images."""
_DIRECTORY_BYTES = 64 << 20
_ENTRY_BYTES = 16 << 20
"""Smaller entries may be as compressible as they like."""
_ENTRY_RATIO = 250
_TOTAL_BYTES = 256 << 20
_TOTAL_RATIO = 100
"""Annotations shrink thirtyfold, photographs not at all."""
_TEXT_BYTES = 64 << 20
"""The largest label file or data.yaml, which are read whole."""
_SPARE_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20
_DEEPEST = 32

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
TEXTS = {".txt", ".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    name: str
    """Its path with forward slashes, relative, without dots, in Unicode's composed form."""
    info: zipfile.ZipInfo


class Archive:
    """A zip that was looked through: every entry is a plain file with a harmless name and a believable size."""

    def __init__(self, zip_: zipfile.ZipFile, entries: list[Entry], name: str) -> None:
        self._zip = zip_
        self.entries = entries
        self.name = name

    def unpack(self, into: Path, wanted: Callable[[str], bool], *, progress: Progress) -> tuple[list[str], list[str]]:
        """Write the wanted entries under ``into``; (their names, the names of the others), both sorted.

        What was unpacked before is left as it is: a file has its name only once it is whole. Invalid if an entry is
        damaged; Unavailable if the disk has no room.
        """
        chosen = sorted((one for one in self.entries if wanted(one.name)), key=lambda one: one.name)
        missing = [one for one in chosen if not (into / one.name).is_file()]
        total = sum(one.info.file_size for one in missing)
        into.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(into).free
        if total > free - _SPARE_BYTES:
            raise Unavailable(
                f"{self.name} unpacks to {total / 1e9:.1f} GB, and the worker's disk has {free / 1e9:.1f} GB free",
                remedy="free some space there, and upload it again",
            )
        progress.start(total, unit="B", what=f"unpacking {self.name}")
        for one in missing:
            self._unpack(one, into, progress)
        names = [one.name for one in chosen]
        return names, sorted({one.name for one in self.entries} - set(names))

    def _unpack(self, entry: Entry, into: Path, progress: Progress) -> None:
        target = into / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = into / ".unpacking"
        left = entry.info.file_size
        with draft.open("wb") as file:
            try:
                with self._zip.open(entry.info) as source:
                    # One byte more than announced is asked for, to notice an entry that holds more.
                    while piece := source.read(min(_CHUNK_BYTES, left + 1)):
                        left -= len(piece)
                        if left < 0:
                            raise Unsafe(f"{entry.name} in {self.name} unpacks to more than it says", remedy=_AGAIN)
                        file.write(piece)
                        progress.advance(len(piece))
            except (EvalnbError, OSError):
                raise
            except Exception as error:
                raise Invalid(f"{entry.name} in {self.name} is damaged ({error})", remedy=_AGAIN) from error
            if left:
                raise Invalid(f"{entry.name} in {self.name} is cut off", remedy=_AGAIN)
        draft.replace(target)


_AGAIN = "make the zip again from its folder, with deflate or without compression"


@contextmanager
def opened(path: Path, *, name: str) -> Iterator[Archive]:
    """Look through a zip; errors call it ``name``. Unsafe or Invalid name the entry at fault and what to do."""
    with path.open("rb") as file:
        _count(file, name)
        try:
            zip_ = zipfile.ZipFile(file)
        except Exception as error:
            raise _broken(name, str(error)) from error
        with zip_:
            yield Archive(zip_, _look_through(zip_, path.stat().st_size, name), name)


def _broken(name: str, why: str) -> Invalid:
    return Invalid(f"{name} is no zip file, or a damaged one ({why})", remedy=_AGAIN)


def _count(file: BinaryIO, name: str) -> None:
    """Walk the central directory; refuse what ``zipfile`` would read otherwise than this, or not survive."""
    if file.read(4) not in {b"PK\3\4", _END}:
        raise _broken(name, "it does not begin as one")
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - 65_557)  # the end record, and the longest comment
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise _broken(name, "its end is missing")
    _, _, _, entries, length, offset, comment = struct.unpack_from("<4xHHHHIIH", tail, at)[:7]
    if at + 22 + comment != len(tail):
        raise _broken(name, "something follows its end")
    end = start + at
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR64:
        end -= 76
        file.seek(max(0, end))
        record = file.read(56)
        if len(record) < 56 or not record.startswith(_END64):
            raise _broken(name, "its 64-bit end is not where it should be")
        entries, length, offset = struct.unpack_from("<QQQ", record, 32)
    if offset + length != end:
        raise _broken(name, "something stands before it, or between its parts")
    if entries > MOST_ENTRIES or length > _DIRECTORY_BYTES:
        raise _too_many(name)
    file.seek(offset)
    directory = file.read(length)
    place = found = 0
    while place < length:
        if directory[place : place + 4] != b"PK\1\2" or place + 46 > length:
            raise _broken(name, "its directory is unreadable")
        place += 46 + sum(struct.unpack_from("<HHH", directory, place + 28))
        found += 1
        if found > MOST_ENTRIES:
            raise _too_many(name)
    if found != entries:
        raise _broken(name, f"it says {entries} entries and has {found}")
    file.seek(0)


def _too_many(name: str) -> Unsafe:
    return Unsafe(f"{name} has more than {MOST_ENTRIES:,} entries", remedy="split it into several zips")


def _look_through(zip_: zipfile.ZipFile, size: int, name: str) -> list[Entry]:
    entries: list[Entry] = []
    files: set[str] = set()
    folders: set[str] = set()
    total = 0
    last_end, last_name = 0, ""
    for info in sorted(zip_.infolist(), key=lambda one: one.header_offset):
        # Entries that share bytes are how 46 KB become 4.5 PB.
        if info.header_offset < last_end:
            raise Unsafe(f"{name}: {_name(info)!r} overlaps {last_name!r}", remedy=_AGAIN)
        # At the least: names have a byte for each character or more, and extra fields come on top.
        last_end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
        last_name = _name(info)
        path = _safe_path(info, name)
        mode = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
        if mode not in {0, stat.S_IFREG, stat.S_IFDIR}:
            kind = "a symbolic link" if mode == stat.S_IFLNK else "no plain file"
            raise Unsafe(f"{name}: {path!r} is {kind}", remedy="zip the files themselves, not links to them")
        if info.is_dir() or mode == stat.S_IFDIR:
            folders.add(path)
            continue
        _believable(info, path, name)
        total += info.file_size
        if path in files:
            raise Unsafe(f"{name} has two files called {path!r}", remedy=_AGAIN)
        files.add(path)
        if not _JUNK & set(path.split("/")):
            entries.append(Entry(path, info))
    if last_end > zip_.start_dir:
        raise Unsafe(f"{name}: {last_name!r} reaches into the zip's directory", remedy=_AGAIN)
    for path in files:
        folders.update(path[:at] for at, one in enumerate(path) if one == "/")
    if both := sorted(files & folders):
        raise Unsafe(f"{name} has {both[0]!r} both as a file and as a folder", remedy=_AGAIN)
    if total > _TOTAL_BYTES and total > _TOTAL_RATIO * size:
        raise Unsafe(
            f"{name} has {size / 1e6:.1f} MB and unpacks to {total / 1e9:.1f} GB",
            remedy="a zip that shrinks so much is taken for a trap; upload it in parts, without compression",
        )
    return entries


def _believable(info: zipfile.ZipInfo, path: str, name: str) -> None:
    if info.flag_bits & 0x1:
        raise Unsafe(f"{name}: {path!r} is encrypted", remedy="make the zip without a password")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Unsafe(f"{name}: {path!r} is compressed by method {info.compress_type}", remedy=_AGAIN)
    if info.file_size > _ENTRY_BYTES and info.file_size > _ENTRY_RATIO * info.compress_size:
        raise Unsafe(
            f"{name}: {path!r} unpacks from {info.compress_size / 1e6:.1f} MB to {info.file_size / 1e6:.0f} MB",
            remedy="a file that shrinks so much is taken for a trap; zip it without compression",
        )
    if Path(path).suffix.lower() in TEXTS and info.file_size > _TEXT_BYTES:
        raise Unsafe(
            f"{name}: {path!r} is a text of {info.file_size / 1e6:.0f} MB", remedy="split it or leave it out"
        )


def _name(info: zipfile.ZipInfo) -> str:
    """The entry's name: UTF-8 if a flag says so, or if it can be; else in the DOS code page that zip began with."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _safe_path(info: zipfile.ZipInfo, name: str) -> str:
    given = _name(info)
    # Windows' own zips once used backslashes.
    path = unicodedata.normalize("NFC", given.replace("\\", "/"))
    parts = [one for one in path.split("/") if one not in {"", "."}]
    drive = len(path) > 1 and path[1] == ":" and path[0].isalpha()
    if path.startswith("/") or drive or ".." in parts or not parts:
        raise Unsafe(f"{name}: {given!r} leads out of the zip", remedy="zip the folder by relative names")
    odd = any(unicodedata.category(one) in {"Cc", "Cs"} for one in path)
    # A disk takes 255 bytes for each name.
    sizes = [len(one.encode("utf-8", "replace")) for one in parts]
    if odd or sum(sizes) > 1000 or len(parts) > _DEEPEST or max(sizes) > 255:
        raise Unsafe(f"{name}: {given[:80]!r} is no usable name", remedy="rename it, and make the zip again")
    return "/".join(parts)
