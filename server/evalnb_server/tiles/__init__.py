"""Tiles and thumbnails of images, and the signed addresses that an <img> may load them by."""

from evalnb_server.tiles.gallery import Gallery
from evalnb_server.tiles.signing import Signer

__all__ = ["Gallery", "Signer"]
