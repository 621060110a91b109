"""The images of a slice as the frames of a sequence."""

from __future__ import annotations

import numpy as np

from evalnb.core.records import Ints
from evalnb.errors import NotFound
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import images


class SliceFrames:
    """The slice's images, in their order, as the bytes of their files."""

    def __init__(self, store: Store, ids: Ints) -> None:
        """``ids`` are those of the images, ascending."""
        self._store, self._ids = store, ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, place: int) -> bytes:
        """Errors as ``registry.pixels.read``."""
        with self._store.database.transaction() as session:
            image = images.find(session, int(self._ids[place]))
        if image is None:
            raise NotFound(f"image {self._ids[place]} was deleted", remedy="begin again")
        return pixels.read(self._store, image)

    def place(self, image_id: int) -> int | None:
        """The image's place; None where the slice does not have it."""
        at = int(np.searchsorted(self._ids, image_id))
        return at if at < len(self._ids) and self._ids[at] == image_id else None

    def image_id(self, place: int) -> int:
        """The id of the image at a place."""
        return int(self._ids[place])
