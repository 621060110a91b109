"""``python -m evalnb_server``: the HTTP API, until Ctrl+C or SIGTERM."""

from __future__ import annotations

import click
import uvicorn

from evalnb.settings import Settings
from evalnb_server.app import create_app
from evalnb_server.monitoring import logs
from evalnb_server.realtime.protocol import SOCKETS


@click.command()
@click.option("--host", default=None, help="Where to listen. Default: EVALNB_HOST, else 127.0.0.1.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
def main(host: str | None, port: int) -> None:
    """Serve the HTTP API."""
    settings = Settings.from_environment()
    logs.configure()
    uvicorn.run(
        create_app(settings),
        host=host or settings.host,
        port=port,
        # A browser that keeps a connection open must not keep the server from ending.
        timeout_graceful_shutdown=3,
        # Behind no proxy unless somebody says so: nobody may claim another address.
        proxy_headers=False,
        server_header=False,
        # Every line through our own log, with its request's id; and one access line, not two.
        log_config=None,
        access_log=False,
        **SOCKETS,
    )


if __name__ == "__main__":
    main()
