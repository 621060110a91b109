"""``evalnb up``, ``down`` and ``status``, with everything that they start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from evalnb.cli.supervision import processes
from evalnb.cli.supervision.runfile import Record, RunDirectory
from evalnb.store.embedded import postgres, valkey
from tests.conftest import temporary_home

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Machine:
    """A home, and the command line on it."""

    home: Path
    first_port: int

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("EVALNB_")}
        return {**plain, "EVALNB_HOME": str(self.home), "EVALNB_PORT": str(self.first_port)}

    @property
    def run_directory(self) -> RunDirectory:
        return RunDirectory(self.home)

    def evalnb(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "evalnb", *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def record(self) -> Record:
        found = self.run_directory.record()
        assert found is not None
        return found

    def status(self) -> dict[str, dict[str, Any]]:
        said = json.loads(self.evalnb("status", "--json").stdout)
        return {row["name"]: row for row in said["services"]}

    def pid(self, name: str) -> int | None:
        """Of a service that is up; `evalnb status` says the same, and takes a second."""
        if name in ("postgres", "valkey"):
            server = {"postgres": postgres, "valkey": valkey}[name].status(self.home)
            return server.pid if server.running else None
        return next((one.pid for one in self.record().entries if one.name == name and one.state == "up"), None)

    def everything(self) -> set[processes.Identity]:
        """All that runs because of this home."""
        record = self.record()
        roots = [record.supervisor, *(entry.identity for entry in record.entries if entry.identity)]
        return processes.family(roots)

    def backends(self) -> dict[str, dict[str, Any]]:
        """What stands behind the front."""
        found: dict[str, dict[str, Any]] = json.loads((self.run_directory.path / "backends.json").read_text())
        return found["backends"]

    def lab(self, method: str, path: str, **more: Any) -> httpx.Response:
        address = urlsplit(self.run_directory.addresses()["front"])
        (token,) = parse_qs(address.query)["token"]
        return httpx.request(
            method,
            f"http://{address.netloc}/jupyter{path}",
            headers={"Authorization": f"token {token}"},
            timeout=30,
            trust_env=False,
            **more,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def machine_() -> Iterator[Machine]:
    with temporary_home() as home:
        one = Machine(home, free_port())
        try:
            yield one
        finally:
            one.evalnb("down", "--force")


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A home of the test's own."""
    with machine_() as one:
        yield one


@pytest.fixture(scope="module")
def up() -> Iterator[Machine]:
    """A home on which everything is up, shared by the tests that leave it so."""
    with machine_() as one:
        started = one.evalnb("up", "--detach")
        assert started.returncode == 0, started.stderr
        yield one


def until(fact: Callable[[], bool], *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.1)


def test_everything_is_up_and_its_memory_and_age_are_told(up: Machine) -> None:
    rows = up.status()
    # The portal is there where Node is, and where it is built.
    if rows["portal"]["state"] == "absent":
        assert "the portal is left out" in rows.pop("portal")["note"]
    assert set(rows) - {"portal"} == {"front", "lab", "voila", "api", "worker", "postgres", "valkey"}
    for name, row in rows.items():
        assert row["state"] == "up" and row["running"], name
        assert row["uptime_s"] >= 0 and row["memory_bytes"] > 1_000_000


def test_the_table_on_a_terminal_has_every_address_whole(up: Machine) -> None:
    told = up.evalnb("status").stdout
    for address in up.run_directory.addresses().values():
        assert address in told.split()


def test_the_addresses_answer_with_their_tokens_and_refuse_without(up: Machine) -> None:
    addresses = up.run_directory.addresses()
    assert set(addresses) - {"portal"} == {"front", "lab", "voila", "api"}
    assert len({urlsplit(address).netloc for address in addresses.values()}) == 1, "one address for all of them"
    assert httpx.get(f"{addresses['api']}/health", trust_env=False).json()["status"] == "ok"
    assert up.lab("GET", "/api/status").status_code == 200
    for name, path in (("lab", "api/contents"), ("voila", ""), ("voila", "voila/api/contents/")):
        prefix = addresses[name].removesuffix("lab")
        assert httpx.get(f"{prefix}{path}", trust_env=False).status_code == 401
        # Nor at its own door, which is closed to everybody but the front.
        behind = up.backends()[name]
        own = f"http://127.0.0.1:{behind['port']}{urlsplit(prefix).path}{path}"
        assert httpx.get(own, trust_env=False).status_code in {302, 403}
    with httpx.Client(trust_env=False, headers={"Accept": "text/html"}) as person:
        signed_in = person.get(addresses["front"])
        assert signed_in.status_code == 303 and "token" not in signed_in.headers["location"]
        assert person.get(addresses["lab"]).status_code == 200
        assert person.get(addresses["voila"]).status_code == 200


def test_a_guest_reaches_no_notebook_and_nothing_once_signed_out(up: Machine) -> None:
    front = urlsplit(up.run_directory.addresses()["front"])
    base = f"http://{front.netloc}"
    owner = {"Authorization": f"Bearer {up.run_directory.api_token()}"}
    guest = {"name": "guest", "password": "a long enough password"}
    made = httpx.post(f"{base}/api/users", json=guest, headers=owner, trust_env=False, timeout=60)
    assert made.status_code == 201, made.text
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as person:
        signed_in = person.post("/api/session", json=guest)
        assert signed_in.status_code == 200, signed_in.text
        refused = person.get("/jupyter/api/status")
        assert refused.status_code == 403 and "only an owner" in refused.json()["detail"]
        assert person.get("/voila/voila/render/report.ipynb?slug=a&project=1").status_code == 403
        assert person.delete("/api/session", headers={"X-Evalnb-Csrf": signed_in.json()["csrf"]}).status_code == 204
        cookie = f"evalnb_session={signed_in.cookies['evalnb_session']}"
        until(lambda: person.get("/jupyter/api/status", headers={"Cookie": cookie}).status_code == 401)
    made = httpx.post(
        f"{base}/api/tokens", json={"name": "reader", "scope": "read"}, headers=owner, trust_env=False, timeout=60
    )
    reader = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert httpx.get(f"{base}/jupyter/api/status", headers=reader, trust_env=False).status_code == 403


def test_no_token_is_on_a_command_line(up: Machine) -> None:
    secrets = [one["secret"] for one in up.backends().values() if one["secret"]] + [up.run_directory.api_token()]
    assert len(secrets) == 3
    for one in up.everything():
        process = one.process()
        words = " ".join(process.cmdline()) if process else ""
        assert not any(secret in words for secret in secrets)


def test_what_others_may_read_is_nothing(up: Machine) -> None:
    for path in [*(up.home / "run").iterdir(), *(up.home / "logs").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0, path


def test_a_second_up_says_that_it_is_up_already(up: Machine) -> None:
    before = up.record().supervisor
    again = up.evalnb("up")
    assert again.returncode == 0
    assert "up already" in again.stdout and up.run_directory.addresses()["front"] in again.stdout
    assert up.record().supervisor == before


@pytest.mark.chaos
@pytest.mark.parametrize("name", ["front", "lab", "api", "worker", "postgres", "valkey"])
def test_what_is_killed_comes_back_where_it_was(up: Machine, name: str) -> None:
    before = up.status()[name]
    os.kill(before["pid"], signal.SIGKILL)

    until(lambda: up.pid(name) not in (None, before["pid"]))
    # It is there before it answers.
    until(lambda: (now := up.status()[name])["running"] and now["state"] == "up")
    assert up.status()[name]["address"] == before["address"]
    until(
        lambda: httpx.get(f"{up.run_directory.addresses()['api']}/health", trust_env=False).json()["status"] == "ok"
    )


@contextmanager
def foreground(machine: Machine, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "evalnb", "up", *words],
        env=machine.environment,
        cwd=machine.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        while not (line := process.stdout.readline()).startswith("Ctrl+C"):
            lines.append(line)
            assert line, "".join(lines)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.chaos
def test_one_ctrl_c_ends_all_of_it_kernels_included(machine: Machine) -> None:
    with foreground(machine) as process:
        kernel = machine.lab("POST", "/api/kernels", json={"name": "python3"})
        assert kernel.status_code == 201
        supervisor = processes.identify(process.pid)
        assert supervisor is not None
        until(lambda: any("ipykernel_launcher" in command(one) for one in processes.family([supervisor])))
        everything = machine.everything()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert time.monotonic() - began < 15
        until(lambda: processes.living(everything) == set(), within_s=2)
    assert machine.run_directory.record() is None
    assert machine.run_directory.addresses() == {}


def command(one: processes.Identity) -> str:
    process = one.process()
    return " ".join(process.cmdline()) if process else ""


@pytest.mark.chaos
def test_what_a_killed_up_left_is_ended_by_the_next(machine: Machine) -> None:
    assert machine.evalnb("up", "--detach").returncode == 0
    assert machine.lab("POST", "/api/kernels", json={"name": "python3"}).status_code == 201
    supervisor = machine.record().supervisor

    def kernels() -> set[processes.Identity]:
        return {one for one in machine.record().descendants if "ipykernel_launcher" in command(one)}

    until(lambda: bool(kernels()))
    servers = {postgres.status(machine.home).pid, valkey.status(machine.home).pid}
    left = machine.everything() - below(servers) - {supervisor}
    os.kill(supervisor.pid, signal.SIGKILL)
    until(lambda: supervisor.process() is None)
    assert machine.evalnb("status").returncode == 1
    assert processes.living(left) != set()

    again = machine.evalnb("up", "--detach")
    assert again.returncode == 0, again.stderr
    assert processes.living(left) == set()
    assert {postgres.status(machine.home).pid, valkey.status(machine.home).pid} == servers, "the servers were adopted"

    ended = machine.evalnb("down", "--json")
    assert json.loads(ended.stdout) == {"up": True, "leftovers": 0, "servers": [], "kept": 0}
    assert below(servers) == set()


def below(pids: set[int | None]) -> set[processes.Identity]:
    roots = [found for pid in pids if pid is not None and (found := processes.identify(pid))]
    return processes.family(roots)


def test_the_servers_run_on_while_another_program_uses_them(machine: Machine) -> None:
    url = postgres.ensure(machine.home)
    valkey.ensure(machine.home)
    mine = psycopg.connect(url, autocommit=True)
    try:
        kept = machine.evalnb("down")
        assert "1 connections of other programs" in kept.stderr
        assert mine.execute("SELECT 1").fetchone() == (1,)
        ended = json.loads(machine.evalnb("down", "--force", "--json").stdout)
        assert sorted(ended["servers"]) == ["postgres", "valkey"]
    finally:
        mine.close()
    assert not postgres.status(machine.home).running


def test_a_busy_first_port_is_passed_over_and_a_busy_port_by_number_is_an_error(machine: Machine) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", machine.first_port))
        busy.listen()
        refused = machine.evalnb("up", "--port", str(machine.first_port))
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"✗ port {machine.first_port} on 127.0.0.1 is busy\n  ")
        assert "Traceback" not in refused.stderr
        assert machine.evalnb("up", "--detach").returncode == 0
        port = urlsplit(machine.run_directory.addresses()["front"]).port
        assert port is not None and port > machine.first_port


def test_down_and_status_of_a_home_that_is_not_there_make_none(tmp_path: Path) -> None:
    nowhere = Machine(tmp_path / "none", free_port())
    environment = nowhere.environment
    for verb, code, says in (("down", 0, "nothing was running"), ("status", 1, "not up")):
        done = subprocess.run(
            [sys.executable, "-m", "evalnb", verb], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, says in done.stdout) == (code, True), done.stderr
    assert not nowhere.home.exists()
