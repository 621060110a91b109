"""What a route may ask for: the store, one transaction, and proof of who calls."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from evalnb.errors import Unauthorized
from evalnb.runs.opened import Opened
from evalnb.store import Store

_bearer = HTTPBearer(auto_error=False, description="The token in EVALNB_HOME/run/api-token.")


def require_token(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> None:
    """Unauthorized unless the request carries the home's token."""
    given = credentials.credentials if credentials is not None else ""
    expected: str = request.app.state.token
    # In constant time, and on bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unauthorized(
            "the request carries no valid token" if given else "the request carries no token",
            remedy="send `Authorization: Bearer …` with the token that `evalnb up` shows (EVALNB_HOME/run/api-token)",
        )


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _session(request: Request) -> Iterator[Session]:
    with _store(request).database.transaction() as session:
        yield session


def _evaluations(request: Request) -> Opened:
    opened: Opened = request.app.state.evaluations
    return opened


OpenEvaluations = Annotated[Opened, Depends(_evaluations)]
"""The evaluations that were looked at last, open. Ask ``access`` first."""

OpenStore = Annotated[Store, Depends(_store)]
"""The store, for verbs that open transactions of their own."""

# scope="function": the commit comes before the answer. FastAPI's default is after it, and a client would be told
# "saved" when the commit can still fail.
OneSession = Annotated[Session, Depends(_session, scope="function")]
"""One transaction for the request: committed before the answer is sent, undone when the route raises."""
