"""The store's images as they are looked at: whole, small, or in tiles, made by children; see ``evalnb.imagery``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from evalnb import errors, imagery
from evalnb.core.children import memory_file
from evalnb.core.images import ImageRecord
from evalnb.errors import Busy, EvalnbError, Invalid
from evalnb.registry import pixels, pyramids
from evalnb.registry.pyramids import Standing
from evalnb.store import Store


@dataclass(frozen=True, slots=True)
class Tiled:
    """An image that is shown in tiles."""

    standing: Standing
    depth: imagery.Depth | None
    """What it holds that is more than a screen shows; None for the rest, and before its tiles are ready."""


@dataclass(frozen=True, slots=True)
class _Source:
    key: str
    opened: Callable[[], AbstractContextManager[int]]
    pyramid: bool


class Gallery:
    """Tiles and thumbnails of the store's images."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tiler = imagery.Tiler()

    def close(self) -> None:
        """End the children."""
        self.tiler.close()

    def tile(self, image: ImageRecord, level: int, x: int, y: int, kind: str, *, author: str) -> bytes:
        """A tile's bytes. Busy while the image's pyramid is being made (its job is asked for here, if need be); the
        job's own failure where it has failed."""
        source = self._source(image, self.standing(image, author=author))
        return self.tiler.tile(
            source.key, level, x, y, kind, name=image.file_name, size=(image.width, image.height),
            opened=source.opened, pyramid=source.pyramid,
        )  # fmt: skip

    def tiled(self, image: ImageRecord, *, author: str, again: bool = False) -> Tiled | None:
        """How the image is shown in tiles; None where it is shown whole: up to 24 megapixels of what a screen shows.

        A pyramid that is missing is asked for; one that failed only ``again``. NotFound, Unsafe and Invalid as
        decoding. Without libvips every image is shown whole.
        """
        if not imagery.pyramids_can_be_made():
            return None
        large = image.width * image.height > imagery.PYRAMID_PIXELS
        if not large and not self._deep(image):
            return None
        standing = self.standing(image, author=author, again=again)
        if not standing.ready:
            return Tiled(standing, None)
        source = self._source(image, standing)
        depth = self.tiler.depth(source.key, name=image.file_name, opened=source.opened, pyramid=source.pyramid)
        return Tiled(standing, depth)

    def values(
        self, image: ImageRecord, level: int, x: int, y: int, bands: Sequence[int], *, author: str
    ) -> imagery.Values:
        """Some bands of a tile of an image that is deep. Errors as ``tile``."""
        source = self._source(image, self.standing(image, author=author))
        return self.tiler.values(
            source.key, level, x, y, bands, name=image.file_name, size=(image.width, image.height),
            opened=source.opened, pyramid=source.pyramid,
        )  # fmt: skip

    def thumbnail(self, image: ImageRecord, side_px: int) -> bytes:
        """A JPEG of the image, its longer side at most ``side_px``; from its pyramid, where it has one."""
        with self._store.database.transaction() as session:
            standing = pyramids.standing(session, image)
        if standing.pyramid is not None:
            with self._blob(standing.pyramid.sha256)() as file:
                return self.tiler.thumbnail(file, side_px, name=image.file_name, pyramid=True)
        with self.file(image) as file:
            return self.tiler.thumbnail(file, side_px, name=image.file_name, pyramid=False)

    def painted(self, image: ImageRecord) -> tuple[bytes, str]:
        """The image's bytes and MIME type for a browser; what must be decoded for it is decoded by a child."""
        data = pixels.read(self._store, image)
        mime = imagery.browser_mime(data, name=image.file_name)
        if mime is not None:
            return data, mime
        with self.file(image) as file:
            return self.tiler.painted(file, name=image.file_name)

    def standing(self, image: ImageRecord, *, author: str, again: bool = False) -> Standing:
        """How it stands with the image's tiles; a pyramid that is missing is asked for."""
        if image.width * image.height <= imagery.PYRAMID_PIXELS:
            return Standing(needed=False, pyramid=None, job=None)
        return pyramids.ask(self._store, image, author=author, again=again)

    @contextmanager
    def file(self, image: ImageRecord) -> Iterator[int]:
        """The image's file, open; one that lies elsewhere is read into memory first. NotFound if it has moved."""
        path = pixels.local_path(self._store, image)
        if path is not None:
            with path.open("rb") as file:
                yield file.fileno()
            return
        place = memory_file("evalnb-image")
        try:
            with os.fdopen(os.dup(place), "wb") as file:
                file.write(pixels.read(self._store, image))
            yield place
        finally:
            os.close(place)

    def _deep(self, image: ImageRecord) -> bool:
        path = pixels.local_path(self._store, image)
        return imagery.probe(path or pixels.read(self._store, image), name=image.file_name).deep

    def _source(self, image: ImageRecord, standing: Standing) -> _Source:
        """What the image's tiles are cut from. Busy and the like while that is not there."""
        if standing.pyramid is not None:
            sha256 = standing.pyramid.sha256
            return _Source(f"pyramid {sha256}", self._blob(sha256), True)
        refuse_unready(standing, image.file_name)
        return _Source(pixels.identity(image), lambda: self.file(image), False)

    def _blob(self, sha256: str) -> Callable[[], AbstractContextManager[int]]:
        @contextmanager
        def opened() -> Iterator[int]:
            with self._store.blobs.local_path(sha256).open("rb") as file:
                yield file.fileno()

        return opened


def refuse_unready(standing: Standing, name: str) -> None:
    """Busy while the pyramid is on its way; its job's failure where that has failed; nothing when tiles are there."""
    if standing.ready:
        return
    if standing.building is not None and standing.building.failure is not None:
        raise standing.building.failure
    job = standing.job
    if job is not None and job.failure is not None:
        found: object = getattr(errors, job.failure.kind, None)
        kind = found if isinstance(found, type) and issubclass(found, EvalnbError) else Invalid
        raise kind(
            f"{name} has no tiles: {job.failure.happened}",
            remedy=f"{job.failure.remedy}; then POST /api/images/{{id}}/pyramid asks for them again",
        )
    if job is not None and job.state == "cancelled":
        raise Busy(
            f"{name} has no tiles: making them was cancelled",
            remedy="POST /api/images/{id}/pyramid asks for them again",
            retry_after_s=60,
        )
    raise Busy(f"the tiles of {name} are being made", remedy="ask again in a few seconds", retry_after_s=2)
