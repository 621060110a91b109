"""Everything that `evalnb up` starts, for a test to walk through."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evalnb.cli.supervision.runfile import RunDirectory
from tests.conftest import temporary_home
from tests.lab import Lab


@dataclass(frozen=True)
class House:
    """Everything that `evalnb up` starts, at one address."""

    address: str
    token: str
    home: Path
    lab: Lab

    def api(self, path: str) -> Any:
        """GET, as a program with the home's token."""
        reply = httpx.get(f"{self.address}/api{path}", headers=self.proof, timeout=60, trust_env=False)
        reply.raise_for_status()
        return reply.json()

    @property
    def proof(self) -> dict[str, str]:
        """What a program shows."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def standing_house(folder: Path) -> Iterator[House]:
    """`evalnb up` on a home of its own, with JupyterLab's folders under ``folder``; it ends with the block.

    Where EVALNB_HOUSE says {"address", "token", "home", "notebooks"}, the house stands already: that one.
    """
    if standing := os.environ.get("EVALNB_HOUSE"):
        told = json.loads(standing)
        lab = Lab(
            subprocess.Popen(["true"]),
            Path(told["notebooks"]),
            f"{told['address']}/jupyter",
            told["token"],
            folder / "lab.log",
            folder / "data",
        )
        yield House(told["address"], told["token"], Path(told["home"]), lab)
        return
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    config = folder / "config"
    config.mkdir()
    # So that a test may ask JupyterLab for its own commands; nothing else is changed.
    (config / "jupyter_lab_config.json").write_text('{"LabApp": {"expose_app_in_browser": true}}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with temporary_home() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVALNB_")}
        environment |= {
            "EVALNB_HOME": str(home),
            "EVALNB_PORT": str(port),
            "EVALNB_DEVICE": "cpu",
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        command = [sys.executable, "-m", "evalnb"]
        try:
            said = subprocess.run(
                [*command, "up", "--detach", "--notebooks", str(notebooks)],
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert said.returncode == 0, said.stderr
            run = RunDirectory(home)
            assert "portal" in run.addresses(), f"build the portal with `make portal`:\n{said.stdout}"
            record = run.record()
            assert record is not None
            process = subprocess.Popen(["true"])
            process.wait()
            address = run.addresses()["front"].partition("/?")[0]
            log = home / "logs" / "lab.log"
            lab = Lab(process, notebooks, f"{address}/jupyter", run.api_token(), log, folder / "data")
            yield House(address, run.api_token(), home, lab)
        finally:
            subprocess.run([*command, "down", "--force"], env=environment, check=False, timeout=120)
