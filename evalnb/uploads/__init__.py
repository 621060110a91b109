"""Files on their way in: begun, written piece by piece, sealed into a blob, and taken in by purpose.

    upload = uploads.begin(store, uploads.read_metadata(header), length=n, author="ada")
    with uploads.Writer.open(store, upload.id, upload.committed) as writer:
        writer.write(piece)
    uploads.settle(store, upload.id)       # a blob, and an image, or a job that takes the rest in

The row in PostgreSQL says how many bytes are there; the disk has them before the row says so.
"""

from evalnb.core.uploads import PURPOSES, Purpose, UploadRecord, UploadState
from evalnb.uploads._asking import Asked, begin, limits, read_metadata
from evalnb.uploads._ending import living, refusal_of, sweep, terminate
from evalnb.uploads._settling import settle
from evalnb.uploads._taking import keep_checkpoint, take_checkpoint, take_zip
from evalnb.uploads._writing import ALGORITHMS, Checksum, Writer

__all__ = [
    "ALGORITHMS",
    "PURPOSES",
    "Asked",
    "Checksum",
    "Purpose",
    "UploadRecord",
    "UploadState",
    "Writer",
    "begin",
    "keep_checkpoint",
    "limits",
    "living",
    "read_metadata",
    "refusal_of",
    "settle",
    "sweep",
    "take_checkpoint",
    "take_zip",
    "terminate",
]
