"""Addresses that prove by themselves who may load what: an <img> sends no header.

A signature is for the tiles of one image, for one sign-in (or token), until a moment. It is no password: whoever it
was given to must still be signed in, and still be a member, when it is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlencode

from evalnb.accounts import Caller
from evalnb.errors import Unauthorized, Unavailable

LIFETIME_S = 3600
"""How long a signature holds. A page that stays open longer asks for another."""
_BY = re.compile(r"([0-9]{1,18})-(home|session|token)-([0-9]{1,18})")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into an address."""

    expires: int
    """Seconds since 1970."""
    by: str
    """Whose it is: account, kind of proof, and the proof's id."""
    signature: str

    def query(self) -> str:
        """As a query string."""
        return urlencode({"expires": self.expires, "by": self.by, "signature": self.signature})


class Signer:
    """Signs and checks with the key of one home (``run/signing-key``, mode 0600), made on first use."""

    def __init__(self, run: Path) -> None:
        self._key = _key(run / "signing-key")

    def sign(self, who: Caller, image_id: int, *, lifetime_s: int = LIFETIME_S) -> Signature:
        """A signature for the tiles of an image, in the caller's name."""
        # To the next minute: a page that asks again gets the same addresses, and its browser's cache knows them.
        expires = (int(time.time()) + lifetime_s) // 60 * 60 + 60
        by = f"{who.user_id}-{who.via}-{who.proof_id or 0}"
        return Signature(expires, by, self._sum(image_id, expires, by))

    def caller(self, given: Signature, image_id: int) -> Caller:
        """Who signed, able to look and no more. Unauthorized for one that is wrong, of another image, or past.

        Whether that caller is still signed in, and may see the image, is the next question, and not asked here.
        """
        expected = self._sum(image_id, given.expires, given.by)
        found = _BY.fullmatch(given.by)
        if found is None or not hmac.compare_digest(expected.encode(), given.signature.encode()):
            raise Unauthorized("the address's signature is not valid", remedy="ask /api/images/{id}/signed for one")
        if given.expires < time.time():
            raise Unauthorized("the address has expired", remedy="ask /api/images/{id}/signed for a new one")
        user, via, proof = found.groups()
        return Caller(
            user_id=int(user),
            name="",
            owner=False,
            scope="read",
            via=cast("Literal['home', 'session', 'token']", via),
            proof_id=int(proof) or None,
        )

    def _sum(self, image_id: int, expires: int, by: str) -> str:
        said = f"evalnb tiles\n{image_id}\n{expires}\n{by}".encode()
        return base64.urlsafe_b64encode(hmac.new(self._key, said, hashlib.sha256).digest()).decode().rstrip("=")


def _key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Whoever makes it writes it in one call; a shorter file is one that is being made.
        for _ in range(100):
            key = path.read_bytes()
            if len(key) == _KEY_BYTES:
                return key
            time.sleep(0.01)
        raise Unavailable(f"{path} is no key", remedy="delete that file; the next start makes a new one") from None
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written ({error.strerror})", remedy="set EVALNB_HOME to a directory of your own"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(_KEY_BYTES)
        file.write(key)
    return key
