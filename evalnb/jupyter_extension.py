"""A Jupyter server extension: the kernel's messages leave at once.

jupyter_server never sets TCP_NODELAY on the sockets of its kernel websockets, so Nagle's algorithm holds a small
message back until the browser has acknowledged the one before, and browsers delay acknowledging by up to 40 ms. A
widget that answers a drag of the mouse feels it: benchmarks/comm.py has the figures.

The wheel's shared data (etc/jupyter/jupyter_server_config.d/evalnb.json) switches it on in every Jupyter server of
the environment, and in Voila inside one. A Voila of its own takes
``--Voila.kernel_websocket_connection_class=evalnb.jupyter_extension.PromptConnection``.
"""

from __future__ import annotations

from types import new_class
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class Prompt:
    """Mixed into a kernel connection class: sends what is written at once."""

    websocket_handler: Any

    def connect(self) -> Any:
        """Connect as the class beneath does, with Nagle's algorithm off."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()  # type: ignore[misc]  # the class beneath has it


class PromptConnection(Prompt, ZMQChannelsWebsocketConnection):  # type: ignore[misc]  # jupyter_server is skipped by mypy
    """Jupyter's own connection to a local kernel, prompt."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "evalnb.jupyter_extension"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Make whatever connection class this server uses (a gateway's, for instance) prompt."""
    settings = server.web_app.settings
    beneath = settings["kernel_websocket_connection_class"]
    if not issubclass(beneath, Prompt):
        settings["kernel_websocket_connection_class"] = new_class(f"Prompt{beneath.__name__}", (Prompt, beneath))
        server.log.info("evalnb: kernel messages leave at once (TCP_NODELAY)")
