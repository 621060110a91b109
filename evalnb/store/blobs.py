"""Bytes by their SHA-256: images, weights, match tables, bundles. Written once, never changed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from evalnb.errors import Invalid, NotFound, Unavailable

_CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """Content-addressed storage: a directory, or any fsspec URL with a local cache beside it.

    Two-level fan-out (``ab/cd/abcd…``). A blob appears whole or not at all: it is written under another name, synced
    to disk, and renamed. Two writers of one blob write the same bytes, so either may win.
    """

    def __init__(self, place: Path | str, *, cache: Path) -> None:
        self._remote: Any = None
        if isinstance(place, Path) or "://" not in place:
            self._root = Path(place)
        elif place.startswith("file://"):
            self._root = Path(place.removeprefix("file://"))
        else:
            self._remote, self._base = _open_filesystem(place)
            self._root = cache
        self.url = str(place)

    def put_bytes(self, content: bytes) -> str:
        """Keep ``content``; its SHA-256 as 64 hex digits, which is its name from now on."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.exists(sha256):
            with self._new(sha256) as file:
                file.write(content)
            self._send(sha256)
        return sha256

    def put_file(self, path: Path) -> str:
        """Keep a copy of the file; its SHA-256. Memory use does not grow with the file."""
        try:
            source = path.open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"{path} does not exist", remedy="give the path of a file") from error
        except OSError as error:
            raise Invalid(
                f"{path} cannot be read ({error.strerror})", remedy="give a file that you may read"
            ) from error
        with source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            if not self.exists(sha256):
                source.seek(0)
                digest = hashlib.sha256()
                with self._new(sha256, check=digest) as file:
                    while chunk := source.read(_CHUNK_BYTES):
                        digest.update(chunk)
                        file.write(chunk)
                self._send(sha256)
        return sha256

    @property
    def incoming(self) -> Path:
        """A folder for files on their way in, on the same file system as the blobs, so that ``adopt`` can rename."""
        folder = self._root / "incoming"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def adopt(self, path: Path, sha256: str) -> None:
        """Make a file of ``incoming``, synced and hashed by the caller, the blob of that name.

        Moved, not copied. Repeated after a crash on the way, it finishes the job: a file that is gone is well if the
        blob is here. NotFound if neither is.
        """
        target = self._path(sha256)
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if target.is_file():
                path.unlink(missing_ok=True)
            elif path.exists():
                path.replace(target)
                _sync_directory(target.parent)
        except OSError as error:
            raise Unavailable(
                f"blob {sha256[:12]} cannot be moved to {self._root} ({error.strerror}, {_free(self._root)})",
                remedy="see that evalnb may write there, and ask again",
            ) from error
        if self._remote is not None and not self.exists(sha256):
            self.local_path(sha256)
            self._send(sha256)
        elif self._remote is None and not target.is_file():
            raise NotFound(
                f"{path.name} and blob {sha256[:12]} are both gone from {self._root}", remedy="upload the file again"
            )

    def exists(self, sha256: str) -> bool:
        """Whether the blob is kept here."""
        if self._remote is not None:
            return bool(self._remote.exists(self._remote_path(sha256)))
        return self._path(sha256).is_file()

    def read(self, sha256: str) -> bytes:
        """The bytes, checked against their name. Invalid where they were damaged, NotFound where they are not."""
        path = self.local_path(sha256)
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != sha256 and self._remote is not None:
            path.unlink()  # only the copy beside us is damaged, as far as we know
            content = self.local_path(sha256).read_bytes()
            found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise Invalid(
                f"blob {sha256[:12]} is damaged: its bytes have SHA-256 {found[:12]} ({self._path(sha256)})",
                remedy="restore that file from a backup, or remove it and import its source again",
            )
        return content

    def local_path(self, sha256: str) -> Path:
        """A file on this machine with the blob's bytes (a cached copy where the store is remote); read only."""
        path = self._path(sha256)
        if path.is_file():
            return path
        if self._remote is None or not self.exists(sha256):
            raise NotFound(
                f"blob {sha256[:12]} is not in {self.url}",
                remedy="restore it from a backup, or import its source again",
            )
        digest = hashlib.sha256()
        with self._remote.open(self._remote_path(sha256), "rb") as source, self._new(sha256, check=digest) as file:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return path

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise Invalid(f"{sha256!r} is not a SHA-256", remedy="use what put_bytes or put_file returned")
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _remote_path(self, sha256: str) -> str:
        return f"{self._base}/{self._path(sha256).relative_to(self._root).as_posix()}"

    @contextmanager
    def _new(self, sha256: str, *, check: Any = None) -> Iterator[BinaryIO]:
        """A file that becomes the blob when the block ends well, and vanishes when it does not."""
        path = self._path(sha256)
        temporary = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if check is not None and check.hexdigest() != sha256:
                raise Invalid(
                    f"the bytes of {sha256[:12]} changed while they were read",
                    remedy="wait until nobody writes to the source, and try again",
                )
            Path(temporary).replace(path)
            _sync_directory(path.parent)
        except OSError as error:
            raise Unavailable(
                f"blob {sha256[:12]} cannot be written to {self._root} ({error.strerror}, {_free(self._root)})",
                remedy="free some space there, or set EVALNB_BLOBS_URL to another place",
            ) from error
        finally:
            if temporary:
                Path(temporary).unlink(missing_ok=True)

    def _send(self, sha256: str) -> None:
        if self._remote is None:
            return
        target = self._remote_path(sha256)
        self._remote.makedirs(target.rpartition("/")[0], exist_ok=True)
        part = f"{target}.{uuid.uuid4().hex}.new"
        try:
            self._remote.put_file(str(self._path(sha256)), part)
            self._remote.mv(part, target)
        except OSError as error:
            raise Unavailable(
                f"blob {sha256[:12]} cannot be written to {self.url} ({error})",
                remedy="see that the place can be reached and written to, and try again",
            ) from error


def _open_filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        filesystem, base = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise Invalid(
            f"{url!r} is not a place for blobs ({error})",
            remedy="write a directory, or an fsspec URL such as s3://bucket/prefix with its package installed",
        ) from error
    return filesystem, base.rstrip("/")


def _sync_directory(folder: Path) -> None:
    # Without this the rename itself may be lost in a power cut.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(folder: Path) -> str:
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB free"
