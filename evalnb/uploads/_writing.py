"""Writing an upload: bytes to the disk, and only then the row that says they are there."""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import os
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID

from evalnb.core.uploads import UploadRecord
from evalnb.errors import ChecksumMismatch, Conflict, EvalnbError, Gone, Invalid, TooLarge, Unavailable
from evalnb.store import Store
from evalnb.store.repositories import uploads as rows
from evalnb.uploads._asking import limits
from evalnb.uploads._ending import living
from evalnb.uploads._parts import let_go, open_part, part_of, take_lock

ALGORITHMS = ("sha1", "sha256", "md5")
"""What a piece's checksum may be."""

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
_COMMIT_BYTES = 8 << 20
_COMMIT_S = 1.0
"""Both bound what a killed server costs: at most so many bytes, and so many seconds of sending."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says the bytes of one piece sum up to."""

    algorithm: str
    digest: bytes

    @classmethod
    def read(cls, header: str) -> Checksum:
        """tus's Upload-Checksum: the algorithm and its digest in base64. Invalid says what is wrong with it."""
        algorithm, _, text = header.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            raise Invalid(
                f"Upload-Checksum asks for {algorithm!r}", remedy=f"use one of {', '.join(ALGORITHMS)}, or none"
            )
        try:
            digest = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise Invalid(f"Upload-Checksum has no {algorithm} digest", remedy="send the digest in base64")
        return cls(algorithm, digest)


class Writer:
    """The one writer of an upload, while it is open and not paused.

    Without a checksum, bytes are synced and committed as they come, so that whatever happens the client goes on from
    nearly where it was. With one, nothing counts until the whole piece has come and its sum is right.
    """

    def __init__(self, store: Store, record: UploadRecord, descriptor: int, checksum: Checksum | None) -> None:
        self._store = store
        self._record = record
        self._descriptor = descriptor
        self._checksum = checksum
        self._sum: Any = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)
        self._lives_s = limits(store.settings).lives_s
        self._at = self.committed = record.committed
        self._committed_at = time.monotonic()
        self.paused = False

    @classmethod
    def open(cls, store: Store, upload_id: UUID, offset: int, *, checksum: Checksum | None = None) -> Writer:
        """Begin to write at ``offset``, which must be where the upload stands.

        Conflict if it stands elsewhere or is whole; Locked if another connection writes to it; Gone if it has
        expired; NotFound if there is none.
        """
        descriptor = open_part(part_of(store.blobs.incoming, upload_id))
        try:
            take_lock(descriptor)
            # Read under the lock: whoever held it before may have moved the offset.
            record = _writable(store, upload_id, offset)
            size = os.fstat(descriptor).st_size
            if size < record.committed:
                raise Gone(
                    f"{record.filename} lost bytes on the server's disk: {size} of {record.committed} are there",
                    remedy="begin a new upload; see whether the disk is well",
                )
            # What a killed server wrote beyond its last commit never counted.
            os.ftruncate(descriptor, record.committed)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(store, record, descriptor, checksum)

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return self._record.length - self._at

    def write(self, piece: bytes) -> None:
        """Append bytes. TooLarge if they go beyond the length; Unavailable if the disk does not take them."""
        if len(piece) > self.left:
            raise TooLarge(
                f"{self._record.filename} was announced with {self._record.length} bytes, and more have come",
                remedy="ask HEAD for the offset and send what is left, or begin a new upload",
            )
        view = memoryview(piece)
        try:
            while view:
                done = os.pwrite(self._descriptor, view, self._at)
                if self._sum is not None:
                    self._sum.update(view[:done])
                self._at += done
                view = view[done:]
        except OSError as error:
            raise self._failed(error) from error
        if self._checksum is None and (
            self._at - self.committed >= _COMMIT_BYTES or time.monotonic() - self._committed_at >= _COMMIT_S
        ):
            self._commit()

    def finish(self) -> None:
        """The piece has come whole: commit it. ChecksumMismatch if its sum is another; then nothing of it is kept."""
        if self._checksum is not None and self._sum.digest() != self._checksum.digest:
            self._at = self.committed
            os.ftruncate(self._descriptor, self.committed)
            raise ChecksumMismatch(
                f"{self._checksum.algorithm} of the piece at {self.committed} of {self._record.filename} is"
                f" {self._sum.hexdigest()}, not {self._checksum.digest.hex()}",
                remedy="send the piece again: it changed on its way",
            )
        self._commit()

    def keep(self) -> None:
        """The piece was cut off: commit what has come, unless only its checksum could tell whether it is right."""
        if self._checksum is None and not self.paused:
            self._commit()

    def pause(self) -> None:
        """Nothing comes: keep what has, and let another connection write if there is one."""
        self.keep()
        let_go(self._descriptor)
        self.paused = True

    def resume(self) -> None:
        """Bytes come again. Locked or Conflict if another connection has gone on meanwhile."""
        take_lock(self._descriptor)
        self.paused = False
        _writable(self._store, self._record.id, self.committed)
        if os.fstat(self._descriptor).st_size != self._at:
            raise _elsewhere(self._record, self.committed)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def _commit(self) -> None:
        if self._at > self.committed:
            try:
                _sync(self._descriptor)
            except OSError as error:
                raise self._failed(error) from error
            with self._store.database.transaction() as session:
                moved = rows.advance(
                    session, self._record.id, seen=self.committed, now=self._at, lives_s=self._lives_s
                )
            if not moved:
                raise _elsewhere(self._record, self.committed)
            self.committed = self._at
        self._committed_at = time.monotonic()

    def _failed(self, error: OSError) -> EvalnbError:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        why = "the server's disk is full" if full else f"the server's disk does not take it ({error.strerror})"
        return Unavailable(
            f"{self._record.filename}: {why}; {self.committed} of {self._record.length} bytes are safe",
            remedy="free some space there, and resume the upload",
        )


def _writable(store: Store, upload_id: UUID, offset: int) -> UploadRecord:
    with store.database.transaction() as session:
        record = living(session, rows.get(session, upload_id))
    if record.state != "receiving":
        raise Conflict(f"{record.filename} is whole; it is {record.state}", remedy="GET says what became of it")
    if record.committed != offset:
        raise _elsewhere(record, offset)
    return record


def _elsewhere(record: UploadRecord, offset: int) -> Conflict:
    return Conflict(
        f"the upload of {record.filename} does not stand at {offset}",
        remedy="ask HEAD for its offset, and go on from there",
    )
