"""Downloads, against a real HTTP server that cuts, lies, and forgets."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from evalnb.errors import Invalid, NotFound, Offline, Unavailable, Unsafe
from evalnb.models import files
from evalnb.models.weights import PUBLISHED, Published, fetch


@dataclass
class Server:
    """Serves one file; every flaw can be switched on."""

    content: bytes
    ranges: bool = True
    tag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers end, without saying so."""
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    """The Range header of every request."""
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        if wanted and self.ranges and handler.headers.get("If-Range") == self.tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            handler.send_response(200)
        body = self.content[start:]
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", self.tag)
        handler.end_headers()
        handler.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Server]]:
    running: list[ThreadingHTTPServer] = []

    def start(content: bytes) -> Server:
        served = Server(content)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        running.append(http)
        served.url = f"http://127.0.0.1:{http.server_port}/tiny.pt"
        return served

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


@dataclass
class Bar:
    total: int | None = None
    done: int = 0
    closed: bool = False

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        assert unit == "B" and "tiny.pt" in what
        self.total, self.done = total, 0

    def advance(self, n: int = 1) -> None:
        self.done += n

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    out = io.BytesIO()
    torch.save({"model": {"w": torch.arange(200_000.0)}}, out)
    return out.getvalue()


def published(server: Server, *, sha256: str | None = "right", size: int | None = None) -> dict[str, Published]:
    digest = hashlib.sha256(server.content).hexdigest() if sha256 == "right" else sha256
    return {"tiny": Published("tiny", server.url, size, digest)}


def test_weights_arrive_as_safetensors_and_the_second_time_nothing_is_asked(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server, bar = serve(checkpoint), Bar()
    path = fetch("tiny", tmp_path, offline=False, progress=bar, catalogue=published(server))
    assert path == tmp_path / "models" / "tiny.safetensors"
    assert files.read_header(path).architecture == "tiny" and files.shapes(path) == {"w": (200_000,)}
    assert (bar.total, bar.done, bar.closed) == (len(checkpoint), len(checkpoint), True)
    assert fetch("tiny", tmp_path, offline=True, catalogue=published(server)) == path
    assert len(server.asked) == 1
    assert sorted(one.name for one in path.parent.iterdir()) == [".tiny.lock", "tiny.pt.sha256", "tiny.safetensors"]


def test_a_cut_download_goes_on_where_it_stopped(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server, bar = serve(checkpoint), Bar()
    server.cuts = [300_000, 200_000]
    fetch("tiny", tmp_path, offline=False, progress=bar, catalogue=published(server))
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]
    assert bar.done == len(checkpoint)


def test_a_killed_download_goes_on_in_the_next_process(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.pt.part").write_bytes(checkpoint[:100_000])
    (folder / "tiny.pt.part.json").write_text('{"tag": "\\"one\\""}')
    fetch("tiny", tmp_path, offline=False, catalogue=published(server))
    assert server.asked == ["bytes=100000-"]


def test_a_server_without_ranges_sends_it_all_again(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    server.ranges, server.cuts = False, [300_000]
    fetch("tiny", tmp_path, offline=False, catalogue=published(server))
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_not_spliced(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.pt.part").write_bytes(b"of another version" * 1000)
    (folder / "tiny.pt.part.json").write_text('{"tag": "\\"older\\""}')
    fetch("tiny", tmp_path, offline=False, catalogue=published(server))


def test_a_wrong_checksum_is_refused_and_the_file_removed(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    with pytest.raises(Invalid, match=rf"has the SHA-256 [0-9a-f]{{64}}, not {'0' * 64}; download it again"):
        fetch("tiny", tmp_path, offline=False, catalogue=published(server, sha256="0" * 64))
    assert not list((tmp_path / "models").glob("tiny.*"))


def test_where_no_hash_is_known_the_first_is_recorded_and_the_next_must_equal_it(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    path = fetch("tiny", tmp_path, offline=False, catalogue=published(server, sha256=None))
    record = path.with_name("tiny.pt.sha256").read_text()
    assert record == f"{hashlib.sha256(checkpoint).hexdigest()}  tiny.pt\n"
    path.unlink()
    server.content = checkpoint + b"more"
    with pytest.raises(Invalid, match="something changed it"):
        fetch("tiny", tmp_path, offline=False, catalogue=published(server, sha256=None))


def test_a_login_page_is_refused_by_its_length(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    server = serve(b"<html>log in</html>")
    with pytest.raises(Unsafe, match=r"offers 19 bytes, and tiny\.pt has 5,000,000; check the network"):
        fetch("tiny", tmp_path, offline=False, catalogue=published(server, size=5_000_000))


def test_a_refusing_server_is_named_at_once(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    server = serve(b"x")
    server.status = 404
    with pytest.raises(Unavailable, match=r"tiny\.pt answered 404 .*put it at .*models/tiny\.pt"):
        fetch("tiny", tmp_path, offline=False, catalogue=published(server))
    assert len(server.asked) == 1


def test_offline_says_which_file_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(Offline) as caught:
        fetch("sam2.1-tiny", tmp_path, offline=True)
    told = str(caught.value)
    assert PUBLISHED["sam2.1-tiny"].url in told and str(tmp_path / "models" / "sam2.1_hiera_tiny.pt") in told
    assert "EVALNB_OFFLINE" in told and "156 MB" in told


def test_weights_that_come_before_anything_else_make_a_private_home(tmp_path: Path) -> None:
    with pytest.raises(Offline):
        fetch("sam2.1-tiny", tmp_path / "home", offline=True)
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_no_network_says_the_same(tmp_path: Path) -> None:
    nobody = {"tiny": Published("tiny", "http://127.0.0.1:9/tiny.pt", None, None)}
    with pytest.raises(Offline, match=r"refused.*download http://127\.0\.0\.1:9/tiny\.pt and put it at"):
        fetch("tiny", tmp_path, offline=False, catalogue=nobody)


def test_a_checkpoint_put_by_hand_is_used_and_kept(
    serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path
) -> None:
    server = serve(checkpoint)
    mine = tmp_path / "models" / "tiny.pt"
    mine.parent.mkdir()
    mine.write_bytes(checkpoint)
    fetch("tiny", tmp_path, offline=True, catalogue=published(server))
    assert mine.is_file() and not server.asked
    mine.with_name("tiny.safetensors").unlink()
    mine.write_bytes(checkpoint[:-1] + b"!")
    with pytest.raises(Invalid, match="SHA-256"):
        fetch("tiny", tmp_path, offline=True, catalogue=published(server))
    assert mine.is_file()


def test_two_at_once_download_once(serve: Callable[[bytes], Server], checkpoint: bytes, tmp_path: Path) -> None:
    server = serve(checkpoint)
    got: list[Path] = []

    def ask() -> None:
        got.append(fetch("tiny", tmp_path, offline=False, catalogue=published(server)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(server.asked) == 1 and len(set(got)) == 1 and len(got) == 4


def test_unknown_names_suggest_near_ones(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no architecture 'yolo11q'; use one of 'yolo11"):
        fetch("yolo11q", tmp_path, offline=True)


def test_the_catalogue_names_every_architecture() -> None:
    from evalnb.models.architectures import ARCHITECTURES

    assert set(PUBLISHED) == set(ARCHITECTURES)
    assert all(one.url.startswith("https://") and one.file.endswith(".pt") for one in PUBLISHED.values())
    assert all(one.sha256 is None or len(one.sha256) == 64 for one in PUBLISHED.values())
