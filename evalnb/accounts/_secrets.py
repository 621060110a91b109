"""Secrets: 256 random bits, of which the database keeps the SHA-256."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "evnb_"
"""How an API token begins, so that a scanner finds one that was left in a file."""

_BYTES = 32


def new_secret() -> str:
    """A new one, in letters that cookies and headers carry."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of it. A fast hash does: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).digest()
