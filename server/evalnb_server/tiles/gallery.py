"""The gallery, for whoever may see its images."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from evalnb import accounts
from evalnb.accounts import Caller, Role
from evalnb.core.images import ImageRecord
from evalnb.registry import gallery
from evalnb.store import Store
from evalnb_server import access

_KNOWN_S = 5.0
"""How long it is taken for true that a signature's owner may still see an image: a view of it asks for dozens of
tiles within a second. Signing out takes effect that much later, for tiles alone."""
_KNOWN = 4096


class Gallery(gallery.Gallery):
    """Tiles and thumbnails of the store's images, and who may see them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._known: OrderedDict[tuple[object, ...], tuple[float, tuple[Caller, ImageRecord]]] = OrderedDict()
        self._lock = threading.Lock()

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
