"""The embedded Valkey: shared, adopted, and keeping what it acknowledged."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from evalnb.errors import Invalid, Unavailable
from evalnb.store import broker
from evalnb.store.embedded import valkey
from tests.store.processes import said, script

ENSURE = (
    "import sys, pathlib; from evalnb.store.embedded import valkey as v; print(v.ensure(pathlib.Path(sys.argv[1])))"
)


def pid_of(home: Path) -> int:
    return int((home / "valkey" / "pid").read_text())


def test_it_listens_on_a_private_socket_alone_and_refuses_rather_than_forgets(own_home: Path) -> None:
    client = broker.connect(valkey.ensure(own_home))
    assert client.config_get("port")["port"] == "0"
    assert client.config_get("appendonly")["appendonly"] == "yes"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    assert stat.S_IMODE((own_home / "valkey" / "valkey.sock").stat().st_mode) == 0o700
    assert stat.S_IMODE((own_home / "valkey").stat().st_mode) == 0o700


def test_several_processes_at_once_make_one_server(own_home: Path) -> None:
    kernels = [script(ENSURE, own_home) for _ in range(4)]
    assert len({said(one) for one in kernels}) == 1
    client = broker.connect(valkey.ensure(own_home))
    assert client.info("server")["process_id"] == pid_of(own_home)


def test_a_killed_parent_leaves_its_server_to_be_adopted(own_home: Path) -> None:
    parent = script(ENSURE + "; import os; os.kill(os.getpid(), 9)", own_home)
    said(parent, returncode=-signal.SIGKILL)
    pid = pid_of(own_home)
    assert broker.connect(valkey.ensure(own_home)).info("server")["process_id"] == pid


def test_what_it_acknowledged_survives_sigkill(own_home: Path) -> None:
    client = broker.connect(valkey.ensure(own_home))
    for n in range(2000):
        client.rpush("bells", n)
    os.kill(pid_of(own_home), signal.SIGKILL)
    assert broker.connect(valkey.ensure(own_home)).llen("bells") == 2000


def test_a_stale_pidfile_whose_number_is_another_programs_is_seen_through(own_home: Path) -> None:
    valkey.ensure(own_home)
    os.kill(pid_of(own_home), signal.SIGKILL)
    (own_home / "valkey" / "pid").write_text(f"{os.getpid()}\n")
    assert valkey.status(own_home).pid is None
    assert broker.connect(valkey.ensure(own_home)).ping()
    assert pid_of(own_home) != os.getpid()


def test_a_home_with_a_long_path_has_its_socket_elsewhere(own_home: Path) -> None:
    home = own_home / ("long-" * 20) / "home"
    url = valkey.ensure(home)
    try:
        assert url.startswith("redis+socket:///tmp/evalnb-") and broker.connect(url).ping()
    finally:
        valkey.stop(home)
        for folder in (
            Path(url.removeprefix("redis+socket://")).parent,
            Path(url.removeprefix("redis+socket://")).parents[1],
        ):
            folder.rmdir()


def test_stop_ends_it_and_says_whether_there_was_one(own_home: Path) -> None:
    assert valkey.stop(own_home) is False
    valkey.ensure(own_home)
    assert valkey.status(own_home).running and valkey.status(own_home).version == "9.1.2"
    assert valkey.stop(own_home) is True
    assert not valkey.status(own_home).running
    assert valkey.stop(own_home) is False


def test_a_broker_that_is_not_there_is_named_at_once_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="the broker does not answer at localhost:1/0") as refusal:
        broker.check("redis://:secret@localhost:1/0")
    assert "secret" not in str(refusal.value) and "EVALNB_BROKER_URL" in refusal.value.remedy


def test_a_broker_that_is_too_old_is_told_with_its_version(
    server_broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "OLDEST", (99, 0))
    with pytest.raises(Unavailable, match=r"is Redis \d+\.\d+\.\d+; evalnb needs Redis"):
        broker.check(server_broker_url)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="is not a broker's address"):
        broker.connect("amqp://localhost")
