"""A look every so often, in the background, and at once when somebody says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from evalnb.errors import Unavailable


class Watch:
    """Calls ``look`` every ``period_s`` from a thread of its own, between ``start`` and ``stop``.

    A look that fails is logged, once for each run of failures; the next one is still taken.
    """

    def __init__(
        self,
        look: Callable[[], None],
        *,
        period_s: float,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._look = look
        self._period_s = period_s
        self._log = log
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None
        self._wake = threading.Event()

    def start(self) -> None:
        """Begin, unless it is running."""
        with self._lock:
            if self._stop is None:
                self._stop = threading.Event()
                threading.Thread(target=self._run, args=[self._stop], name="evalnb-watch", daemon=True).start()

    def stop(self) -> None:
        """End; a look that is under way finishes."""
        with self._lock:
            if self._stop is not None:
                self._stop.set()
                self._stop = None
                self._wake.set()

    def wake(self) -> None:
        """Take the next look now."""
        self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        failing = False
        while True:
            self._wake.wait(self._period_s)
            self._wake.clear()
            if stop.is_set():
                # It may have been meant for the thread that a new start made.
                self._wake.set()
                return
            try:
                self._look()
                failing = False
            except Exception as error:  # noqa: BLE001 - a background look has nobody to raise to
                if not failing:
                    trace = None if isinstance(error, Unavailable) else error
                    self._log.warning("evalnb cannot look for other people's edits (%s)", error, exc_info=trace)
                failing = True
