"""An image's pixels, wherever they are kept."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from evalnb import imagery
from evalnb.core.images import ImageRecord
from evalnb.core.ports import Pixels
from evalnb.errors import NotFound, Unavailable
from evalnb.store import Store


def read(store: Store, image: ImageRecord) -> bytes:
    """The file's bytes as they were registered. NotFound if the file was moved; Unavailable if it cannot be read."""
    if image.sha256 is not None:
        return store.blobs.read(image.sha256)
    assert image.uri is not None  # the table's check: one of the two is set
    try:
        if "://" not in image.uri:
            return Path(image.uri).read_bytes()
        with elsewhere(image) as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError as error:
        raise _moved(image) from error
    except OSError as error:
        raise _unreadable(image, error) from error


def header(store: Store, image: ImageRecord) -> imagery.Header:
    """What the file says of itself. Of one that lies elsewhere no more is fetched than that takes. Errors as ``read``
    and ``imagery.probe``."""
    path = local_path(store, image)
    if path is not None:
        return imagery.probe(path, name=image.file_name)
    try:
        with elsewhere(image) as file:
            return imagery.probe(file, name=image.file_name)
    except FileNotFoundError as error:
        raise _moved(image) from error
    except OSError as error:
        raise _unreadable(image, error) from error


def decode(store: Store, image: ImageRecord) -> Pixels:
    """The pixels, (h, w, 3) uint8 RGB, orientation applied."""
    return imagery.decode(read(store, image), name=image.file_name)


def elsewhere(image: ImageRecord) -> AbstractContextManager[IO[bytes]]:
    """The file of an image that lies at an address that fsspec knows, open for reading once it is entered."""
    import fsspec  # a quarter of a second, for what most data sets never need

    opened: AbstractContextManager[IO[bytes]] = fsspec.open(image.uri, "rb")
    return opened


def identity(image: ImageRecord) -> str:
    """What changes whenever the image's bytes may have changed: its blob's name, or its file's time and size.

    NotFound if a file in place has moved; of a file elsewhere (an fsspec URL), its address.
    """
    if image.sha256 is not None:
        return image.sha256
    assert image.uri is not None
    known = image.uri
    if "://" not in image.uri:
        try:
            about = Path(image.uri).stat()
        except OSError as error:
            raise _moved(image) from error
        known = f"{image.uri}\0{about.st_mtime_ns}\0{about.st_size}"
    return hashlib.sha256(known.encode()).hexdigest()


def local_path(store: Store, image: ImageRecord) -> Path | None:
    """A file on this machine with the image's bytes, read only; None where only ``read`` can fetch them.

    NotFound if a file in place has moved.
    """
    if image.sha256 is not None:
        return store.blobs.local_path(image.sha256)
    assert image.uri is not None
    if "://" in image.uri:
        return None
    place = Path(image.uri)
    if not place.is_file():
        raise _moved(image)
    return place


def _unreadable(image: ImageRecord, error: OSError) -> Unavailable:
    return Unavailable(
        f"image {image.id} cannot be read at {image.uri} ({error})", remedy="check the disk and its permissions"
    )


def _moved(image: ImageRecord) -> NotFound:
    return NotFound(
        f"image {image.id} ({image.file_name}) is no longer at {image.uri}",
        remedy="put the file back, or import the dataset again from where it is now",
    )
