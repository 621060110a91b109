"""Who may come through, and what is said to the others."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from evalnb_server.front.callers import COOKIE, Caller, Proof
from evalnb_server.front.gate import Ask, Origin, _may
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.front.conftest import Doorway, free_port, serving

PAGE = {"Accept": "text/html"}


async def page(_request: Request) -> Response:
    return HTMLResponse("a page")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


APP = Starlette(
    routes=[
        Route("/jupyter/page", page, methods=["GET", "POST"]),
        WebSocketRoute("/jupyter/talk", talk),
        Route("/{path:path}", lambda request: PlainTextResponse(request.url.path)),
    ]
)


@pytest.fixture
def port(doorway: Doorway) -> Iterator[int]:
    """JupyterLab stands behind, or something in its place."""
    found = free_port()
    doorway.behind(lab=("JupyterLab", "/jupyter/", found))
    with serving(APP, found):
        yield found


def test_a_link_signs_in_and_leads_to_the_clean_address(doorway: Doorway, port: int) -> None:
    reply = httpx.get(f"{doorway.url}/jupyter/lab/tree/a%20b?token={doorway.token}&reset", headers=PAGE)
    assert reply.status_code == 303
    assert reply.headers["location"] == "/jupyter/lab/tree/a%20b?reset"
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert doorway.token not in cookie
    wrong = httpx.get(f"{doorway.url}/?token=wrong", headers=PAGE)
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    assert "not valid here" in wrong.text


def test_without_a_sign_in_people_are_led_to_it_and_programs_told(doorway: Doorway, port: int) -> None:
    led = httpx.get(f"{doorway.url}/jupyter/lab?x=1", headers=PAGE)
    assert led.status_code == 303 and led.headers["location"] == "/sign-in?next=/jupyter/lab%3Fx%3D1"
    told = httpx.get(f"{doorway.url}/jupyter/api/kernels")
    assert told.status_code == 401 and told.json()["remedy"]
    assert told.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{doorway.url}/jupyter/x", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert httpx.get(f"{doorway.url}/jupyter/x", cookies={COOKIE: "wrong"}).status_code == 401


def test_the_form_signs_in_and_leads_nowhere_else(doorway: Doorway, port: int) -> None:
    with httpx.Client(base_url=doorway.url, headers={"Origin": doorway.url}, trust_env=False) as person:
        assert "Sign in to evalnb" in person.get("/sign-in?next=/jupyter/page").text
        sent = person.post("/sign-in", data={"token": doorway.token, "next": "/jupyter/page"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/jupyter/page")
        assert person.get("/jupyter/page").status_code == 200
        for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example", "/a\nb"):
            sent = person.post("/sign-in", data={"token": doorway.token, "next": elsewhere})
            assert sent.headers["location"] == "/"
        foreign = person.post("/sign-in", data={"token": doorway.token}, headers={"Origin": "http://127.0.0.1:1"})
        assert foreign.status_code == 403
        assert person.post("/sign-in", data={"token": "x" * 100_000}).status_code == 413


def test_with_a_cookie_only_our_own_pages_may_change_things(doorway: Doorway, port: int) -> None:
    with doorway.person() as person:
        for origin in ("http://evil.example", "http://127.0.0.1:1", "null", None):
            headers = {"Origin": origin} if origin else {}
            assert person.post("/jupyter/page", headers=headers).status_code == 403
        assert person.post("/jupyter/page", headers={"Origin": doorway.url}).status_code == 200
        # Another port of this machine is the same site: its scripts' cookies come along, its eyes must not.
        prying = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}
        assert person.get("/jupyter/page", headers=prying).status_code == 403
        linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert person.get("/jupyter/page", headers=linked).status_code == 200
        cookie = f"{COOKIE}={person.cookies[COOKIE]}"
    where = f"ws://127.0.0.1:{doorway.port}/jupyter/talk"
    with pytest.raises(InvalidStatus, match="403"):
        connect(where, origin="http://evil.example", additional_headers={"Cookie": cookie}, proxy=None)  # type: ignore[arg-type]
    with connect(where, origin=doorway.url, additional_headers={"Cookie": cookie}, proxy=None) as own:  # type: ignore[arg-type]
        assert own.recv() == "hello"


def test_the_secret_of_what_stands_behind_opens_nothing(doorway: Doorway, port: int) -> None:
    # JupyterLab writes it into its page, and its scripts send it along.
    own = {"Authorization": "token secret-of-lab"}
    assert httpx.get(f"{doorway.url}/jupyter/page", headers=own).status_code == 401
    assert httpx.get(f"{doorway.url}/jupyter/page?token=secret-of-lab").status_code == 401
    with doorway.person(headers=own) as person:
        assert person.get("/jupyter/page").status_code == 200
        assert person.get("/jupyter/page?token=secret-of-lab").status_code == 200
        assert person.post("/jupyter/page").status_code == 403, "it is no proof that our own page asks"
        assert person.post("/jupyter/page", headers={"Origin": doorway.url}).status_code == 200


def test_it_does_not_answer_to_a_strangers_name(doorway: Doorway, port: int) -> None:
    for name in ("evil.example", "evil.example:8888", "127.0.0.1.evil.example", ""):
        assert httpx.get(doorway.url, headers={"Host": name}).status_code in {400, 421}, name
    for name in ("localhost", "evalnb.localhost:1", "127.0.0.1", "10.0.0.7:8888", "[::1]:8888", socket.gethostname()):
        assert httpx.get(doorway.url, headers={"Host": name}).status_code == 200, name


def test_pages_may_be_framed_by_our_own_alone(doorway: Doorway, port: int) -> None:
    with doorway.person() as person:
        assert "frame-ancestors 'self'" in person.get("/jupyter/page").headers["content-security-policy"]
        assert "frame-ancestors 'self'" in person.get("/").headers["content-security-policy"]


def test_without_a_portal_home_has_the_links_and_the_reason(doorway: Doorway, port: int) -> None:
    with doorway.person() as person:
        home = person.get("/", headers=PAGE).text
        assert '<a href="/jupyter/lab">' in home
        assert "The portal is left out: Node ≥ 20 was not found" in home
        assert person.get("/projects/1").status_code == 404
        assert person.delete("/", headers={"Origin": doorway.url}).status_code == 405


def test_what_does_not_answer_is_named_with_its_log_until_it_does(doorway: Doorway) -> None:
    found = free_port()
    doorway.behind(lab=("JupyterLab", "/jupyter/", found))
    with doorway.person() as person:
        page = person.get("/jupyter/page", headers=PAGE)
        assert page.status_code == 503 and page.headers["retry-after"] == "2"
        assert "JupyterLab does not answer" in page.text and "/logs/lab.log" in page.text
        assert 'http-equiv="refresh"' in page.text
        told = person.get("/jupyter/page").json()
        assert told["status"] == 503 and "/logs/lab.log" in told["remedy"]
        with serving(APP, found):
            assert person.get("/jupyter/page").status_code == 200
        moved = free_port()
        with serving(APP, moved):
            doorway.behind(lab=("JupyterLab", "/jupyter/", moved))
            assert person.get("/jupyter/page").status_code == 200


def test_everything_that_nobody_else_has_is_the_portals(doorway: Doorway) -> None:
    found = free_port()
    doorway.behind(portal=("Portal", "/", found), lab=("JupyterLab", "/jupyter/", free_port()))
    with serving(APP, found):
        for path in ("/", "/sign-in", "/projects/1/datasets", "/jupyterx"):
            reply = httpx.get(f"{doorway.url}{path}", headers=PAGE)
            assert (reply.status_code, reply.text) == (200, path)
        assert httpx.get(f"{doorway.url}/jupyter/lab", headers=PAGE).headers["location"].startswith("/sign-in")


def said(doorway: Doorway, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", doorway.port), timeout=20) as client:
        client.sendall(sent)
        whole = b""
        while part := client.recv(65536):
            whole += part
    return whole


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_clear_request_is_refused(doorway: Doorway, sent: bytes, status: int) -> None:
    assert said(doorway, sent).startswith(f"HTTP/1.1 {status} ".encode())


def test_who_dawdles_is_sent_away(doorway: Doorway, port: int) -> None:
    assert said(doorway, b"GET / HTTP/1.1\r\nHost: loc").startswith(b"HTTP/1.1 408 ")
    authorized = f"Authorization: Bearer {doorway.token}\r\nContent-Length: 10\r\n\r\n12345".encode()
    slow_body = b"POST /jupyter/page HTTP/1.1\r\nHost: localhost\r\n" + authorized
    assert said(doorway, slow_body)[:13] in {b"HTTP/1.1 408 ", b"HTTP/1.1 200 "}


def ask(path: str) -> Ask:
    return Ask("GET", path, [(b"Host", b"localhost")], "127.0.0.1")


def test_a_report_is_for_the_members_of_its_project() -> None:
    from evalnb_server.front.backends import Backend

    voila = Backend("voila", "Voila", "/voila/", "127.0.0.1", 1)
    lab = Backend("lab", "JupyterLab", "/jupyter/", "127.0.0.1", 1)
    guest = Caller("guest", projects=frozenset({4}))
    for path, may in {
        "/voila/voila/render/report.ipynb?slug=a&project=4": True,
        "/voila/voila/render/report.ipynb?slug=a&project=5": False,
        "/voila/voila/render/report.ipynb?slug=a&project=5&project=4": False,
        "/voila/voila/render/report.ipynb?slug=a": False,
        "/voila/voila/render/report.ipynb?project=4": False,
        "/voila/voila/rende%72/report.ipynb?slug=a&project=5": False,
        "/voila/voila/api/contents/": False,
        "/voila/api/kernels/0b1c/channels": True,
        "/voila/voila/static/voila.js": True,
        "/voila/": False,
        "/voila/voila/tree/": False,
    }.items():
        assert _may(guest, voila, ask(path)) is may, path
    assert not _may(Caller("nobody"), voila, ask("/voila/voila/static/voila.js"))
    assert not _may(guest, lab, ask("/jupyter/lab"))
    assert _may(Caller("me", owner=True, scope="admin"), lab, ask("/jupyter/lab"))
    assert not _may(Caller("me", owner=True, scope="read"), lab, ask("/jupyter/lab")), (
        "a token for reading runs no code"
    )


def test_only_a_proxy_that_is_expected_says_for_whom_it_asks() -> None:
    from ipaddress import ip_network

    claimed = [(b"Host", b"evalnb.example"), (b"X-Forwarded-For", b"9.9.9.9")]
    plain = Origin()
    behind = Origin("https://evalnb.example", (ip_network("127.0.0.0/8"),))
    by = {peer: Ask("GET", "/", claimed, peer) for peer in ("127.0.0.1", "7.7.7.7")}
    assert dict(plain.headers(by["127.0.0.1"]))[b"X-Forwarded-For"] == b"127.0.0.1"
    told = dict(behind.headers(by["127.0.0.1"]))
    assert (told[b"X-Forwarded-For"], told[b"X-Forwarded-Proto"]) == (b"9.9.9.9, 127.0.0.1", b"https")
    assert dict(behind.headers(by["7.7.7.7"]))[b"X-Forwarded-For"] == b"7.7.7.7"


def test_a_proof_is_not_kept_in_the_clear() -> None:
    assert b"secret" not in Proof(cookie="secret").key
