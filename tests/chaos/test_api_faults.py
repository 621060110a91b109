"""PostgreSQL and the broker die under the API while people work, and some clients misbehave on purpose."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from evalnb.settings import Settings
from evalnb.store import open_store
from tests.server.test_api import Api, serving
from tests.store.processes import kill_server, postmaster_pid
from tests.yard import Yard, make_yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

WRITERS, EACH = 4, 40


@pytest.fixture
def own_yard(own_home: Path, tmp_path: Path) -> Iterator[Yard]:
    """A yard in a home of its own, whose servers may be killed."""
    store = open_store(Settings.from_environment({"EVALNB_HOME": str(own_home), "HOME": str(own_home)}))
    yield make_yard(store, tmp_path / "yard")
    store.close()


@pytest.fixture
def api(own_yard: Yard, tmp_path: Path) -> Iterator[Api]:
    with serving(own_yard.store.settings, tmp_path / "api.log") as one:
        yield one


def op(luck: random.Random) -> dict[str, object]:
    """A new box."""
    box = [luck.uniform(1, 200) for _ in range(4)]
    return {
        "client_op_id": str(uuid4()),
        "shape_id": str(uuid4()),
        "base_rev": 0,
        "action": "create",
        "patch": {"class_id": 7, "geometry": {"kind": "box", "box": box}},
    }


class Writer(threading.Thread):
    """Draws boxes over HTTP, one a request, and sends each again until it is acknowledged."""

    def __init__(self, api: Api, image_id: int, seed: int) -> None:
        super().__init__()
        self.api, self.image_id, self.luck = api, image_id, random.Random(seed)
        self.acknowledged: list[str] = []
        self.statuses: list[int] = []
        self.faults: list[str] = []

    def run(self) -> None:
        with httpx.Client(
            base_url=self.api.base, headers={"Authorization": f"Bearer {self.api.token}"}, trust_env=False, timeout=90
        ) as client:
            for _ in range(EACH):
                one = op(self.luck)
                until = time.monotonic() + 120
                while not self.sent(client, one):
                    if time.monotonic() > until:
                        self.faults.append(f"{one['client_op_id']} was never acknowledged")
                        return
                    time.sleep(0.1)

    def sent(self, client: httpx.Client, one: dict[str, object]) -> bool:
        said = client.post(f"/api/images/{self.image_id}/annotations", json={"ops": [one]})
        self.statuses.append(said.status_code)
        if said.status_code == 503:
            # A documented refusal: what happened, and what to do.
            problem = said.json()
            if not (problem["detail"] and problem["remedy"]) or "Traceback" in said.text:
                self.faults.append(said.text)
            return False
        if said.status_code != 200:
            self.faults.append(f"{said.status_code} {said.text}")
            return True
        result = said.json()["results"][0]
        if result["status"] not in ("applied", "duplicate"):
            self.faults.append(said.text)
        self.acknowledged.append(str(one["shape_id"]))
        return True


def test_nothing_acknowledged_is_lost_when_the_servers_die(own_yard: Yard, api: Api) -> None:
    writers = [Writer(api, own_yard.image_ids[n % 3], n) for n in range(WRITERS)]
    for one in writers:
        one.start()
    home = own_yard.store.settings.home

    def written() -> int:
        return sum(len(one.acknowledged) for one in writers)

    for share, fault in enumerate(("postgresql", "broker", "postgresql"), 1):
        until = time.monotonic() + 120
        while written() < share * WRITERS * EACH // 5:
            assert time.monotonic() < until, "the writers do not come forward"
            time.sleep(0.02)
        if fault == "postgresql":
            kill_server(postmaster_pid(home))
        else:
            os.kill(int((home / "valkey" / "pid").read_text()), signal.SIGKILL)
    for one in writers:
        one.join(timeout=200)
        assert not one.is_alive() and not one.faults, one.faults[:3]
    assert written() == WRITERS * EACH
    for place, image_id in enumerate(own_yard.image_ids):
        wanted = sorted(id for one in writers if one.image_id == image_id for id in one.acknowledged)
        there = [str(shape.id) for shape in own_yard.shapes(place)]
        assert set(wanted) <= set(there) and len(there) == len(set(there))
        # Each once in the log too, however often it was sent.
        told = [str(edit.shape_id) for edit in own_yard.history(place)]
        assert sorted(told) == wanted
    # The same process, not one that was started again.
    assert api.process.poll() is None
    assert api.get("/api/projects").status_code == 200


def test_clients_that_misbehave_hold_nobody_up(own_yard: Yard, api: Api) -> None:
    where = urlsplit(api.base)
    assert where.hostname and where.port
    path = f"/api/images/{own_yard.image_ids[0]}/annotations"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {api.token}\r\n"
        "Content-Type: application/json\r\n"
    )
    held = []
    for begun in (
        head[: len(head) // 2],  # a head that never ends
        f"{head}Content-Length: 1000\r\n\r\n{{",  # a body that never comes
        f"{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n",  # no chunk at all
        f"{head}Content-Length: 5\r\n\r\n{{",  # and one that says goodbye half way
    ) * 8:
        one = socket.create_connection((where.hostname, where.port))
        one.sendall(begun.encode())
        held.append(one)
    for one in held[3::4]:
        one.shutdown(socket.SHUT_WR)
    for one in held[:8]:
        # A reset, not a goodbye.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        one.close()
    luck = random.Random(0)
    for _ in range(10):
        said = httpx.post(
            f"{api.base}{path}",
            json={"ops": [op(luck)]},
            headers={"Authorization": f"Bearer {api.token}"},
            trust_env=False,
            timeout=60,
        )
        assert said.status_code == 200, said.text
    assert len(own_yard.history()) == 10
    for one in held[8:]:
        one.close()
