"""Who a connection comes from: its address, its origin, and what it carries to prove who calls.

Everything here reads an ``HTTPConnection``, so that a WebSocket and the front ask by the same rules as a route.
"""

from __future__ import annotations

import hmac
import ipaddress

from starlette.requests import HTTPConnection
from starlette.responses import Response

from evalnb import accounts
from evalnb.accounts import Caller, Entered
from evalnb.errors import Forbidden, Unauthorized
from evalnb.settings import Settings
from evalnb.store import Store

COOKIE = "evalnb_session"
CSRF_HEADER = "X-Evalnb-Csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_REMEDY = (
    "sign in, or send `Authorization: Bearer …` with an API token or with the token that `evalnb up` shows "
    "(EVALNB_HOME/run/api-token)"
)


def caller(connection: HTTPConnection) -> Caller:
    """Who calls, by its bearer token or its cookie; Unauthorized without either, or where neither holds.

    In a transaction of its own, over before the route begins: that a proof was used is noted even where the route
    refuses, and no route waits for another one's note.
    """
    store: Store = connection.app.state.store
    given = bearer(connection)
    secret = connection.cookies.get(COOKIE)
    if given is None and secret is None:
        raise Unauthorized("the request carries no token and no sign-in", remedy=_REMEDY)
    with store.database.transaction() as session:
        if given is not None and given.startswith("evnb_"):
            return accounts.by_token(session, given)
        if given is not None:
            home: str = connection.app.state.token
            return accounts.by_home(session, given, home, author=store.settings.author)
        return accounts.by_session(session, secret or "")


def bearer(connection: HTTPConnection) -> str | None:
    """The token of an Authorization header; None without such a header. Any other scheme carries the token ''."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refuse_forgery(connection: HTTPConnection, who: Caller, method: str) -> None:
    """Forbidden for an unsafe request that a browser may have been talked into by another site."""
    if who.csrf is None or method in SAFE:
        return
    refuse_strangers_origin(connection)
    given = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), who.csrf.encode()):
        raise Forbidden(
            f"the request carries no valid {CSRF_HEADER}" if given else f"the request carries no {CSRF_HEADER}",
            remedy="send in that header what `GET /api/session` answers as `csrf`",
        )


def refuse_strangers_origin(connection: HTTPConnection) -> None:
    """Forbidden where a browser says that another site's page makes the request. Programs say nothing, and pass."""
    origin = connection.headers.get("origin")
    site = connection.headers.get("sec-fetch-site")
    own = own_origin(connection)
    if (origin is not None and origin.lower() != own) or (origin is None and site == "cross-site"):
        raise Forbidden(
            f"the request comes from a page of {origin or 'another site'}, and this is {own}",
            remedy="open evalnb at the address that `evalnb up` shows",
        )


def own_origin(connection: HTTPConnection) -> str:
    """The origin at which the browser sees this server, for instance ``https://evalnb.example``."""
    host = _told(connection, "x-forwarded-host") or connection.headers.get("host", "")
    scheme = "https" if is_https(connection) else "http"
    # As a browser writes it: without the port that the scheme implies.
    port = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host.lower().removesuffix(port)}"


def is_https(connection: HTTPConnection) -> bool:
    """Whether the browser came by HTTPS, by what the connection is or a trusted front says."""
    told = _told(connection, "x-forwarded-proto")
    return (told or connection.url.scheme).lower() in {"https", "wss"}


def client_address(connection: HTTPConnection) -> str:
    """The client's address, for slowing guesses down: the last one that a trusted front saw."""
    peer = connection.client.host if connection.client else ""
    hops = [one.strip() for one in connection.headers.get("x-forwarded-for", "").split(",") if one.strip()]
    # From the nearest: whoever a trusted one names is believed, and what that one claims is only believed if it is
    # trusted itself.
    while hops and trusted(connection, peer):
        peer = hops.pop()
    return peer


def trusted(connection: HTTPConnection, peer: str) -> bool:
    """Whether the peer is a front whose X-Forwarded-… headers are believed (EVALNB_TRUSTED_PROXIES)."""
    settings: Settings = connection.app.state.store.settings
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in settings.proxy_networks)


def signed_in(connection: HTTPConnection, response: Response, entered: Entered) -> None:
    """Put a sign-in into the browser: out of scripts' reach, and not sent along by other sites' forms and frames."""
    response.set_cookie(
        COOKIE,
        entered.secret,
        max_age=int(accounts.MOST.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_https(connection),
    )


def signed_out(connection: HTTPConnection, response: Response) -> None:
    """Take the sign-in out of the browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=is_https(connection))


def _told(connection: HTTPConnection, header: str) -> str | None:
    """What a trusted front says in ``header`` (its own word is the last); None from anybody else."""
    value = connection.headers.get(header)
    if value is None or connection.client is None or not trusted(connection, connection.client.host):
        return None
    return value.rpartition(",")[2].strip() or None
