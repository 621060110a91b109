"""Eight pages over two servers and a process beside them, while lines are cut, servers and the process killed, and
PostgreSQL and the broker restarted.

Each page does what widgets/src/annotator does: it shows what it was told, keeps its own ops until they are answered,
comes back when its line breaks, says how far it had come, and sends again what was not answered. Now and then it
sends its ops in another order, or some that were answered long ago. At the end all pages and the database show the
same, nothing that was acknowledged is missing, no op was applied twice, every conflict was told to whoever made it,
and the log replayed by plain assignments gives every state that there was.

``EVALNB_CHAOS_OPS=10000`` makes it a soak: so many ops a page.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException

from evalnb import accounts, edits
from evalnb.core import masks
from evalnb.errors import Unavailable
from evalnb.settings import Settings
from evalnb.store import Store, open_store
from evalnb.store.embedded.valkey import _program
from evalnb.store.repositories import datasets
from evalnb.wire.shapes import Track
from tests.chaos.other_hand import OtherHand
from tests.live import Wire, until
from tests.store.processes import kill_server, postmaster_pid
from tests.yard import HEIGHT, WIDTH, Yard, make_yard

PAGES = 8
OPS = int(os.environ.get("EVALNB_CHAOS_OPS", "40"))
"""How many each page makes."""
LIVING = 60
"""About so many shapes there are at once."""
FAULTS = (
    *("cut", "kill the process", "pause the broker", "kill a server", "cut", "kill postgresql", "restart the broker"),
    *("kill the process", "cut"),
)
ROUNDS = max(1, OPS // 1000)
"""How often the faults come, one after the other."""
BATCH = 4 if OPS < 1000 else 16
WAITING = 2 * BATCH

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600 if OPS < 1000 else 7200)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Process:
    """A process that can be killed and started again at the same address."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def signal(self, number: int) -> None:
        assert self.running is not None
        self.running.send_signal(number)

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.wait()


@dataclass
class World:
    """Two servers on one database and one broker."""

    yard: Yard
    broker: Process
    servers: list[Process]
    bases: list[str]
    tokens: list[str]
    """An annotator's for each page."""


@pytest.fixture
def world(own_home: Path, tmp_path: Path) -> Iterator[World]:
    broker_port, ports = free_port(), [free_port(), free_port()]
    command = [_program(), "--port", str(broker_port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    broker = Process(command, dict(os.environ), tmp_path / "broker.log")
    broker.start()
    settings = Settings.from_environment(
        {
            "EVALNB_HOME": str(own_home),
            "HOME": str(own_home),
            "EVALNB_BROKER_URL": f"redis://127.0.0.1:{broker_port}/0",
        }
    )
    servers: list[Process] = []
    store = None
    try:
        until(lambda: _listens(broker_port))
        store = open_store(settings)
        yard = make_yard(store, tmp_path / "yard")
        for port in ports:
            command = [sys.executable, "-m", "evalnb_server", "--port", str(port)]
            servers.append(
                Process(command, {**os.environ, **settings.to_environment()}, tmp_path / f"server-{port}.log")
            )
            servers[-1].start()
        bases = [f"http://127.0.0.1:{port}" for port in ports]
        for base in bases:
            until(lambda base=base: _answers(base), 180)
        yield World(yard, broker, servers, bases, _annotators(store, yard))
    finally:
        for one in (*servers, broker):
            one.kill()
        if store is not None:
            store.close()


def _annotators(store: Store, yard: Yard) -> list[str]:
    with store.database.transaction() as session:
        project_id = datasets.get(session, yard.dataset_id).project_id
        tokens = []
        for n in range(PAGES):
            account = accounts.add_account(session, f"annotator-{n}")
            accounts.set_member(session, account, project_id, "annotator")
            tokens.append(accounts.new_token(session, account.id, "page", scope="write", days=1).secret)
    return tokens


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(base: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return bool(httpx.get(f"{base}/api/health", trust_env=False, timeout=10).status_code)
    return False


@dataclass
class Page:
    """A browser tab on one image, in a thread of its own."""

    world: World
    number: int
    luck: random.Random
    left: int = OPS
    shapes: dict[str, dict[str, Any]] = field(default_factory=dict)
    seq: int = -1
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Ops that are not answered yet, in their order, by their id."""
    acknowledged: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, list[str]] = field(default_factory=dict)
    """What was told of each op that was applied: the properties that somebody else had changed."""
    repeated: int = 0
    reordered: int = 0
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: int = 0
    wire: Wire | None = None
    fault: BaseException | None = None
    enough: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                try:
                    self._converse()
                except (ConnectionClosed, WebSocketException, OSError, httpx.HTTPError, EOFError):
                    time.sleep(self.luck.uniform(0.02, 0.2))
        except BaseException as error:
            self.fault = error
            raise

    def cut(self) -> None:
        """Its network goes: no goodbye in either direction."""
        wire = self.wire
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.socket.socket.shutdown(socket.SHUT_RDWR)

    @property
    def done(self) -> bool:
        return not self.left and not self.waiting

    def _converse(self) -> None:
        base = self.luck.choice(self.world.bases)
        answer = httpx.post(
            f"{base}/api/live/ticket",
            headers={"Authorization": f"Bearer {self.world.tokens[self.number]}"},
            trust_env=False,
            timeout=5,
        )
        if answer.status_code == 503:
            raise EOFError
        answer.raise_for_status()
        self.wire = wire = Wire(base, ticket=answer.json()["ticket"], open_timeout=5, close_timeout=0.1)
        self.lines += 1
        yard = self.world.yard
        image_id, dataset_id = yard.image_ids[0], yard.dataset_id
        watch = wire.tell(dataset_id, ask="watch", image_id=image_id, view=f"page {self.number}", since=self.seq)
        pending: dict[int, Callable[[dict[str, Any]], None]] = {watch: self._watched}
        reload_due, asked, flying = False, False, 0
        while not self.enough.is_set():
            if reload_due and not asked:
                asked = True
                pending[wire.tell(dataset_id, ask="shapes", image_id=image_id)] = self._merge
            if self.left and self.seq >= 0 and len(self.waiting) < WAITING and self.luck.random() < 0.5:
                self._draw()
            if self.waiting and not flying and self.seq >= 0:
                flying = wire.tell(dataset_id, ask="apply", image_id=image_id, ops=self._batch())
                pending[flying] = self._settle
            try:
                message, _ = wire.hear(timeout_s=0.02)
            except TimeoutError:
                continue
            if message.get("push") == "edits":
                reload_due |= not self._follow(message)
            elif message.get("push") == "changed":
                reload_due |= message["seq"] > self.seq
            elif "id" in message:
                take = pending.pop(message["id"])
                if message["id"] == flying:
                    flying = 0
                if "error" in message:
                    # PostgreSQL is away: what was asked is asked again.
                    assert message["error"]["status"] == 503, message
                    if take == self._merge:
                        asked = False
                    elif take == self._watched:
                        raise EOFError
                    time.sleep(0.05)
                else:
                    take(message["ok"])
                    if take == self._merge:
                        reload_due = asked = False
                    elif take == self._watched and message["ok"]["reload"]:
                        reload_due = True

    def _batch(self) -> list[dict[str, Any]]:
        batch = list(self.waiting.values())[: self.luck.randint(1, BATCH)]
        if self.luck.random() < 0.1 and len({one["shape_id"] for one in batch}) == len(batch) > 1:
            # What does not touch the same shape may come in any order.
            self.reordered += 1
            batch.reverse()
        if self.luck.random() < 0.1 and self.acknowledged:
            self.repeated += 1
            batch.insert(self.luck.randint(0, len(batch)), self.made[self.luck.choice(list(self.acknowledged))])
        return batch

    def _draw(self) -> None:
        mine = [one for one in list(self.shapes.values()) if not one["deleted"]]
        crowded = len(mine) > LIVING
        actions = ["update"] * 4 + (["delete"] if crowded else ["create", "create", "delete"])
        action = self.luck.choice(actions) if mine else "create"
        old = self.luck.choice(mine) if action != "create" else None
        op: dict[str, Any] = {
            "client_op_id": str(uuid4()),
            "shape_id": old["id"] if old else str(uuid4()),
            "base_rev": old["rev"] if old else 0,
            "action": action,
        }
        if action != "delete":
            op["patch"] = _patch(self.luck, whole=action == "create")
        self.left -= 1
        self.made[op["client_op_id"]] = op
        self.waiting[op["client_op_id"]] = op

    def _watched(self, reply: dict[str, Any]) -> None:
        if not reply["reload"]:
            self._follow({**reply, "after": self.seq})

    def _merge(self, reply: dict[str, Any]) -> None:
        if reply["seq"] >= self.seq:
            self.seq = reply["seq"]
            self.shapes = {one["id"]: one for one in reply["shapes"]}

    def _follow(self, push: dict[str, Any]) -> bool:
        if self.seq < 0 or push["after"] > self.seq:
            return False
        if push["seq"] > self.seq:
            self.seq = push["seq"]
            for shape in push["shapes"]:
                self._take(shape)
        return True

    def _settle(self, reply: dict[str, Any]) -> None:
        made = sum(one["status"] in ("applied", "conflict") for one in reply["results"])
        if self.seq == reply["seq"] - made:
            self.seq = reply["seq"]
        for result in reply["results"]:
            # Refused for good: somebody deleted what it would change.
            op_id = result["client_op_id"]
            self.acknowledged.setdefault(op_id, result["status"])
            if result["status"] != "refused":
                self.conflicts.setdefault(op_id, result["conflicts"])
            self.waiting.pop(op_id, None)
            if result["shape"] is not None:
                self._take(result["shape"])

    def _take(self, shape: dict[str, Any]) -> None:
        if shape["rev"] >= self.shapes.get(shape["id"], {"rev": 0})["rev"]:
            self.shapes[shape["id"]] = shape

    def shown(self) -> dict[str, dict[str, Any]]:
        return {id: one for id, one in list(self.shapes.items()) if not one["deleted"]}


def _patch(luck: random.Random, *, whole: bool) -> dict[str, Any]:
    """Values of every kind that a shape has; not always the same ones, unless ``whole``."""
    x, y, w, h = luck.randint(1, 200), luck.randint(1, 200), luck.randint(5, 100), luck.randint(5, 100)
    box = [x, y, w, h]
    turned = {"center": [x + w / 2, y + h / 2], "size": [w, h], "angle": luck.uniform(-1, 1)}
    corners = [x, y, x + w, y, x + w, y + h, x, y + h]
    mask = masks.from_polygon([float(one) for one in corners], (HEIGHT, WIDTH))
    geometry = luck.choice(
        [
            {"kind": "box", "box": box},
            {"kind": "rotated", "box": box, "turned": turned},
            {"kind": "ellipse", "box": box, "turned": turned},
            {
                "kind": "polygon",
                "box": box,
                "parts": [corners],
                "holes": [[x + 1, y + 1, x + 3, y + 1, x + 3, y + 3]],
            },
            {"kind": "polyline", "box": box, "parts": [corners[:6]]},
            {"kind": "points", "box": box, "points": [corners[:2], corners[4:6]]},
            {"kind": "mask", "box": box, "size": [HEIGHT, WIDTH], "counts": masks.to_string(mask)},
            {"kind": "keypoints", "box": box, "points": [[x, y, luck.randint(1, 2)], [x + w, y + h, 2], [0, 0, 0]]},
        ]
    )
    values: dict[str, Any] = {
        "class_id": luck.choice([1, 7, 30]),
        "geometry": geometry,
        "attributes": {"moving": luck.random() < 0.5},
        "tags": luck.sample(["far", "dark", "odd"], luck.randint(0, 2)),
        "z": luck.randint(-2, 2),
        "crowd": luck.random() < 0.1,
    }
    names = list(values) if whole else luck.sample(list(values), luck.randint(1, 2))
    return {name: values[name] for name in names}


def test_pages_and_database_end_the_same(world: World) -> None:
    luck = random.Random(20261)
    pages = [Page(world, n, random.Random(n)) for n in range(PAGES)]
    _, begun = _kept(world)
    environment = world.yard.store.settings.to_environment()
    other = OtherHand(world.yard.image_ids[0], environment, _patch, OPS, random.Random(PAGES))
    hands = [*pages, other]
    threads = [threading.Thread(target=one.run, daemon=True) for one in hands]
    for thread in threads:
        thread.start()
    try:
        for fault in FAULTS * ROUNDS:
            before = sum(len(one.acknowledged) for one in hands)
            apart = len(hands) * OPS // (len(FAULTS) * ROUNDS + 1)
            until(lambda before=before, apart=apart: _faultless(hands) and _moved(hands, before, apart), 300)
            _strike(fault, world, luck.choice(pages), other)
        until(lambda: _faultless(hands) and all(one.done for one in hands), 300)
        log, shapes = _kept(world)
        until(lambda: _faultless(hands) and all(page.shown() == shapes for page in pages), 120)
    finally:
        for one in hands:
            one.enough.set()
        other.kill()
        for thread in threads:
            thread.join(20)
    # Every op that was acknowledged as applied is in the log, once; and nothing else is.
    applied = {id for one in hands for id, status in one.acknowledged.items() if status != "refused"}
    refused = {id for one in hands for id, status in one.acknowledged.items() if status == "refused"}
    in_log = [str(one.client_op_id) for one in log]
    assert len(in_log) == len(set(in_log))
    assert set(in_log) == applied
    assert [one.seq for one in log] == list(range(1, len(log) + 1))
    assert len(applied) + len(refused) == len(hands) * OPS
    told = {id: conflicts for one in hands for id, conflicts in one.conflicts.items()}
    assert told == {str(one.client_op_id): list(one.conflicts) for one in log}
    _replayed(world, log, begun, luck)
    lines, again = sum(page.lines for page in pages), sum(page.repeated for page in pages)
    print(
        f"{len(applied)} applied, {len(refused)} refused, {sum(map(bool, told.values()))} conflicts told,"
        f" {again} sent again, {sum(page.reordered for page in pages)} batches in another order, {lines} lines"
    )
    assert lines > PAGES, "no line broke: the test proved little"
    assert again, "nothing was sent again: the test proved little"
    assert other.deaths, "the process outlived its kills: the test proved little"


def _replayed(world: World, log: list[edits.Edit], begun: dict[str, dict[str, Any]], luck: random.Random) -> None:
    """The log by plain assignments gives the conflicts that were told, and what ``edits.rebuild`` gives anywhere."""
    looked = sorted({*luck.sample(range(1, len(log) + 1), min(12, len(log))), len(log)})
    shapes: dict[str, dict[str, Any]] = dict(begun)
    writers: dict[str, list[tuple[int, str, set[str]]]] = {}
    fresh = {"crowd": False, "attributes": {}, "tags": [], "z": 0, "track": Track().model_dump(mode="json")}
    for one in log:
        id = str(one.shape_id)
        new = {name: value for name, value in one.patch.items() if value is not None}
        shape = shapes.get(id, {"id": id, **fresh})
        others = {
            name
            for rev, author, names in writers.get(id, [])
            for name in names
            if rev > one.base_rev and author != one.author
        }
        if one.action != "delete":
            others = {name for name in others & set(new) if shape[name] != new[name]}
        assert sorted(others) == list(one.conflicts), one
        writers.setdefault(id, []).append((one.rev, one.author, set(new)))
        shapes[id] = {**shape, **new, "rev": one.rev, "deleted": one.action == "delete"}
        if one.seq in looked:
            with world.yard.store.database.transaction() as session:
                rebuilt = edits.rebuild(session, world.yard.image_ids[0], until=one.seq)
            edited = {str(id): value.model_dump(mode="json") for id, value in rebuilt.items()}
            assert edited == {id: shapes[id] for id in edited}
            assert set(shapes) <= set(edited) | set(begun)


def _faultless(hands: Sequence[Page | OtherHand]) -> bool:
    for one in hands:
        assert one.fault is None, one.fault
    return True


def _moved(hands: Sequence[Page | OtherHand], before: int, by: int) -> bool:
    now = sum(len(one.acknowledged) for one in hands)
    return now >= before + by or all(one.done for one in hands)


def _strike(fault: str, world: World, page: Page, other: OtherHand) -> None:
    match fault:
        case "kill the process":
            other.kill()
        case "cut":
            page.cut()
        case "pause the broker":
            world.broker.signal(signal.SIGSTOP)
            threading.Timer(1.0, lambda: world.broker.signal(signal.SIGCONT)).start()
        case "restart the broker":
            world.broker.kill()
            world.broker.start()
        case "kill a server":
            world.servers[0].kill()
            world.servers[0].start()
        case "kill postgresql":
            kill_server(postmaster_pid(world.yard.store.settings.home))


def _kept(world: World) -> tuple[list[edits.Edit], dict[str, dict[str, Any]]]:
    image_id = world.yard.image_ids[0]
    end = time.monotonic() + 120
    while True:
        try:
            with world.yard.store.database.transaction() as session:
                log = edits.history(session, image_id=image_id)
                shapes = edits.shapes(session, image_id).shapes
            return log, {str(one.id): one.model_dump(mode="json") for one in shapes}
        except Unavailable:
            assert time.monotonic() < end
            time.sleep(0.05)
