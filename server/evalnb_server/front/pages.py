"""The front's own pages: home where there is no portal, signing in, and why something cannot be shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus

from evalnb.errors import Unauthorized
from evalnb_server.front.backends import Backend, Headers
from evalnb_server.front.callers import Caller

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5c6570;--line:#dfe3e8;--paper:#fff;--ground:#f5f6f8;
--mark:#2563c9}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa3ae;--line:#31363d;--paper:#1b1e22;--ground:#121417;
--mark:#7db0ff}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}main{width:min(34rem,92vw);padding:2rem;background:var(--paper);
border:1px solid var(--line);border-radius:12px}h1{margin:0 0 .75rem;font-size:1.25rem}p{margin:.5rem 0}
.soft{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}ul{list-style:none;margin:1rem 0;padding:0}
li+li{border-top:1px solid var(--line)}li a{display:flex;justify-content:space-between;gap:1rem;padding:.7rem 0;
text-decoration:none}li a span{color:var(--soft)}a{color:var(--mark)}label{display:block;margin:.75rem 0 .25rem}
input{width:100%;padding:.5rem .6rem;font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);
border-radius:6px}button{margin-top:1rem;padding:.5rem 1rem;font:inherit;color:#fff;background:#2563c9;border:0;
border-radius:6px;cursor:pointer}:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
"""
_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the front's own."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


def page(status: int, title: str, inside: str, *, again_s: int | None = None, more: Headers | None = None) -> Answer:
    """A page; asked for again by the browser after ``again_s``."""
    again = f'<meta http-equiv="refresh" content="{again_s}">' if again_s is not None else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)} · evalnb</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{inside}</main></body></html>"
    )
    headers = [
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Security-Policy", _POLICY),
        (b"Referrer-Policy", b"same-origin"),
        (b"Cache-Control", b"no-store"),
        *(more or []),
    ]
    return Answer(status, text.encode(), headers)


def _sentence(words: str) -> str:
    return escape(f"{words[:1].upper()}{words[1:].rstrip('.')}.")


def redirect(to: str, *, more: Headers | None = None) -> Answer:
    """Go there with GET. ``to`` is a path of this origin."""
    where = to.encode("ascii", "backslashreplace")
    headers = [(b"Location", where), (b"Cache-Control", b"no-store"), (b"Referrer-Policy", b"no-referrer")]
    return Answer(303, headers=[*headers, *(more or [])])


def problem(status: int, happened: str, remedy: str, *, more: Headers | None = None) -> Answer:
    """A refusal for a program (RFC 9457), of the same shape as the API's."""
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": happened, "remedy": remedy})
    return Answer(status, body.encode(), [(b"Content-Type", b"application/problem+json"), *(more or [])])


def refusal(status: int, happened: str, remedy: str, *, for_people: bool, more: Headers | None = None) -> Answer:
    """A refusal, as a page or as a problem."""
    if not for_people:
        return problem(status, happened, remedy, more=more)
    said = f'<p>{_sentence(happened)}</p><p class="soft">{_sentence(remedy)}</p>'
    return page(status, HTTPStatus(status).phrase, said, again_s=2 if status == 503 else None, more=more)


def unavailable(backend: Backend, *, status: int, for_people: bool) -> Answer:
    """The backend does not answer; it is probably being started again, and a page looks for itself."""
    happened = f"{backend.title} does not answer"
    remedy = f"it is started again when it has ended; its log: {backend.log or 'EVALNB_HOME/logs'}"
    more = [(b"Retry-After", b"2")]
    if not for_people:
        return problem(status, happened, remedy, more=more)
    said = (
        f"<p>{escape(happened)} at the moment. This page looks again every two seconds.</p>"
        f'<p class="soft">If it stays away, its log says why: {escape(backend.log or "EVALNB_HOME/logs")}</p>'
    )
    return page(status, "One moment", said, again_s=2, more=more)


def home(caller: Caller, backends: list[Backend], left_out: dict[str, str]) -> Answer:
    """The way in where there is no portal."""
    known = {one.name for one in backends}
    rows = []
    if "lab" in known and caller.owner:
        rows.append(("/jupyter/lab", "JupyterLab", "notebooks"))
    if "voila" in known and caller.owner:
        rows.append(("/voila/", "Voila", "report pages"))
    if "api" in known:
        rows.append(("/api/docs", "API", "documentation"))
    links = "".join(
        f'<li><a href="{where}">{escape(title)}<span>{escape(what)}</span></a></li>' for where, title, what in rows
    )
    why = left_out.get("portal", "")
    note = f'<p class="soft">{_sentence(why)}</p>' if why else ""
    said = f'<p class="soft">Signed in as {escape(caller.name)}.</p><ul>{links}</ul>{note}'
    return page(200, "evalnb", said)


def sign_in(*, to: str, wrong: Unauthorized | None = None, names: bool) -> Answer:
    """A form for the token that ``evalnb up`` prints, and for a name and password where accounts are kept."""
    hidden = f'<input type="hidden" name="next" value="{escape(to, quote=True)}">'
    said = f'<p role="alert">{_sentence(wrong.happened)} {_sentence(wrong.remedy)}</p>' if wrong else ""
    by_name = (
        '<label for="name">Name</label><input id="name" name="name" autocomplete="username">'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password">'
        '<p class="soft">or</p>'
        if names
        else ""
    )
    form = (
        f'{said}<form method="post" action="/sign-in">{hidden}{by_name}'
        '<label for="token">Token</label>'
        '<input id="token" name="token" type="password" autocomplete="off">'
        '<p class="soft">It is at the end of the address that <code>evalnb up</code> prints; '
        "<code>evalnb status</code> prints it again.</p>"
        "<button>Sign in</button></form>"
    )
    return page(401 if wrong else 200, "Sign in to evalnb", form)
