"""Uploads over HTTP: tus 1.0 against a real server process that is killed, lied to, and starved."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from evalnb import accounts
from evalnb.settings import Settings
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, projects
from evalnb.uploads import sweep
from tests import hostile
from tests.tus import CONTENT_TYPE, Server, Tus, metadata, pieces

MB = 1 << 20


@pytest.fixture
def project(store: Store) -> int:
    with store.database.transaction() as session:
        return projects.opened(session, "tests")


@pytest.fixture
def server(settings: Settings, store: Store, tmp_path: Path) -> Iterator[Server]:
    with Server(replace(settings, upload_max_gb=0.2, upload_quota_gb=0.3), tmp_path / "api.log") as one:
        yield one


@pytest.fixture
def tus(server: Server, settings: Settings) -> Tus:
    return Tus(server.base, token=(settings.home / "run" / "api-token").read_text())


def test_the_protocol_as_its_clients_know_it(tus: Tus, project: int, store: Store) -> None:
    """One server for all of it: a process takes seconds to start."""
    _discovery(tus)
    _an_image(tus, project, store)
    _refusals_before_a_body(tus, project)
    _checksums(tus, project)
    _one_writer(tus, project)
    _a_slow_client(tus, project)
    _a_client_that_goes_away(tus, project)
    _another_method(tus, project)
    _termination(tus, project, store)
    _expiry(tus, project, store)
    _limits(tus, project)
    _others(tus, project, store)
    _a_browser(tus, project, store)
    _metadata_is_said_again(tus, project)
    _a_kill_after_the_last_byte_loses_nothing(tus, project, store)


def _discovery(tus: Tus) -> None:
    said = tus.ask("OPTIONS", "/api/uploads")
    assert said.status_code == 204
    assert said.headers["tus-version"] == "1.0.0"
    assert said.headers["tus-extension"] == "creation,creation-with-upload,checksum,termination,expiration"
    assert said.headers["tus-checksum-algorithm"] == "sha1,sha256,md5"
    assert said.headers["tus-max-size"] == "200000000"


def _an_image(tus: Tus, project: int, store: Store) -> None:
    content = hostile.jpeg()
    path = tus.begun(len(content), project=project, filename="../../a\u202egpj.jpg", purpose="image", dataset="d")
    assert tus.offset(path) == 0
    first = tus.patch(path, 0, content[:100])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "100")
    assert first.headers["upload-expires"].endswith("GMT") and first.headers["tus-resumable"] == "1.0.0"
    assert tus.patch(path, 100, content[100:]).status_code == 204
    said = tus.status(path)
    assert (said["state"], said["filename"], said["offset"]) == ("done", "agpj.jpg", len(content))
    with store.database.transaction() as session:
        image = images.get(session, said["result"]["image_id"])
        assert datasets.get(session, image.dataset_id).name == "d"
    assert (image.width, image.height) == (48, 32)
    assert store.blobs.read(image.sha256 or "") == content
    # The same again is the same image; other bytes under its name are refused, and the row says so.
    whole = {"project": project, "filename": "agpj.jpg", "purpose": "image", "dataset": "d"}
    again = tus.create(len(content), content=content, **whole)
    assert (again.status_code, again.headers["upload-offset"]) == (201, str(len(content)))
    assert tus.status(again.headers["location"])["result"]["image_id"] == image.id
    other = hostile.jpeg(40, 40)
    refused = tus.status(tus.create(len(other), content=other, **whole).headers["location"])
    assert refused["state"] == "refused" and "another image called 'agpj.jpg'" in refused["refusal"]["happened"]
    assert refused["refusal"]["remedy"]
    listed = tus.ask("GET", f"/api/projects/{project}/uploads?limit=2").json()
    assert [one["state"] for one in listed["items"]] == ["refused", "done"] and listed["next"]
    rest = tus.ask("GET", f"/api/projects/{project}/uploads?after={listed['next']}").json()
    assert [one["id"] for one in rest["items"]] == [path.rpartition("/")[2]] and rest["next"] is None


def _begun(tus: Tus, project: int, length: int, filename: str = "a.zip") -> str:
    return tus.begun(length, project=project, filename=filename, purpose="images-zip", dataset="d")


def _refusals_before_a_body(tus: Tus, project: int) -> None:
    path = _begun(tus, project, 10)
    assert tus.patch(path, 0, b"a", Tus_Resumable="0.2.2").status_code == 412
    assert tus.patch(path, 0, b"a", Content_Type="text/plain").status_code == 415
    assert tus.patch(path, 4, b"a").status_code == 409
    assert tus.patch(path, 0, b"a" * 11).status_code == 413
    assert tus.ask("PATCH", path, content=b"a", Content_Type=CONTENT_TYPE).status_code == 400
    assert tus.patch(path, 0, b"a", Upload_Checksum="crc32 AAAA").status_code == 400
    assert tus.patch(path, 0, b"a", Upload_Checksum="sha1 AAAA").status_code == 400
    assert tus.patch(path, 0, iter([b"a" * 6, b"a" * 6])).status_code == 413  # a body that does not say its length
    assert tus.offset(path) in {0, 6}
    assert tus.ask("POST", "/api/uploads", Upload_Metadata="project !").status_code == 422
    assert tus.create(5, project=project, filename="a", purpose="mischief").status_code == 422
    assert tus.create(0, project=project, filename="a.pt", purpose="checkpoint").status_code == 422
    assert tus.ask("DELETE", path).status_code == 204


def _checksums(tus: Tus, project: int) -> None:
    content = random.Random(1).randbytes(3000)
    path = _begun(tus, project, len(content))
    for number, algorithm in enumerate(("sha1", "sha256", "md5")):
        piece = content[1000 * number : 1000 * number + 1000]
        digest = base64.b64encode(hashlib.new(algorithm, piece).digest()).decode()
        wrong = tus.patch(path, 1000 * number, piece[::-1], Upload_Checksum=f"{algorithm} {digest}")
        assert wrong.status_code == 460 and "send the piece again" in wrong.json()["remedy"]
        assert tus.offset(path) == 1000 * number
        if number < 2:
            assert tus.patch(path, 1000 * number, piece, Upload_Checksum=f"{algorithm} {digest}").status_code == 204
    assert tus.ask("DELETE", path).status_code == 204


def _opened(tus: Tus, path: str, offset: int, length: int, *more: str) -> socket.socket:
    """A connection that has sent the head of a PATCH and none of its body."""
    line = socket.create_connection(("127.0.0.1", int(tus.http.base_url.port or 0)))
    head = {**tus.headers, "Host": "127.0.0.1", "Content-Type": CONTENT_TYPE}
    head |= {"Upload-Offset": str(offset), "Content-Length": str(length)}
    said = "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "".join(f"{one}\r\n" for one in more)
    line.sendall(f"PATCH {path} HTTP/1.1\r\n{said}\r\n".encode())
    return line


def _until(tus: Tus, path: str, offset: int) -> None:
    until = time.monotonic() + 60
    while tus.offset(path) < offset:
        assert time.monotonic() < until, tus.offset(path)
        time.sleep(0.05)


def _one_writer(tus: Tus, project: int) -> None:
    path = _begun(tus, project, 1000)
    with _opened(tus, path, 0, 1000) as line:
        line.sendall(b"a" * 300)
        _until(tus, path, 300)
        sending = threading.Event()

        def drip() -> None:
            for _ in range(600):
                if sending.wait(0.1):
                    return
                line.sendall(b"b")

        thread = threading.Thread(target=drip)
        thread.start()
        # They flow again, where this machine made a long pause of it. While they do there is one writer, whatever
        # offset the other one knows.
        _until(tus, path, 301)
        until = time.monotonic() + 30
        while (second := tus.patch(path, tus.offset(path), b"c").status_code) == 409:
            assert time.monotonic() < until
        sending.set()
        thread.join()
        assert second == 423
        # When they cease, the upload is free within seconds although the connection stands; what came is kept.
        until = time.monotonic() + 60
        while (answer := tus.patch(path, (at := tus.offset(path)), b"c" * (1000 - at))).status_code in {409, 423}:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert answer.status_code == 204
        line.sendall(b"d")
        assert b" 409 " in line.recv(4096)
    assert tus.status(path)["state"] == "processing"
    assert tus.ask("DELETE", path).status_code == 204


def _a_slow_client(tus: Tus, project: int) -> None:
    path = _begun(tus, project, 100)
    with _opened(tus, path, 0, 100) as line:
        for sent in range(1, 4):
            line.sendall(b"z")
            _until(tus, path, sent)  # a byte is on the disk although a megabyte has not come
    # It went away in the middle: three bytes stay, and the next connection goes on at once.
    answer = tus.patch(path, 3, b"y" * 7)
    until = time.monotonic() + 30
    while answer.status_code == 423:
        assert time.monotonic() < until
        answer = tus.patch(path, 3, b"y" * 7)
    assert answer.status_code == 204 and tus.offset(path) == 10
    assert tus.ask("DELETE", path).status_code == 204


def _a_client_that_goes_away(tus: Tus, project: int) -> None:
    path = _begun(tus, project, 1000)
    digest = base64.b64encode(hashlib.sha256(b"x" * 500).digest()).decode()
    with _opened(tus, path, 0, 500, f"Upload-Checksum: sha256 {digest}") as line:
        line.sendall(b"x" * 400)
    # Only its checksum could have told whether the piece was right: none of it counts.
    answer = tus.patch(path, 0, b"x" * 500, Upload_Checksum=f"sha256 {digest}")
    until = time.monotonic() + 30
    while answer.status_code == 423:
        assert time.monotonic() < until
        answer = tus.patch(path, 0, b"x" * 500, Upload_Checksum=f"sha256 {digest}")
    assert answer.status_code == 204
    assert tus.offset(path) == 500
    assert tus.ask("DELETE", path).status_code == 204


def _another_method(tus: Tus, project: int) -> None:
    path = _begun(tus, project, 10)
    said = tus.ask(
        "POST", path, content=b"12345", Upload_Offset="0", Content_Type=CONTENT_TYPE, X_HTTP_Method_Override="PATCH"
    )
    assert (said.status_code, said.headers["upload-offset"]) == (204, "5")
    assert tus.ask("POST", path, X_HTTP_Method_Override="DELETE").status_code == 204
    assert tus.ask("HEAD", path).status_code == 404


def _termination(tus: Tus, project: int, store: Store) -> None:
    path = _begun(tus, project, 10)
    assert len(list(store.blobs.incoming.iterdir())) == 1
    assert tus.ask("DELETE", path).status_code == 204
    assert not list(store.blobs.incoming.iterdir())
    assert tus.ask("GET", path).status_code == 404 == tus.patch(path, 0, b"1").status_code


def _expiry(tus: Tus, project: int, store: Store) -> None:
    path = _begun(tus, project, 10)
    with store.database.transaction() as session:
        session.execute(text("UPDATE upload SET expires_at = now() - interval '1 s' WHERE state = 'receiving'"))
    assert tus.ask("HEAD", path).status_code == 410
    gone = tus.patch(path, 0, b"1")
    assert (
        gone.status_code == 410
        and "has expired; begin a new upload" in f"{gone.json()['detail']}; {gone.json()['remedy']}"
    )
    assert sweep(store) == 1
    assert tus.ask("HEAD", path).status_code == 404
    assert not list(store.blobs.incoming.iterdir())


def _limits(tus: Tus, project: int) -> None:
    large = tus.create(200_000_001, project=project, filename="a.zip", purpose="images-zip", dataset="d")
    assert large.status_code == 413 and "EVALNB_UPLOAD_MAX_GB" in large.json()["remedy"]
    path = _begun(tus, project, 200_000_000)
    quota = tus.create(150_000_000, project=project, filename="b.zip", purpose="images-zip", dataset="d")
    assert quota.status_code == 413 and "EVALNB_UPLOAD_QUOTA_GB" in quota.json()["remedy"]
    assert tus.ask("DELETE", path).status_code == 204


def _others(tus: Tus, project: int, store: Store) -> None:
    base = str(tus.http.base_url)
    with store.database.transaction() as session:
        foreign = projects.opened(session, "foreign")
        tokens = {}
        for name, home, role in (
            ("eve", foreign, "admin"),
            ("vic", project, "viewer"),
            ("ann", project, "annotator"),
        ):
            account = accounts.add_account(session, name)
            accounts.set_member(session, account, home, role)
            tokens[name] = accounts.new_token(session, account.id, "t", scope="write").secret
    eve, vic, ann = (Tus(base, token=tokens[one]) for one in ("eve", "vic", "ann"))
    path = _begun(ann, project, 10)
    said = {"filename": "a.zip", "purpose": "images-zip", "dataset": "d"}
    # To a stranger it is not there; a viewer may look.
    for method in ("GET", "HEAD", "PATCH", "DELETE"):
        assert eve.ask(method, path).status_code == 404, method
        if method != "GET":
            assert vic.ask(method, path).status_code == 403, method
    assert eve.create(5, project=project, **said).status_code == 404
    assert eve.create(5, project=9999, **said).status_code == 404
    assert eve.ask("GET", f"/api/projects/{project}/uploads").status_code == 404
    assert vic.create(5, project=project, **said).status_code == 403
    assert vic.status(path)["author"] == "ann"
    assert Tus(base).patch(path, 0, b"1").status_code == 401
    # Refused before the body is read: the answer is here while the body is not.
    with _opened(eve, path, 0, 10) as line:
        assert b" 404 " in line.recv(4096)
    assert ann.offset(path) == 0
    assert ann.ask("DELETE", path).status_code == 204


def _a_browser(tus: Tus, project: int, store: Store) -> None:
    base = str(tus.http.base_url)
    token = tus.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=base, trust_env=False) as http:
        assert http.post("/api/session", json={"token": token}).status_code in {200, 201}
        csrf = http.get("/api/session").json()["csrf"]
        browser = Tus(base)
        browser.http.cookies.update(http.cookies)
        said = {"project": project, "filename": "c.png", "purpose": "image", "dataset": "d"}
        content = hostile.png()
        assert browser.create(len(content), **said).status_code == 403
        browser.headers["X-Evalnb-Csrf"] = csrf
        path = browser.begun(len(content), **said)
        assert browser.patch(path, 0, content).status_code == 204
        assert browser.status(path)["state"] == "done"


@pytest.mark.timeout(600)  # four starts of a server, each of which takes a minute on a machine that is busy
def test_killed_again_and_again_it_arrives_equal(
    server: Server, tus: Tus, project: int, store: Store, settings: Settings
) -> None:
    chance = random.Random(7)
    content = chance.randbytes(64 * MB)
    path = tus.begun(len(content), project=project, filename="big.zip", purpose="images-zip", dataset="survivor")
    kills = 0
    while (offset := tus.offset(path)) < len(content):
        left = len(content) - offset
        strike = chance.randrange(left) if kills < 3 else left + 1

        def body(offset: int = offset, strike: int = strike) -> Iterator[bytes]:
            sent = 0
            for piece in pieces(content[offset:]):
                if sent >= strike:
                    server.kill()
                sent += len(piece)
                yield piece

        try:
            answer = tus.patch(path, offset, body(), Content_Length=str(left))
            assert answer.status_code == 204, answer.text
        except httpx.TransportError:
            kills += 1
            server.start()
            # The row never says more than the disk has.
            part = next(store.blobs.incoming.glob("*.part"))
            assert tus.offset(path) <= part.stat().st_size
    assert kills == 3
    said = tus.status(path)
    assert said["state"] == "processing"
    with store.database.transaction() as session:
        sha256 = session.scalar(text("SELECT sha256 FROM upload"))
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert hashlib.sha256(store.blobs.local_path(str(sha256)).read_bytes()).hexdigest() == sha256
    assert not list(store.blobs.incoming.iterdir())


def _a_kill_after_the_last_byte_loses_nothing(tus: Tus, project: int, store: Store) -> None:
    """At each of the places between the last byte and the answer, the next question finishes the work."""
    content = hostile.zipped({"a.png": hostile.png()})
    sha256 = hashlib.sha256(content).hexdigest()
    for place in ("written", "named", "moved"):
        path = _begun(tus, project, len(content), f"{place}.zip")
        part = store.blobs.incoming / f"{path.rpartition('/')[2]}.part"
        part.write_bytes(content)
        with store.database.transaction() as session:
            session.execute(
                text("UPDATE upload SET committed = length, sha256 = :sha WHERE state = 'receiving'"),
                {"sha": None if place == "written" else sha256},
            )
        if place == "moved":
            store.blobs.adopt(part, sha256)
        assert tus.offset(path) == len(content)
        assert tus.status(path)["state"] == "processing", place
        assert store.blobs.exists(sha256) and not part.exists()
    assert tus.ask("GET", f"/api/projects/{project}/uploads").json()["items"][0]["filename"] == "moved.zip"


def _metadata_is_said_again(tus: Tus, project: int) -> None:
    said = metadata(project=project, filename="a.pt", purpose="checkpoint", type="application/octet-stream")
    path = tus.ask("POST", "/api/uploads", Upload_Length="5", Upload_Metadata=said).headers["location"]
    assert tus.ask("HEAD", path).headers["upload-metadata"] == said
    assert tus.ask("DELETE", path).status_code == 204
