"""What may go where, and with which headers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import parse_qsl, quote, urlsplit

from evalnb.errors import Unauthorized
from evalnb_server.front import pages
from evalnb_server.front.backends import Backend, Backends, Headers
from evalnb_server.front.callers import COOKIE, Caller, Callers, Proof
from evalnb_server.front.pages import Answer

HEALTH = "/_front/health"
"""Answers without a question asked of anybody else."""

# RFC 9110, 7.6.1: of this hop alone. `Connection` may name more.
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade expect".split()
)
# Said by this front and by nobody else.
_OURS = frozenset(b"forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-real-ip".split())
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Ask:
    """A request's head."""

    method: str
    target: str
    headers: Headers
    peer: str
    """The client's address."""

    @cached_property
    def path(self) -> str:
        """The path as it was sent."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> str:
        """What stands behind the question mark."""
        return self.target.partition("?")[2]

    def get(self, name: bytes) -> str:
        """A header by its name in lower case, "" where there is none."""
        return next((value.decode("latin-1") for known, value in self.headers if known.lower() == name), "")

    @cached_property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.method == "GET" and self.get(b"upgrade").lower() == "websocket"

    @cached_property
    def for_people(self) -> bool:
        """Whether a browser asks for a page to show."""
        return self.method == "GET" and not self.upgrades and "text/html" in self.get(b"accept")

    @cached_property
    def query_token(self) -> str:
        """The token in the query: a sign-in link, or a client of Jupyter that cannot set headers."""
        return dict(parse_qsl(self.query)).get("token", "")

    def proof(self, secret: str = "") -> Proof:
        """What it shows of its sender. A token that was sent on purpose stands before a cookie that came along.

        JupyterLab's page holds JupyterLab's own token and sends it with everything. To the front that ``secret`` says
        nothing about anybody.
        """
        said = self.get(b"authorization")
        if not said and self.query_token:
            said = f"token {self.query_token}"
        if said and not (secret and hmac.compare_digest(_token(said), secret.encode())):
            return Proof(authorization=said)
        return Proof(cookie=_cookie(self.get(b"cookie")))

    def without_token(self) -> str:
        """The target without the token in its query."""
        if not self.query_token:
            return self.target
        # The rest stays as it was written, a bare `reset` too.
        rest = "&".join(one for one in self.query.split("&") if one.partition("=")[0] != "token")
        return f"{self.path}?{rest}" if rest else self.path


@dataclass(frozen=True, slots=True)
class Onward:
    """A request that goes through, with the head that the backend gets."""

    backend: Backend
    target: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Origin:
    """How people see this address."""

    public: str | None = None
    """``https://evalnb.example.org`` where a proxy with TLS stands before the front."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Who may say for whom it asks."""

    def headers(self, ask: Ask) -> Headers:
        """What a backend is told about the client and the address that it opened."""
        host = ask.get(b"host")
        parts = urlsplit(self.public or "")
        by_proxy = self.public is not None and host.lower() == parts.netloc.lower()
        hops = [ask.peer]
        # Only where a proxy is expected: a client that comes straight here must not choose its own address.
        if by_proxy and (told := ask.get(b"x-forwarded-for")) and self._trusts(ask.peer):
            hops.insert(0, told)
        return [
            (b"X-Forwarded-For", ", ".join(hops).encode("latin-1")),
            (b"X-Forwarded-Proto", (parts.scheme if by_proxy else "http").encode()),
            (b"X-Forwarded-Host", host.encode("latin-1")),
        ]

    def _trusts(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


class Gate:
    """Decides about every request."""

    def __init__(self, backends: Backends, callers: Callers, *, names: Iterable[str], origin: Origin) -> None:
        self._backends = backends
        self._callers = callers
        self._names = frozenset(name.lower() for name in names)
        self._origin = origin

    async def decide(self, ask: Ask, form: Callable[[], Awaitable[bytes]]) -> Answer | Onward:
        """An answer of the front's own, or where the request goes. ``form`` reads the body where it is a form."""
        if not self._known_host(ask):
            return pages.refusal(
                421,
                f"this address does not answer to the name {ask.get(b'host')[:100]!r}",
                "open the address that `evalnb up` prints, or set EVALNB_PUBLIC_URL to the one people use",
                for_people=ask.for_people,
            )
        if ask.path == HEALTH:
            return Answer(200, b"ok", [(b"Content-Type", b"text/plain"), (b"Cache-Control", b"no-store")])
        backend = self._backends.of(ask.path)
        if ask.for_people and ask.query_token and (backend is None or backend.name != "api"):
            return await self._by_link(ask)
        if backend is None:
            return await self._own(ask, form)
        if ask.path == backend.prefix[:-1] and backend.guard:
            return pages.redirect(backend.prefix + (f"?{ask.query}" if ask.query else ""))
        if backend.guard:
            refused = await self._guarded(ask, backend)
            if refused is not None:
                return refused
        return Onward(
            backend, ask.without_token() if backend.guard else ask.target, _onward(ask, backend, self._origin)
        )

    def _known_host(self, ask: Ask) -> bool:
        # A page of another name that its owner lets point here (DNS rebinding) would be of its own origin in the
        # browser's eyes. A bare address cannot be made to point elsewhere.
        name = _host_name(ask.get(b"host"))
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    async def _by_link(self, ask: Ask) -> Answer:
        try:
            cookies = await self._callers.sign_in({"token": ask.query_token}, headers=self._for_signing_in(ask))
        except Unauthorized as error:
            return pages.sign_in(to=_own_path(ask.without_token()), wrong=error, names=self._callers.has_names)
        return pages.redirect(_own_path(ask.without_token()), more=cookies)

    async def _own(self, ask: Ask, form: Callable[[], Awaitable[bytes]]) -> Answer:
        """The pages where there is no portal."""
        if ask.path not in {"/", "/sign-in"}:
            happened = f"there is nothing at {ask.path[:200]}"
            why = "; ".join(self._backends.left_out.values())
            return pages.refusal(404, happened, why or "`evalnb status` says what runs", for_people=ask.for_people)
        if ask.path == "/sign-in" and ask.method == "POST":
            return await self._by_form(ask, await form())
        if ask.method not in {"GET", "HEAD"}:
            more = [(b"Allow", b"GET, HEAD")]
            return pages.problem(405, f"{ask.method} {ask.path} is not a question", "use GET", more=more)
        to = _own_path(dict(parse_qsl(ask.query)).get("next", "/"))
        caller = await self._callers.find(ask.proof())
        if caller is None:
            return pages.sign_in(to=to, names=self._callers.has_names)
        if ask.path == "/sign-in":
            return pages.redirect(to)
        return pages.home(caller, self._backends.all(), self._backends.left_out)

    async def _by_form(self, ask: Ask, form: bytes) -> Answer:
        if self._is_foreign(ask):
            return pages.problem(403, "the form was sent by another page", "sign in at this address")
        given = dict(parse_qsl(form.decode("utf-8", "replace")))
        to = _own_path(given.pop("next", "/"))
        named = bool(given.get("name"))
        keep = ("name", "password") if named else ("token",)
        try:
            cookies = await self._callers.sign_in(
                {key: given.get(key, "") for key in keep}, headers=self._for_signing_in(ask)
            )
        except Unauthorized as error:
            return pages.sign_in(to=to, wrong=error, names=self._callers.has_names)
        return pages.redirect(to, more=cookies)

    def _for_signing_in(self, ask: Ask) -> Headers:
        kept = [(name, value) for name, value in ask.headers if name.lower() in {b"user-agent", b"cookie"}]
        return [*kept, *self._origin.headers(ask)]

    async def _guarded(self, ask: Ask, backend: Backend) -> Answer | None:
        """A refusal, or None where the caller may pass."""
        proof = ask.proof(backend.secret)
        caller = await self._callers.find(proof)
        if caller is None:
            if ask.for_people:
                return pages.redirect(f"/sign-in?next={quote(ask.without_token(), safe='/')}")
            return pages.problem(
                401, f"{backend.title} is for people who have signed in", "sign in at /", more=[_CHALLENGE]
            )
        if not _may(caller, backend, ask):
            return pages.refusal(
                403,
                f"{backend.title} runs code, and only an owner of this evalnb may"
                if backend.guard == "owner"
                else "this report is not of a project of yours",
                "ask an owner to invite you",
                for_people=ask.for_people,
            )
        # The backend gets a token of ours, and takes that as proof that no foreign page is asking. So we look.
        if not proof.authorization and self._is_foreign(ask):
            return pages.refusal(
                403,
                f"this was not asked by a page of {ask.get(b'host')} (Origin: {ask.get(b'origin') or 'none'})",
                "open it from evalnb's own address",
                for_people=ask.for_people,
            )
        return None

    def _is_foreign(self, ask: Ask) -> bool:
        """Whether a page that is not of this origin sent it, with a cookie that the browser added by itself."""
        origin = ask.get(b"origin")
        if ask.method not in _SAFE or ask.upgrades:
            # SameSite does not help among the ports of one machine; browsers send Origin with all of these.
            return not origin or _netloc(origin) != ask.get(b"host").lower()
        if origin and _netloc(origin) != ask.get(b"host").lower():
            return True
        # Following a link is no harm; being a script or an image of another page is.
        return ask.get(b"sec-fetch-site") in {"cross-site", "same-site"} and ask.get(b"sec-fetch-mode") != "navigate"


_REPORT_PAGE = "voila/render/"
# What a report's page is made of. The rest (the list of all reports, contents, trees) is the owner's.
_REPORT_PARTS = (
    _REPORT_PAGE,
    *("static/", "voila/static/", "voila/templates/", "voila/files/", "voila/labextensions/", "voila/api/themes/"),
    *("api/kernels/", "voila/api/shutdown/", "voila/query/", "voila/execution/"),
)
_CHALLENGE = (b"WWW-Authenticate", b"Bearer")


def _may(caller: Caller, backend: Backend, ask: Ask) -> bool:
    if backend.guard == "owner":
        # A token for reading is not one for running code.
        return caller.owner and caller.scope == "admin"
    if caller.owner:
        return True
    part = ask.path.removeprefix(backend.prefix)
    if not caller.projects or not part.startswith(_REPORT_PARTS):
        return False
    if not part.startswith(_REPORT_PAGE):
        # Files of the page, and the socket of a kernel whose name nobody can guess.
        return True
    # Voila renders as the owner of the home: which report somebody may see is decided here.
    asked = parse_qsl(ask.query)
    projects = [value for name, value in asked if name == "project"]
    slugs = [value for name, value in asked if name == "slug" and value]
    return len(projects) == len(slugs) == 1 and projects[0].isdecimal() and int(projects[0]) in caller.projects


def _onward(ask: Ask, backend: Backend, origin: Origin) -> Headers:
    dropped = _HOP | _OURS | _named_in_connection(ask.headers)
    headers = [(name, value) for name, value in ask.headers if name.lower() not in dropped]
    if backend.guard:
        # What our people show us is nothing to programs that run other people's code.
        headers = [(name, value) for name, value in headers if name.lower() not in {b"authorization", b"cookie"}]
        if kept := _other_cookies(ask.get(b"cookie")):
            headers.append((b"Cookie", kept.encode("latin-1")))
        headers.append((b"Authorization", f"token {backend.secret}".encode()))
    if ask.upgrades:
        headers += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
    return [*headers, *origin.headers(ask)]


def downward(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The head of a backend's answer as the client gets it. Pages may be framed by our own pages alone."""
    known = list(headers)
    dropped = _HOP | _named_in_connection(known)
    if any(name.lower() == b"transfer-encoding" for name, _ in known):
        dropped |= {b"content-length"}
    kept = [(name, value) for name, value in known if name.lower() not in dropped]
    if any(name.lower() == b"content-type" and value.lower().startswith(b"text/html") for name, value in kept):
        # A policy beside another one: the browser holds both.
        kept.append((b"Content-Security-Policy", b"frame-ancestors 'self'"))
    return kept


def _named_in_connection(headers: Headers) -> set[bytes]:
    found: set[bytes] = set()
    for name, value in headers:
        if name.lower() == b"connection":
            found |= {one.strip().lower() for one in value.split(b",")}
    return found


def _host_name(host: str) -> str:
    """``Host`` without its port, in lower case."""
    lower = host.lower()
    return lower[: lower.find("]") + 1] if lower.startswith("[") else lower.partition(":")[0]


def _netloc(origin: str) -> str:
    return urlsplit(origin).netloc.lower()


def _token(authorization: str) -> bytes:
    return authorization.partition(" ")[2].strip().encode()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _other_cookies(header: str) -> str:
    return "; ".join(one for part in header.split(";") if (one := part.strip()) and not one.startswith(f"{COOKIE}="))


def _own_path(to: str) -> str:
    """``to`` where it is a path of this origin, else ``/``: nobody is sent elsewhere by a link to here."""
    plain = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if plain else "/"
