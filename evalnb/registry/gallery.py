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


class Cutter:
    """Cuts one image's tiles, from the file that holds them now."""

    def __init__(
        self,
        tiler: imagery.Tiler,
        image: ImageRecord,
        *,
        key: str,
        opened: Callable[[], AbstractContextManager[int]],
        pyramid: bool,
    ) -> None:
        self._tiler = tiler
        self._key = key
        self._name = image.file_name
        self._size = (image.width, image.height)
        self._opened = opened
        self._pyramid = pyramid

    def tile(self, level: int, x: int, y: int, kind: str) -> bytes:
        """As ``Tiler.tile``."""
        return self._tiler.tile(
            self._key, level, x, y, kind, name=self._name, size=self._size, opened=self._opened, pyramid=self._pyramid
        )

    def values(self, level: int, x: int, y: int, bands: Sequence[int]) -> imagery.Values:
        """As ``Tiler.values``."""
        return self._tiler.values(
            self._key, level, x, y, bands, name=self._name, size=self._size, opened=self._opened,
            pyramid=self._pyramid,
        )  # fmt: skip

    def depth(self) -> imagery.Depth | None:
        """As ``Tiler.depth``."""
        return self._tiler.depth(self._key, name=self._name, opened=self._opened, pyramid=self._pyramid)


class Gallery:
    """Tiles and thumbnails of the store's images."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tiler = imagery.Tiler()

    def close(self) -> None:
        """End the children."""
        self.tiler.close()

    def tile(self, image: ImageRecord, level: int, x: int, y: int, kind: str, *, author: str) -> bytes:
        """A tile's bytes. Errors as ``cutter``."""
        return self.cutter(image, author=author).tile(level, x, y, kind)

    def cutter(self, image: ImageRecord, *, author: str) -> Cutter:
        """What cuts the image's tiles. Busy while its pyramid is being made (it is asked for here, if need be); the
        failure itself where that has failed."""
        return self._cutter(image, self.standing(image, author=author))

    def tiled(self, image: ImageRecord, *, author: str, again: bool = False) -> Tiled | None:
        """How the image is shown in tiles; None where it is shown whole: up to 24 megapixels of what a screen shows.

        A pyramid that is missing is asked for; one that failed only ``again``. NotFound, Unsafe and Invalid as
        decoding. Without libvips every image is shown whole.
        """
        if not imagery.pyramids_can_be_made():
            return None
        large = image.width * image.height > imagery.PYRAMID_PIXELS
        if not large and not pixels.header(self._store, image).deep:
            return None
        standing = self.standing(image, author=author, again=again)
        if not standing.ready:
            return Tiled(standing, None)
        return Tiled(standing, self._cutter(image, standing).depth())

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

    def _cutter(self, image: ImageRecord, standing: Standing) -> Cutter:
        if standing.pyramid is not None:
            sha256 = standing.pyramid.sha256
            return Cutter(self.tiler, image, key=f"pyramid {sha256}", opened=self._blob(sha256), pyramid=True)
        refuse_unready(standing, image.file_name)
        key = pixels.identity(image)
        return Cutter(self.tiler, image, key=key, opened=lambda: self.file(image), pyramid=False)

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
