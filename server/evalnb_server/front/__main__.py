"""``python -m evalnb_server.front``: the one address, until Ctrl+C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec

import click

from evalnb.settings import Settings
from evalnb_server.front.server import Front, raise_file_limit


@click.command()
@click.option("--host", default=None, help="Where to listen. Default: EVALNB_HOST, else 127.0.0.1.")
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Default: EVALNB_PORT, else 8888.")
def main(host: str | None, port: int | None) -> None:
    """Serve the portal, the API, JupyterLab and Voila at one address.

    `evalnb up` writes EVALNB_HOME/run/backends.json, which says where each of them is.
    """
    settings = Settings.from_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s front %(levelname).1s %(message)s", stream=sys.stderr)
    raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_a_signal(Front(settings), host or settings.host, port or settings.port))


async def _until_a_signal(front: Front, host: str, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await front.serve(host, port, ended=ended)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    # The same loop in C, where the server extra brings it: half the processor time for each byte.
    if find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


if __name__ == "__main__":
    main()
