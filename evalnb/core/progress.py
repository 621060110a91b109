"""How long work tells whoever waits how far it is."""

from typing import Protocol


class Progress(Protocol):
    """A bar, a job row, or nothing. ``start`` may be called again for the next stage."""

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        """Begin a stage of ``total`` units (None: unknown), for instance 118287 images, "reading images"."""

    def advance(self, n: int = 1) -> None:
        """``n`` more are done."""

    def close(self) -> None:
        """The work has ended, well or not."""


class NullProgress:
    """Tells nobody."""

    def start(self, total: int | None, *, unit: str, what: str) -> None:
        """Do nothing."""

    def advance(self, n: int = 1) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
