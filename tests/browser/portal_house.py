"""The portal as people meet it: Next.js's own server behind the front, before a real API over a furnished project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evalnb import accounts
from evalnb.cli.supervision.web import portal_program
from tests.front.conftest import free_port, standing
from tests.server.conftest import House

NAME, PASSWORD = "ada", "a long enough secret"


@dataclass(frozen=True, slots=True)
class Portal:
    """Its address, and the project that it shows."""

    url: str
    house: House

    def at(self, path: str = "") -> str:
        """A page of the project."""
        return f"{self.url}/projects/{self.house.project.id}{path}"

    def sign_in(self, page: Any) -> None:
        """By the form, as a person does."""
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Projects").wait_for()


@contextmanager
def portal_of(house: House, home: Path, logs: Path) -> Iterator[Portal]:
    """API, portal and front, each on a port of its own, until the end."""
    program, node = portal_program(), shutil.which("node")
    assert program is not None, "the portal is not built: run `make portal`"
    assert node is not None, "no Node on the path"
    with house.store.database.transaction() as session:
        account = accounts.add_account(session, NAME, password=PASSWORD)
        accounts.set_member(session, account, house.project.id, "admin")
    api_port, portal_port = free_port(), free_port()
    with ExitStack() as stack:
        environment = {**os.environ, **house.settings.to_environment()}
        api = [sys.executable, "-m", "evalnb_server", "--port", str(api_port)]
        stack.enter_context(_running(api, environment, logs / "api.log"))
        serving = {
            **os.environ,
            "EVALNB_API_URL": f"http://127.0.0.1:{api_port}",
            "HOSTNAME": "127.0.0.1",
            "PORT": str(portal_port),
            "NODE_ENV": "production",
        }
        stack.enter_context(_running([node, str(program)], serving, logs / "portal.log"))
        door = stack.enter_context(standing(home))
        door.behind(portal=("Portal", "/", portal_port), api=("API", "/api/", api_port))
        for name, path in (("api", "/api/health/live"), ("portal", "/sign-in")):
            _wait(f"{door.url}{path}", log=logs / f"{name}.log")
        yield Portal(door.url, house)


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, *, log: Path, within_s: float = 120) -> None:
    """Until the address answers well."""
    deadline, said = time.monotonic() + within_s, "nothing"
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, trust_env=False, timeout=10)
            said = f"{answer.status_code} {answer.text[:300]}"
            if answer.is_success:
                return
        except httpx.TransportError as error:
            said = str(error)
        time.sleep(0.1)
    raise AssertionError(f"{url} answered {said}; its log ends with\n{log.read_text()[-2000:]}")
