"""Deep Zoom: how an image is cut into tiles."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from evalnb.wire.base import Wire
from evalnb.wire.http.base import Key


class TilesDescription(Wire):
    """What a viewer needs to know to ask for tiles. Level 0 is one pixel, ``last_level`` the whole image."""

    image_id: Key
    width: int
    height: int
    tile_size: int
    """Pixels of a tile, without its overlap."""
    overlap: int
    last_level: int
    state: Literal["ready", "making", "failed", "cancelled"]
    """``making``: the image is large, and a job cuts it; ask again. Tiles are there when it is ``ready``."""
    job_id: UUID | None
    progress: float | None
    """The share that is done, while it is ``making`` and known."""
    reason: str
    """Why it is ``failed``, and what to do."""
    url: str
    """Where a tile is: with {level}, {x}, {y} and {format} (jpg, png or webp) to be filled in. For whoever sends a
    cookie or token along; ``signed`` gives one that an <img> can load."""


class SignedTiles(Wire):
    """Addresses that need no cookie and no token, for one image and until a moment."""

    expires_at: datetime
    query: str
    """To be put behind any tile's address."""
    url: str
    """As ``TilesDescription.url``, with the query."""
    xml: str
    """The Deep Zoom description, for viewers that load one themselves (OpenSeadragon's ``tileSources``)."""
