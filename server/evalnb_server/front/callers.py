"""Who asks. The API knows (its sessions and tokens); where there is none, the home's own token is the one way in."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Protocol

from evalnb.errors import Unauthorized, Unavailable
from evalnb_server.front.backends import Backends, Headers, Pool

COOKIE = "evalnb_session"
_FRESH_S = 3.0
"""So long an answer holds: a session that was ended is let in for three seconds more at most."""
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has shown who they are."""

    name: str
    owner: bool = False
    scope: str = "read"
    """How far the proof reaches: a sign-in's is ``admin``, an API token's what it was made for."""
    projects: frozenset[int] = field(default_factory=frozenset)
    """Ids of the projects that they are a member of; an owner reaches all."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request shows: the value of an ``Authorization`` header, or else the session's cookie."""

    authorization: str = ""
    cookie: str = ""

    @property
    def key(self) -> bytes:
        """The proof's digest: secrets are not kept in the cache."""
        return hashlib.sha256(f"{self.authorization}\n{self.cookie}".encode()).digest()


class Callers(Protocol):
    """Something that knows people."""

    has_names: bool
    """Whether people have names and passwords."""

    async def find(self, proof: Proof) -> Caller | None:
        """Whoever ``proof`` belongs to, or None."""

    async def sign_in(self, given: dict[str, str], *, headers: Headers) -> Headers:
        """``Set-Cookie`` headers for {"token": …} or {"name": …, "password": …}. Unauthorized where it is refused."""


class ByToken:
    """Without the API: whoever has the home's token is its owner."""

    has_names = False

    def __init__(self, token: str) -> None:
        self._token = token
        # Not the token itself: a cookie lies in the browser's profile.
        self._cookie = hmac.digest(token.encode(), b"evalnb front session", "sha256").hex()

    async def find(self, proof: Proof) -> Caller | None:
        """The owner, by token or cookie."""
        said = proof.authorization.partition(" ")[2].strip()
        right = hmac.compare_digest(said.encode(), self._token.encode()) or hmac.compare_digest(
            proof.cookie.encode(), self._cookie.encode()
        )
        return Caller("owner", owner=True, scope="admin") if right else None

    async def sign_in(self, given: dict[str, str], *, headers: Headers) -> Headers:
        """A cookie for the token; nobody has a name here."""
        if not hmac.compare_digest(given.get("token", "").encode(), self._token.encode()):
            raise Unauthorized("that token is not valid here", remedy="`evalnb status` prints the address with it")
        return [(b"Set-Cookie", f"{COOKIE}={self._cookie}; Path=/; HttpOnly; SameSite=Lax".encode())]


class ByApi:
    """Asks the API, and remembers what it said for a moment."""

    has_names = True

    def __init__(self, backends: Backends, pool: Pool) -> None:
        self._backends = backends
        self._pool = pool
        self._said: dict[bytes, tuple[float, asyncio.Task[Caller | None]]] = {}

    async def find(self, proof: Proof) -> Caller | None:
        """Whoever the API says. Unavailable where it does not answer."""
        if not (proof.authorization or proof.cookie):
            return None
        now = time.monotonic()
        until, asking = self._said.get(proof.key, (0.0, None))
        if asking is None or now > until or (asking.done() and asking.exception() is not None):
            if len(self._said) >= _REMEMBERED:
                self._said = {key: one for key, one in self._said.items() if one[0] > now}
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            # A page asks for a hundred files at once: one question answers all of them.
            asking = asyncio.create_task(self._ask(proof))
            self._said[proof.key] = (now + _FRESH_S, asking)
        return await asyncio.shield(asking)

    async def _ask(self, proof: Proof) -> Caller | None:
        api = self._backends.named("api")
        if api is None:
            return None
        headers: Headers = []
        if proof.authorization:
            # Jupyter's clients say `token …`.
            headers.append((b"Authorization", f"Bearer {proof.authorization.partition(' ')[2].strip()}".encode()))
        else:
            headers.append((b"Cookie", f"{COOKIE}={proof.cookie}".encode()))
        reply = await self._pool.ask(api, "GET", "/api/session", headers=headers)
        if reply.status != 200:
            return None
        about = json.loads(reply.body)
        return Caller(
            name=about["name"],
            owner=about["owner"],
            scope=about["scope"],
            projects=frozenset(int(one["id"]) for one in about["projects"]),
        )

    async def sign_in(self, given: dict[str, str], *, headers: Headers) -> Headers:
        """The API's cookies. Unauthorized where it refuses, Unavailable where it does not answer."""
        api = self._backends.named("api")
        if api is None:
            raise Unavailable("the API does not run", remedy="see why with `evalnb status`")
        more = [*headers, (b"Content-Type", b"application/json")]
        reply = await self._pool.ask(api, "POST", "/api/session", headers=more, body=json.dumps(given).encode())
        if reply.status >= 500:
            raise Unavailable("the API cannot sign anybody in now", remedy=f"its log says why: {api.log}")
        if reply.status >= 400:
            said = json.loads(reply.body)
            raise Unauthorized(said["detail"], remedy=said["remedy"])
        return [(name, value) for name, value in reply.headers if name.lower() == b"set-cookie"]
