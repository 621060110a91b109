"""The supervisor, with small real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from evalnb.cli.supervision import logs, ports, probes, processes
from evalnb.cli.supervision.child import QUICK_DEATHS, Child, Service
from evalnb.cli.supervision.runfile import Entry, Record, RunDirectory
from evalnb.errors import Unavailable

SLEEPER = "import time; time.sleep(600)"
# A parent like JupyterLab: its child is in a session of its own, and outlives it unless somebody cares.
PARENT = (
    "import subprocess, sys, time; "
    f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True); time.sleep(600)"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


@pytest.fixture
def launch() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> subprocess.Popen[bytes]:
        started.append(
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
        )
        return started[-1]

    yield start
    for one in started:
        leftovers = below(one)
        one.kill()
        one.wait()
        processes.kill(leftovers)


def identity(process: subprocess.Popen[bytes]) -> processes.Identity:
    found = processes.identify(process.pid)
    assert found is not None
    return found


def until(fact: Callable[[], bool], *, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def test_a_pid_that_was_reused_is_another_process() -> None:
    me = processes.myself()
    assert me.process() is not None
    assert processes.Identity(me.pid, me.born - 60).process() is None


def test_ending_a_process_ends_what_it_started_in_another_session(
    launch: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    parent = identity(launch(PARENT))
    until(lambda: len(processes.family([parent])) == 2)
    everything = processes.family([parent])
    assert processes.end([parent], grace_s=5) == set()
    assert processes.living(everything) == set()


def test_a_process_that_ignores_sigterm_is_killed(launch: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = launch(STUBBORN)
    assert process.stdout is not None
    process.stdout.readline()
    stubborn = identity(process)
    assert processes.end([stubborn], grace_s=0.2) == set()
    assert stubborn.process() is None


def test_a_spared_branch_survives(launch: Callable[[str], subprocess.Popen[bytes]]) -> None:
    parent = identity(launch(PARENT))
    until(lambda: len(processes.family([parent])) == 2)
    (child,) = processes.family([parent]) - {parent}
    try:
        processes.end([parent], spare=[child.pid], grace_s=5)
        assert parent.process() is None
        assert child.process() is not None
    finally:
        processes.kill([child])


def test_a_descendant_whose_parent_died_is_still_ended(launch: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = launch(PARENT)
    parent = identity(process)
    until(lambda: len(processes.family([parent])) == 2)
    known = processes.family([parent])
    process.kill()
    process.wait()
    assert processes.end([parent], known=known, grace_s=1) == set()
    assert processes.living(known) == set()


def test_a_busy_port_is_passed_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert ports.first_free("127.0.0.1", port) > port
        with pytest.raises(Unavailable, match=f"port {port} on 127.0.0.1 is busy"):
            ports.exactly("127.0.0.1", port)


def test_an_address_of_another_machine_has_no_free_port() -> None:
    with pytest.raises(Unavailable, match="EVALNB_HOST"):
        ports.first_free("192.0.2.1", 8888)


def test_logs_are_rotated_and_the_sixth_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "lab.log"
    for number in range(8):
        logs.rotate(log)
        log.write_text(f"start {number}")
    assert log.read_text() == "start 7"
    assert sorted(one.name for one in log.parent.iterdir()) == [
        "lab.1.log",
        "lab.2.log",
        "lab.3.log",
        "lab.4.log",
        "lab.5.log",
        "lab.log",
    ]
    assert (log.parent / "lab.5.log").read_text() == "start 2"


def test_one_lock_for_one_home(tmp_path: Path) -> None:
    first, second = RunDirectory(tmp_path), RunDirectory(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == processes.myself()
    first.release()
    assert second.holder() is None
    assert second.acquire()


def test_the_record_comes_back_as_written_and_is_private(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    record = Record(
        supervisor=processes.myself(),
        ready=True,
        entries=[Entry("lab", "JupyterLab", "up", address="http://x/?token=y", pid=1, born=2.0)],
        descendants=[processes.Identity(3, 4.0)],
    )
    run.write_record(record)
    assert run.record() == record
    assert (run.path / "up.json").stat().st_mode & 0o777 == 0o600
    assert run.path.stat().st_mode & 0o777 == 0o700
    run.forget()
    assert run.record() is None


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    (run.path / "up.json").write_text('{"supervisor":')
    with pytest.raises(Unavailable, match=r"up\.json"):
        run.record()


def service(program: str, tmp_path: Path, **more: object) -> Service:
    options: dict[str, object] = {
        "name": "one",
        "title": "One",
        "command": (sys.executable, "-c", program, "{port}"),
        "environment": dict(os.environ),
        "directory": tmp_path,
        "ready": lambda _address, _pid: False,
    }
    return Service(**{**options, **more})  # type: ignore[arg-type]


def test_what_dies_at_once_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child(service("print('no such option', flush=True); raise SystemExit(3)", tmp_path), tmp_path / "one.log")
    child.start()

    def given_up() -> bool:
        child._again = 0.0  # the pauses between the starts are not what is tested
        child.tick()
        return child.state == "failed"

    until(given_up)
    assert len(child.happened) == QUICK_DEATHS
    assert "exit code 3" in child.happened[-1] and "no such option" in child.happened[-1]
    assert child.log.read_text().count("no such option") == QUICK_DEATHS


def test_what_cannot_even_be_started_is_given_up_with_the_reason(tmp_path: Path) -> None:
    child = Child(service("pass", tmp_path, directory=tmp_path / "gone"), tmp_path / "one.log")
    child.start()
    for _ in range(QUICK_DEATHS):
        child._again = 0.0
        child.tick()
    assert child.state == "failed"
    assert "No such file or directory" in child.happened[-1]


def test_what_loses_the_race_for_its_port_takes_the_next(tmp_path: Path) -> None:
    web = (
        "import sys; from http.server import SimpleHTTPRequestHandler as Handler, test; "
        "test(Handler, port=int(sys.argv[1]), bind='127.0.0.1')"
    )
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        child = Child(
            service(
                web,
                tmp_path,
                port=port,
                address="http://127.0.0.1:{port}/",
                ready=lambda address, _pid: probes.answers(address),
            ),
            tmp_path / "one.log",
        )
        child.start()
        try:

            def up() -> bool:
                child.tick()
                return child.state == "up"

            until(up)
            assert child.service.port != port
            assert probes.answers(child.service.located())
        finally:
            assert child.identity is not None
            processes.kill([child.identity])


# The whole loop, in a process of its own, so that signals are real.
LOOP = """
import os, sys
from pathlib import Path
from evalnb.cli.supervision.child import Service
from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.cli.supervision.supervisor import Supervisor
home = Path(sys.argv[1])
run = RunDirectory(home)
assert run.acquire()
def one(name, program):
    return Service(name=name, title=name, command=(sys.executable, "-c", program), environment=dict(os.environ),
                   directory=home, ready=lambda *_: True)
Supervisor([one("parent", sys.argv[2]), one("stubborn", sys.argv[3])], run=run, grace_s=float(sys.argv[4]),
           say=lambda line: print(line, flush=True), became_ready=lambda _: print("READY", flush=True)).run()
run.forget()
print("ENDED", flush=True)
"""


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(grace_s: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(tmp_path), PARENT, STUBBORN, str(grace_s)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        # Three processes: the parent, what it started, and the stubborn one.
        until(lambda: len(below(process)) == 3)
        return process

    yield start
    for process in started:
        leftovers = below(process)
        process.kill()
        process.wait()
        processes.kill(leftovers)


def below(process: subprocess.Popen[Any]) -> set[processes.Identity]:
    me = processes.identify(process.pid)
    return set() if me is None else processes.family([me]) - {me}


def test_one_ctrl_c_ends_everything_and_leaves_nothing(
    loop: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = loop(0.5)
    everything = below(process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert output.endswith("ENDED\n")
    assert process.returncode == 0
    assert processes.living(everything) == set()
    assert RunDirectory(tmp_path).record() is None


def test_a_second_ctrl_c_kills_at_once(loop: Callable[[float], subprocess.Popen[str]]) -> None:
    process = loop(60)
    everything = below(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None  # the stubborn one has a minute's grace
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert processes.living(everything) == set()


def test_what_is_killed_is_started_again(loop: Callable[[float], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = loop(0.5)

    def stubborn() -> Entry:
        record = RunDirectory(tmp_path).record()
        assert record is not None
        return next(entry for entry in record.entries if entry.name == "stubborn")

    before = stubborn()
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: stubborn().state == "up" and stubborn().pid != before.pid)
    assert process.stdout is not None
    assert "died (signal SIGKILL)" in process.stdout.readline()


def test_a_killed_supervisor_leaves_a_record_of_everything_it_kept(
    loop: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = loop(5)
    everything = below(process)
    run = RunDirectory(tmp_path)

    def recorded() -> set[processes.Identity]:
        record = run.record()
        assert record is not None
        return set(record.descendants)

    until(lambda: recorded() == everything)
    process.kill()
    process.wait()
    assert run.holder() is None
    assert processes.living(everything) == everything
    assert processes.end(recorded(), grace_s=0.5) == set()


def test_a_probe_does_not_hang_on_a_server_that_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert not probes.answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=0.3)
        assert time.monotonic() - began < 5


def test_a_record_is_never_seen_half_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            run.write_addresses({"lab": "x" * 50_000})

    run.write_addresses({"lab": "x" * 50_000})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert json.loads((run.path / "addresses.json").read_text())
    finally:
        stop.set()
        writer.join()


def test_memory_counts_the_children(launch: Callable[[str], subprocess.Popen[bytes]]) -> None:
    parent = identity(launch(PARENT))
    until(lambda: len(processes.family([parent])) == 2)
    assert processes.memory_bytes(parent) > psutil.Process(parent.pid).memory_info().rss
