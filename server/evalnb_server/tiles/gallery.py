"""What stands between a request for a tile and the child that cuts it."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from evalnb import accounts, errors, imagery
from evalnb.accounts import Caller, Role
from evalnb.core.children import memory_file
from evalnb.core.images import ImageRecord
from evalnb.errors import Busy, EvalnbError, Invalid
from evalnb.registry import pixels, pyramids
from evalnb.registry.pyramids import Standing
from evalnb.store import Store
from evalnb_server import access

_KNOWN_S = 5.0
"""How long it is taken for true that a signature's owner may still see an image: a view of it asks for dozens of
tiles within a second. Signing out takes effect that much later, for tiles alone."""
_KNOWN = 4096


class Gallery:
    """Tiles and thumbnails of the store's images."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tiler = imagery.Tiler()
        self._known: OrderedDict[tuple[object, ...], tuple[float, tuple[Caller, ImageRecord]]] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the children."""
        self.tiler.close()

    def seen(self, who: Caller, image_id: int, *, role: Role = "viewer") -> ImageRecord:
        """The image, for whoever may see it; NotFound and Forbidden as ``access.image``.

        In a transaction of its own: cutting a tile takes a while, and holds no connection meanwhile.
        """
        with self._store.database.transaction() as session:
            return access.image(session, who, image_id, role=role)

    def seen_by_signature(self, who: Caller, image_id: int) -> tuple[Caller, ImageRecord]:
        """As ``seen``, where the proof that was signed is still good; Unauthorized where it is not. The answer is
        believed for a few seconds."""
        key = (who.user_id, who.via, who.proof_id, image_id)
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] > now:
                return known[1]
        with self._store.database.transaction() as session:
            now_who = accounts.still(session, who)
            found = (now_who, access.image(session, now_who, image_id))
        with self._lock:
            self._known[key] = (now + _KNOWN_S, found)
            self._known.move_to_end(key)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return found

    def tile(self, image: ImageRecord, level: int, x: int, y: int, kind: str, *, author: str) -> bytes:
        """A tile's bytes. Busy while the image's pyramid is being made (its job is asked for here, if need be); the
        job's own failure where it has failed."""
        standing = self.standing(image, author=author)
        name, size = image.file_name, (image.width, image.height)
        if standing.pyramid is not None:
            sha256 = standing.pyramid.sha256
            return self.tiler.tile(
                f"pyramid {sha256}", level, x, y, kind, name=name, size=size, opened=self._blob(sha256), pyramid=True
            )
        refuse_unready(standing, name)
        key = pixels.identity(image)
        return self.tiler.tile(
            key, level, x, y, kind, name=name, size=size, opened=lambda: self.file(image), pyramid=False
        )

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
