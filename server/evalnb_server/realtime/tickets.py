"""One-time tickets: a socket's first message proves with one who opens it.

A browser cannot give a WebSocket a header, and a cookie alone would let any page open one. So a page asks for a
ticket by a request that is guarded like every other, and shows it within seconds. The broker keeps a digest of it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict

import orjson
import redis

from evalnb import accounts
from evalnb.accounts import Caller
from evalnb.errors import Unauthorized, Unavailable
from evalnb.store import Store, broker
from evalnb.store.hints import PATIENCE_S
from evalnb.wire.live import Ticket

EXPIRES_S = 30


class Tickets:
    """Issues tickets and takes them. Both raise Unavailable while the broker is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = broker.connect(store.broker_url, patience_s=PATIENCE_S)

    def issue(self, who: Caller) -> Ticket:
        """A ticket for the caller."""
        ticket = secrets.token_urlsafe(32)
        try:
            self._client.set(self._key(ticket), orjson.dumps(asdict(who)), ex=EXPIRES_S)
        except redis.RedisError as error:
            raise _away(error) from error
        return Ticket(ticket=ticket, expires_s=EXPIRES_S)

    def redeem(self, ticket: str) -> Caller:
        """Whose ticket it is; nobody can use it again. Unauthorized unless it is a fresh one of a valid sign-in."""
        try:
            kept = self._client.getdel(self._key(ticket))
        except redis.RedisError as error:
            raise _away(error) from error
        if kept is None:
            raise Unauthorized(
                "the ticket is unknown, used or expired", remedy="ask for a new one with POST /api/live/ticket"
            )
        with self._store.database.transaction() as session:
            return accounts.still(session, Caller(**orjson.loads(kept)))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _key(self, ticket: str) -> str:
        digest = hashlib.sha256(ticket.encode()).hexdigest()
        return f"evalnb:{self._store.hints.scope()}:ticket:{digest}"


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        f"the broker does not answer ({error})",
        remedy="try again; `evalnb doctor` says more. Notebooks edit without it",
    )
