"""What a route may ask for: the store, one transaction, and who calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from evalnb.accounts import Caller
from evalnb.errors import Forbidden
from evalnb.runs.opened import Opened
from evalnb.store import Store
from evalnb_server import identity

bearer_security = HTTPBearer(
    auto_error=False,
    description="An API token (`evnb_…`, from `POST /api/tokens`), or the home's own in EVALNB_HOME/run/api-token.",
)
cookie_security = APIKeyCookie(
    name=identity.COOKIE,
    auto_error=False,
    description=f"From `POST /api/session`. Unsafe methods need the header {identity.CSRF_HEADER} as well, with the "
    "`csrf` that `GET /api/session` answers.",
)


def signed_in(
    request: Request,
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_security)],
    _session: Annotated[str | None, Security(cookie_security)],
) -> Caller:
    """Who calls; what guards every route but the public ones, whatever they ask for themselves."""
    # The two securities are for the description; identity reads the request itself, as it does a WebSocket's.
    who = identity.caller(request)
    identity.refuse_forgery(request, who, request.method)
    return who


def _writer(request: Request, who: Annotated[Caller, Depends(signed_in)]) -> Caller:
    if request.method not in identity.SAFE and not who.may("write"):
        raise Forbidden("the token is for reading", remedy="use a token of the scope write, or sign in")
    return who


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
Who = Annotated[Caller, Depends(_writer)]
"""Who calls. Unauthorized (401) without a valid proof; Forbidden (403) for an unsafe method by a token for reading,
or by a cookie without its X-Evalnb-Csrf. What the caller may see is said by ``evalnb_server.access``."""

Reader = Annotated[Caller, Depends(signed_in)]
"""As ``Who``, for an unsafe method that changes nothing, which a token for reading may call."""

OpenStore = Annotated[Store, Depends(_store)]
"""The store, for verbs that open transactions of their own."""

# scope="function": the commit comes before the answer. FastAPI's default is after it, and a client would be told
# "saved" when the commit can still fail.
OneSession = Annotated[Session, Depends(_session, scope="function")]
"""One transaction for the request: committed before the answer is sent, undone when the route raises."""
