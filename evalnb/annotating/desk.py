"""Correlated requests over a widget's custom messages or a socket; the counterpart of bridges/transport.ts.

Where the work runs: an ask is answered in the thread its message arrived in (so that edits keep their order), or on a
*lane* of its own when it may be slow. Every ask is answered once: with its reply, or with a ``Refusal``.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from evalnb.errors import Cancelled, EvalnbError, Invalid
from evalnb.wire.annotator import Refusal
from evalnb.wire.base import Wire
from evalnb.wire.deflated import whole

SAID_MAX = 160
"""So many characters of an unexpected error are told to the page."""


class Superseded(Cancelled):
    """A newer ask of the same sort took this one's place."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What answers an ask, with its binary buffers. ``then`` is called once it was sent."""

    body: Wire
    buffers: Sequence[bytes] = ()
    then: Callable[[], None] | None = None


class Lane(Protocol):
    """Where work waits for a thread."""

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run ``work`` some time, or call ``dropped`` instead."""

    def close(self) -> None:
        """Take no more; what runs may finish."""


class AtOnce:
    """The thread that the message arrived in; asks keep their order."""

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run it now."""
        work()

    def close(self) -> None:
        """Nothing to end."""


class Aside:
    """A few threads, for what waits on a disk or a network."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="evalnb-aside")

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run it as soon as a thread is free."""
        try:
            self._pool.submit(work)
        except RuntimeError:  # closed
            dropped()

    def close(self) -> None:
        """Drop what has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Latest:
    """One thread and one place to wait in: of the asks that come while it works, only the newest is answered.

    ``warm`` may leave one piece of work for when nobody waits. The thread starts with the first work and ends with
    the process.
    """

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._waiting: tuple[Callable[[], None], Callable[[], None]] | None = None
        self._idle: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def contested(self) -> bool:
        """Whether somebody waits: what runs now is stale already."""
        return self._waiting is not None

    @property
    def closed(self) -> bool:
        """Whether it takes no more: what runs works for nobody."""
        return self._closed

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run it next; whoever waited is dropped."""
        with self._wake:
            if self._closed:
                displaced: Callable[[], None] | None = dropped
            else:
                displaced = self._waiting[1] if self._waiting else None
                self._waiting = (work, dropped)
                self._start()
        if displaced is not None:
            displaced()

    def warm(self, work: Callable[[], None]) -> None:
        """Run it once nobody waits; it replaces what was left before."""
        with self._wake:
            if not self._closed:
                self._idle = work
                self._start()

    def close(self) -> None:
        """Drop what waits, and end the thread after what runs."""
        with self._wake:
            self._closed = True
            dropped = self._waiting[1] if self._waiting else None
            self._waiting = self._idle = None
            self._wake.notify()
        if dropped is not None:
            dropped()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="evalnb-latest", daemon=True)
            self._thread.start()
        self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._waiting or self._idle or self._closed):
                    self._wake.wait()
                if self._closed:
                    return
                if self._waiting:
                    work, self._waiting = self._waiting[0], None
                else:
                    assert self._idle is not None
                    work, self._idle = self._idle, None
            work()


class Desk:
    """Answers a canvas's asks: finds the handler, runs it on its lane, sends the reply."""

    def __init__(
        self,
        asks: TypeAdapter[Any],
        handlers: Mapping[str, tuple[Lane, Callable[[Any], Reply]]],
        *,
        send: Callable[[dict[str, Any], Sequence[bytes]], None],
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._asks = asks
        self._handlers = handlers
        self._send = send
        self._log = log

    def receive(self, message: Any, buffers: Sequence[bytes | memoryview] = ()) -> None:
        """Take one custom message with its buffers; what is not an ask with a number is logged and left."""
        id = message.get("id") if isinstance(message, dict) else None
        if not isinstance(id, int) or isinstance(id, bool):
            self._log.error("a message without a number came: %.200r", message)
            return
        try:
            fields = whole(message, buffers)
            ask = self._asks.validate_python({name: value for name, value in fields.items() if name != "id"})
        except (Invalid, ValidationError) as error:
            self._refuse(id, error)
            return
        lane, handler = self._handlers[ask.ask]
        # The context tells ipykernel which message is being answered; threads of ours do not have it by themselves.
        context = contextvars.copy_context()
        lane.put(
            lambda: context.run(self._answer, id, ask, handler),
            lambda: context.copy().run(self._refuse, id, superseded()),
        )

    def _answer(self, id: int, ask: Any, handler: Callable[[Any], Reply]) -> None:
        try:
            reply = handler(ask)
        except Exception as error:  # noqa: BLE001 - answered, and logged unless it is a refusal
            self._refuse(id, error)
            return
        self._send({"id": id, "ok": reply.body.model_dump(mode="json")}, reply.buffers)
        if reply.then is not None:
            reply.then()

    def _refuse(self, id: int, error: Exception) -> None:
        if not isinstance(error, (EvalnbError, ValidationError)):
            self._log.error("an ask could not be answered", exc_info=error)
        self._send({"id": id, "error": refusal(error).model_dump(mode="json")}, ())


def superseded() -> Superseded:
    """The refusal of an ask whose answer nobody waits for any more."""
    return Superseded("a newer request took this one's place", remedy="use the newer one's answer")


def refusal(error: Exception) -> Refusal:
    """Any error as the browser is told it."""
    match error:
        case EvalnbError():
            return Refusal(
                kind=type(error).__name__, happened=error.happened, remedy=error.remedy, status=error.status
            )
        case ValidationError():
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return Refusal(
                kind="Invalid",
                happened=f"the message is not one that is read here ({where}: {first['msg']})",
                remedy="reload the page, so that both sides run the same version",
                status=422,
            )
        case _:
            # The first line says what; statements and their values are for the log.
            said = str(error).partition("\n")[0][:SAID_MAX]
            return Refusal(
                kind=type(error).__name__,
                happened=f"evalnb failed ({type(error).__name__}: {said})",
                remedy="the log has the traceback; nothing that was saved is lost",
                status=500,
            )
