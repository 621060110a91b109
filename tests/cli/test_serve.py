"""One service in the foreground, and whether it answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from evalnb.errors import Invalid
from evalnb.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def probe(settings: Settings, *arguments: str) -> int:
    command = [sys.executable, "-m", "evalnb", "serve", *arguments, "--probe"]
    return subprocess.run(command, env=settings.child_environment(), check=False, timeout=120).returncode


@contextmanager
def serving(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "evalnb", "serve", *arguments]
    process = subprocess.Popen(command, env=settings.child_environment(), start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until_answered(settings: Settings, *arguments: str) -> None:
    until = time.monotonic() + 120
    while probe(settings, *arguments):
        assert time.monotonic() < until, arguments
        time.sleep(0.2)


def test_the_front_finds_the_api_that_it_is_told_of(settings: Settings) -> None:
    api, front = str(free_port()), str(free_port())
    assert probe(settings, "api", "--port", api) == 1
    with serving(settings, "api", "--port", api) as process:
        until_answered(settings, "api", "--port", api)
        with serving(settings, "front", "--port", front, "--behind", f"api=http://127.0.0.1:{api}"):
            until_answered(settings, "front", "--port", front)
            token = (settings.home / "run" / "api-token").read_text()
            headers = {"Authorization": f"Bearer {token}"}
            said = httpx.get(f"http://127.0.0.1:{front}/api/projects", headers=headers, timeout=30)
            assert said.status_code == 200
        assert process.poll() is None
    assert process.returncode in (0, -signal.SIGTERM)


def test_an_address_that_is_none_is_refused(settings: Settings) -> None:
    command = [sys.executable, "-m", "evalnb", "serve", "front", "--behind", "api=nowhere"]
    done = subprocess.run(command, env=settings.child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--behind api=nowhere" in done.stderr and "http://HOST:PORT" in done.stderr


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://somebody:secret@there/evalnb\n")
    read = Settings.from_environment(
        {"EVALNB_DATABASE_URL_FILE": str(tmp_path / "url"), "EVALNB_HOME": str(tmp_path)}
    )
    assert read.database_url == "postgresql://somebody:secret@there/evalnb"
    with pytest.raises(Invalid, match="EVALNB_BROKER_URL_FILE is '/nowhere'"):
        Settings.from_environment({"EVALNB_BROKER_URL_FILE": "/nowhere"})
