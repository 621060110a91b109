"""What ``evalnb doctor`` looks at. Every check says what it found; a poor finding says what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from evalnb.cli.checks import machine, packages, servers
from evalnb.cli.checks._finding import Finding
from evalnb.settings import Settings

__all__ = ["Finding", "examine"]


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything. The GPU is asked first and answers last: torch loads while the rest is looked at."""
    with machine.gpu(settings) as gpu:
        yield packages.python()
        yield from packages.installed()
        yield from packages.bundles()
        yield from machine.home(settings.home)
        yield machine.disk(settings.home)
        yield from servers.database(settings)
        yield from servers.broker(settings)
        yield from servers.supervisor(settings)
        yield servers.portal()
        yield machine.weights(settings)
        yield machine.chromium()
        yield gpu()
