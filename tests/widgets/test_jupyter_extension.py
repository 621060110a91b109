"""The server extension: on wherever evalnb is installed, whatever connects to the kernels."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from evalnb.jupyter_extension import Prompt, PromptConnection, _load_jupyter_server_extension


class Recorded:
    """A connection class as a gateway or an extension may bring its own."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.websocket_handler = SimpleNamespace(set_nodelay=lambda value: self.done.append(f"nodelay {value}"))

    def connect(self) -> str:
        self.done.append("connect")
        return "connected"


def server(beneath: type) -> Any:
    return SimpleNamespace(
        web_app=SimpleNamespace(settings={"kernel_websocket_connection_class": beneath}),
        log=logging.getLogger("test"),
    )


def test_whatever_class_connects_becomes_prompt() -> None:
    one = server(Recorded)
    _load_jupyter_server_extension(one)
    connection = one.web_app.settings["kernel_websocket_connection_class"]()
    assert connection.connect() == "connected"
    assert connection.done == ["nodelay True", "connect"]


@pytest.mark.parametrize("beneath", [PromptConnection, type("Own", (Prompt, Recorded), {})])
def test_a_prompt_class_is_left_alone(beneath: type) -> None:
    one = server(beneath)
    _load_jupyter_server_extension(one)
    assert one.web_app.settings["kernel_websocket_connection_class"] is beneath


def test_installing_evalnb_switches_it_on() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "server", "extension", "list"], capture_output=True, text=True, check=True
    )
    said = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
    assert re.search(r"evalnb\.jupyter_extension\s+enabled", said)
    assert re.search(r"evalnb\.jupyter_extension\s+OK", said)
