"""``evalnb demo`` as a person runs it: prepared, shown, and ended by one Ctrl+C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from evalnb.settings import Settings
from evalnb.store.embedded import postgres, valkey


@pytest.mark.timeout(400)
def test_the_demo_prepares_shows_the_tour_and_ends_on_ctrl_c(own_home: Path, tmp_path: Path) -> None:
    home = own_home / "new"
    settings = Settings.from_environment({"HOME": str(tmp_path), "EVALNB_HOME": str(home), "EVALNB_PORT": "18700"})
    command = [sys.executable, "-m", "evalnb", "demo", "--images", "12", "--epochs", "1"]
    log = tmp_path / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            command,
            env={**os.environ, **settings.child_environment()},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 300
        while "The tour:" not in (said := log.read_text()):
            assert demo.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.2)
        time.sleep(0.5)
        address = log.read_text().split("The tour:")[1].split()[0]
        token = json.loads((home / "run" / "addresses.json").read_bytes())["front"].split("token=")[1]
        assert token in address
        with httpx.Client(follow_redirects=True, timeout=30, headers={"Accept": "text/html"}) as person:
            assert person.get(address).status_code == 200
        assert (home / "notebooks" / "01-tour.ipynb").exists()
        assert home.stat().st_mode & 0o777 == 0o700

        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0, log.read_text()
        assert not (home / "run" / "addresses.json").exists()
        assert not postgres.status(home).running, log.read_text()
        assert not valkey.status(home).running, log.read_text()
    finally:
        demo.kill()
        subprocess.run(
            [sys.executable, "-m", "evalnb", "down", "--force"],
            env={**os.environ, **settings.child_environment()},
            check=False,
        )
