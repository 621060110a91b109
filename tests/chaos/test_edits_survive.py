"""Kernel, worker, browser tab and PostgreSQL are killed at random moments, 50 times: no acknowledged edit is lost.

The kernel is a real one with a real Annotator; the tab speaks its comm over Jupyter's own protocol, keeps what was
not acknowledged, as the canvas does, and sends it again.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from jupyter_client.manager import KernelManager
from sqlalchemy import text
from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.wire.shapes import BoxGeometry, Op, Patch, Shape
from tests.chaos.other_hand import applier
from tests.store.processes import kill_server, postmaster_pid
from tests.yard import Yard, make_yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

T = TypeVar("T")

FAULTS = {"tab": 24, "connection": 15, "worker": 4, "kernel": 3, "postgresql": 4}
"""How often each dies: 50 times together."""

WIDGET = """
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb.widgets.annotator import Annotator
widget = Annotator(open_store(Settings.from_environment()), {dataset_id}, author="ada")
print(widget.comm.comm_id)
"""


class Hand:
    """Makes ops, remembers which were acknowledged, and in which order the rest wait."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.made: dict[UUID, Op] = {}
        self.acknowledged: dict[UUID, str] = {}
        self.waiting: list[Op] = []
        self.shapes: list[UUID] = []

    def draw(self) -> None:
        """One more op in the queue: a new box, or another place for an old one."""
        box = tuple(self.luck.uniform(1, 200) for _ in range(4))
        patch = Patch(class_id=self.luck.choice([1, 7, 30]), geometry=BoxGeometry(box=box))
        old = self.shapes and self.luck.random() < 0.5
        shape_id = self.luck.choice(self.shapes) if old else uuid4()
        op = Op(
            client_op_id=uuid4(),
            shape_id=shape_id,
            base_rev=1 if old else 0,
            action="update" if old else "create",
            patch=patch,
        )
        if not old:
            self.shapes.append(shape_id)
        self.made[op.client_op_id] = op
        self.waiting.append(op)

    def acknowledge(self, op_id: UUID, status: str) -> None:
        assert status in ("applied", "duplicate"), status
        self.acknowledged.setdefault(op_id, status)
        self.waiting = [op for op in self.waiting if op.client_op_id != op_id]


class Tab:
    """A browser tab: one connection to the kernel, one batch in flight."""

    def __init__(self, manager: KernelManager, comm_id: str) -> None:
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.manager, self.comm_id = manager, comm_id
        self.dead = threading.Event()
        self._number = 0
        # iopub is a subscription: until it is made, answers would go past.
        self.client.wait_for_ready(timeout=60)

    def apply(self, image_id: int, ops: list[Op]) -> dict[str, Any] | None:
        """The answer's message; None if the tab or the kernel died first."""
        self._number += 1
        ask = {"id": self._number, "ask": "apply", "image_id": image_id}
        ask["ops"] = [json.loads(op.model_dump_json()) for op in ops]
        content = {"comm_id": self.comm_id, "data": {"method": "custom", "content": ask}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))
        end = time.monotonic() + 60
        while not self.dead.is_set() and self.manager.is_alive():
            assert time.monotonic() < end, "the kernel lives and does not answer"
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            answer = (
                message["content"].get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
            )
            if answer.get("id") == self._number:
                return answer
        return None

    def close(self) -> None:
        self.client.stop_channels()


class Kernel:
    """A real kernel with an Annotator in it."""

    def __init__(self, environment: dict[str, str], dataset_id: int) -> None:
        self.environment, self.dataset_id = environment, dataset_id
        self.manager: KernelManager | None = None
        self.comm_id = ""
        self.started = 0

    @property
    def alive(self) -> bool:
        return self.manager is not None and bool(self.manager.is_alive())

    def ensure(self) -> KernelManager:
        """The living one, or a new one whose first cell has run."""
        if self.manager is not None and self.manager.is_alive():
            return self.manager
        self.started += 1
        # Sockets in the home, under a new name each time: a killed kernel leaves its own behind.
        file = Path(self.environment["EVALNB_HOME"]) / f"k{self.started}.json"
        self.manager = KernelManager(transport="ipc", connection_file=str(file))
        self.manager.start_kernel(env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL)
        client = self.manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        said: list[str] = []

        def hear(message: Any) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        reply = client.execute_interactive(
            WIDGET.format(dataset_id=self.dataset_id), output_hook=hear, timeout=120, allow_stdin=False
        )
        assert reply["content"]["status"] == "ok", (reply["content"], said)
        self.comm_id = "".join(said).split()[-1]
        client.stop_channels()
        return self.manager

    def kill(self) -> None:
        assert self.manager is not None
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)

    def end(self) -> None:
        if self.manager is not None and self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)


def open_tab(kernel: Kernel) -> Tab:
    """A tab on the living kernel; on a new one, if that dies while the tab connects."""
    while True:
        manager = kernel.ensure()
        try:
            return Tab(manager, kernel.comm_id)
        except RuntimeError:
            if kernel.alive:
                raise


class Worker:
    """A process that applies ops of its own, in its own session."""

    def __init__(self, environment: dict[str, str], image_id: int, hand: Hand) -> None:
        self.environment, self.image_id, self.hand = environment, image_id, hand
        self.process: subprocess.Popen[str] | None = None

    def ensure(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.process = applier(self.image_id, self.environment)
        return self.process

    def work(self, fault: Callable[[], None]) -> None:
        """Send everything that waits; hear what is acknowledged until it is all, or the process is killed."""
        process = self.ensure()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("".join(op.model_dump_json() + "\n" for op in self.hand.waiting))
            process.stdin.flush()
        except BrokenPipeError:
            return
        fault()
        while self.hand.waiting and (line := process.stdout.readline()).endswith("\n"):
            op_id, status, _ = line.split()
            self.hand.acknowledge(UUID(op_id), status)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def own_yard(own_home: Path, tmp_path: Path) -> Iterator[Yard]:
    """A yard in a home of its own, whose PostgreSQL may be killed."""
    settings = Settings.from_environment({"EVALNB_HOME": str(own_home), "HOME": str(own_home)})
    store = open_store(settings)
    yield make_yard(store, tmp_path / "yard")
    store.close()


def test_no_acknowledged_edit_is_lost(own_yard: Yard) -> None:
    luck = random.Random(20260)
    environment = own_yard.store.settings.to_environment()
    kernel = Kernel(environment, own_yard.dataset_id)
    tab_hand, worker_hand = Hand(luck), Hand(luck)
    worker = Worker(environment, own_yard.image_ids[1], worker_hand)
    order = [name for name, times in FAULTS.items() for _ in range(times)]
    luck.shuffle(order)
    interrupted = 0
    try:
        tab = open_tab(kernel)
        for what in order:
            for _ in range(luck.randint(3, 12)):
                (worker_hand if what == "worker" else tab_hand).draw()
            delay_s = luck.uniform(0, 0.06)
            if what == "worker":
                worker.ensure()
                timer = threading.Timer(delay_s + 1.0 * luck.random(), worker.kill)
                worker.work(timer.start)
                timer.join()
                interrupted += bool(worker_hand.waiting)
            else:
                timer = threading.Timer(delay_s, _fault(what, own_yard, kernel, tab))
                timer.start()
                while tab_hand.waiting:
                    if tab.dead.is_set() or not kernel.alive:
                        interrupted += 1
                        tab.close()
                        tab = open_tab(kernel)
                    interrupted += _send(tab, own_yard.image_ids[0], tab_hand)
                timer.join()
            _check(own_yard.store, own_yard.image_ids[0], tab_hand)
            _check(own_yard.store, own_yard.image_ids[1], worker_hand)
        while worker_hand.waiting:
            worker.work(lambda: None)
    finally:
        worker.kill()
        kernel.end()
    assert interrupted >= 10, f"only {interrupted} faults fell into work: the test proved little"
    for image_id, hand in ((own_yard.image_ids[0], tab_hand), (own_yard.image_ids[1], worker_hand)):
        assert not hand.waiting
        log, table, rebuilt = _patiently(own_yard.store, lambda session, id=image_id: _told_and_shown(session, id))
        # Every op once, whatever was sent again; and the log tells the same story as the table.
        assert sorted(one.client_op_id for one in log) == sorted(hand.made)
        assert [one.seq for one in log] == list(range(1, len(log) + 1))
        assert {id: one for id, one in table.items() if id in hand.shapes} == rebuilt
    print(f"{len(tab_hand.made) + len(worker_hand.made)} ops, {interrupted} interruptions")


def _fault(what: str, yard: Yard, kernel: Kernel, tab: Tab) -> Callable[[], None]:
    def connections() -> None:
        try:
            with yard.store.database.transaction() as session:
                session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                )
        except Unavailable:
            pass  # the session that kills may be the one that is killed

    match what:
        case "tab":
            return tab.dead.set
        case "kernel":
            return kernel.kill
        case "connection":
            return connections
        case _:
            return lambda: kill_server(postmaster_pid(yard.store.settings.home))


def _send(tab: Tab, image_id: int, hand: Hand) -> int:
    """Send the next batch; 1 if it was not acknowledged."""
    batch = hand.waiting[: hand.luck.randint(1, 4)]
    answer = tab.apply(image_id, batch)
    if answer is None:
        return 0  # counted where the tab or the kernel is replaced
    if "error" in answer:
        assert answer["error"]["status"] == 503, answer
        time.sleep(0.02)
        return 1
    for result in answer["ok"]["results"]:
        hand.acknowledge(UUID(result["client_op_id"]), result["status"])
    return 0


def _patiently(store: Store, read: Callable[[Session], T]) -> T:
    """What is read in a transaction of its own, however often the server goes away meanwhile."""
    end = time.monotonic() + 60
    while True:
        try:
            with store.database.transaction() as session:
                return read(session)
        except Unavailable:
            assert time.monotonic() < end
            time.sleep(0.05)


def _told_and_shown(session: Session, image_id: int) -> tuple[list[edits.Edit], dict[UUID, Shape], dict[UUID, Shape]]:
    """The image's log, its shapes as they stand, and as the log rebuilds them."""
    table = {one.id: one for one in edits.shapes(session, image_id).shapes}
    return edits.history(session, image_id=image_id), table, edits.rebuild(session, image_id)


def _check(store: Store, image_id: int, hand: Hand) -> None:
    """Everything that was acknowledged is in the log, and its shape in the table."""
    log, table, _ = _patiently(store, lambda session: _told_and_shown(session, image_id))
    assert set(hand.acknowledged) <= {one.client_op_id for one in log}
    assert {hand.made[one].shape_id for one in hand.acknowledged} <= set(table)
