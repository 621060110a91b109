"""``python -m evalnb_server``: the HTTP API, until Ctrl+C or SIGTERM."""

from __future__ import annotations

import logging
import sys

import click
import uvicorn

from evalnb.settings import Settings
from evalnb_server.app import create_app
from evalnb_server.realtime.line import FRAME_BYTES
from evalnb_server.realtime.protocol import AbortableProtocol


@click.command()
@click.option("--host", default=None, help="Where to listen. Default: EVALNB_HOST, else 127.0.0.1.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def main(host: str | None, port: int) -> None:
    """Serve the HTTP API."""
    settings = Settings.from_environment()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s api %(levelname).1s %(message)s", stream=sys.stderr)
    uvicorn.run(
        create_app(settings),
        host=host or settings.host,
        port=port,
        # A browser that keeps a connection open must not keep the server from ending.
        timeout_graceful_shutdown=3,
        # Behind no proxy unless somebody says so: nobody may claim another address.
        proxy_headers=False,
        server_header=False,
        ws=AbortableProtocol,
        ws_max_size=FRAME_BYTES,
        # Images have been compressed, and deflating what is not would hold everybody's answers up.
        ws_per_message_deflate=False,
        # A ping waits behind an image that is on its way to a slow reader.
        ws_ping_interval=20,
        ws_ping_timeout=60,
    )


if __name__ == "__main__":
    main()
