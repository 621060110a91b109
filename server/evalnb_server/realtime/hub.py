"""Who watches what. Hints come in, from other processes and from this one; whoever is behind is told from the log."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.presence import Company, Presence
from evalnb.errors import EvalnbError, Unavailable
from evalnb.store import Store
from evalnb.store.hints import Hint
from evalnb.store.repositories import edits as log
from evalnb.store.repositories import reviews
from evalnb.wire.live import Person
from evalnb_server.realtime.seat import Seat
from evalnb_server.realtime.tickets import Tickets
from evalnb_server.tiles import Gallery

CHECK_S = 10.0
"""How often everybody's rights are looked up, whether or not there is something to tell."""
LOOK_S = 2.0
"""How often the sequences of the watched images are read whatever hints say, so that a lost one costs no more."""
THREADS = 8
MOST_SOCKETS = 2_000
"""More than these one process does not hold."""
_log = logging.getLogger(__name__)


class Hub:
    """The seats of one process. Its methods are for any thread, and none waits for the database or the broker."""

    def __init__(self, store: Store, gallery: Gallery) -> None:
        self.store = store
        self.gallery = gallery
        self.tickets = Tickets(store)
        self.sockets = 0
        """How many there are; counted in the event loop."""
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="evalnb-live")
        self._company = Company(Presence(store.hints, store.broker_url), store.hints)
        self._lock = threading.Lock()
        self._watchers: defaultdict[int, set[Seat]] = defaultdict(set)
        self._places: dict[Seat, int] = {}
        self._dirty: set[int] = set()
        self._running: set[int] = set()
        self._moves: dict[Person, int | None] = {}
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._hearing = store.hints.listen(self._heard, missed=self._wake.set)
        self._looker = threading.Thread(target=self._run, name="evalnb-hub", daemon=True)
        self._looker.start()

    # ------------------------------------------------------------------------------------------ for seats

    def attend(self, seat: Seat, image_id: int) -> None:
        """The seat wants to be told of this image, and of no other."""
        with self._lock:
            self._drop(seat)
            self._watchers[image_id].add(seat)
            self._places[seat] = image_id

    def forget(self, seat: Seat) -> None:
        """The seat wants to be told of nothing."""
        with self._lock:
            self._drop(seat)

    def place(self, person: Person, image_id: int | None) -> None:
        """Somebody looks at an image now, or at none."""
        # In the looker's thread: a broker that hangs must hold nobody's edits up.
        with self._lock:
            self._moves[person] = image_id
        self._wake.set()

    def due(self, image_id: int, seq: int | None = None) -> None:
        """Tell whoever watches the image and was told less than ``seq``."""
        with self._lock:
            if not any(seat.behind(image_id, seq) for seat in self._watchers.get(image_id, ())):
                return
            self._dirty.add(image_id)
            if image_id in self._running:
                return
            self._running.add(image_id)
        self.submit(lambda: self._tell(image_id))

    def watched(self) -> dict[int, int]:
        """How many seats watch each image."""
        with self._lock:
            return {image_id: len(seats) for image_id, seats in self._watchers.items()}

    def close(self) -> None:
        """Everybody leaves."""
        self._stop.set()
        self._wake.set()
        self._hearing.close()
        self._looker.join(5)
        self.pool.shutdown(wait=True, cancel_futures=True)
        self._company.close()
        self.tickets.close()

    # -------------------------------------------------------------------------------------------- inside

    def _drop(self, seat: Seat) -> None:
        image_id = self._places.pop(seat, None)
        if image_id is not None:
            self._watchers[image_id].discard(seat)
            if not self._watchers[image_id]:
                del self._watchers[image_id]

    def _heard(self, hint: Hint) -> None:
        if hint.seq is not None:
            self.due(hint.image_id, hint.seq)
        # Of people and reviews the looker tells.
        elif hint.image_id in self._watchers:
            self._wake.set()

    def submit(self, work: Callable[[], None]) -> None:
        """Do it in a thread, unless the hub has closed."""
        try:
            self.pool.submit(self._guarded, work)
        except RuntimeError:
            _log.debug("the hub has closed")

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - in a pool's thread there is nobody to raise to
            _log.exception("the hub failed at a piece of work")

    def _tell(self, image_id: int) -> None:
        while True:
            with self._lock:
                if image_id not in self._dirty:
                    self._running.discard(image_id)
                    return
                self._dirty.discard(image_id)
                seats = list(self._watchers.get(image_id, ()))
            try:
                self._tell_all(seats)
            except Unavailable as error:
                # The next look finds them behind still.
                _log.warning("other people's edits wait (%s)", error)
            except BaseException:
                with self._lock:
                    self._running.discard(image_id)
                raise

    def _tell_reviewed(self, stamps: dict[int, str]) -> None:
        for image_id, stamp in stamps.items():
            with self._lock:
                seats = list(self._watchers.get(image_id, ()))
            for seat in seats:
                seat.hear_review(image_id, stamp)

    def _tell_all(self, seats: list[Seat]) -> None:
        known: dict[int, edits.Changes] = {}
        self._each(seats, lambda seat, session: seat.catch_up(session, known))

    def _each(self, seats: list[Seat], work: Callable[[Seat, Session], None]) -> None:
        """Do it for every seat, in one transaction; whose rights have ended is dismissed."""
        gone: list[tuple[Seat, EvalnbError]] = []
        with self.store.database.transaction() as session:
            for seat in seats:
                try:
                    work(seat, session)
                except Unavailable:
                    raise
                except EvalnbError as error:
                    gone.append((seat, error))
        for seat, why in gone:
            _log.info("%s is shown out (%s)", seat.who.name, why)
            seat.dismiss(why.happened)

    def _run(self) -> None:
        failing = False
        checked_at = time.monotonic()
        while not self._stop.is_set():
            self._wake.wait(LOOK_S)
            self._wake.clear()
            with self._lock:
                watched = list(self._watchers)
                moves, self._moves = self._moves, {}
            try:
                for person, place in moves.items():
                    self._company.place(person, place)
                if not watched:
                    continue
                for image_id, people in self._company.look().items():
                    with self._lock:
                        seats = list(self._watchers.get(image_id, ()))
                    for seat in seats:
                        seat.meet(image_id, people)
                with self.store.database.transaction() as session:
                    found = log.sequences(session, watched)
                    stamps = reviews.stamps(session, watched)
                for image_id, seq in found.items():
                    self.due(image_id, seq)
                self._tell_reviewed(stamps)
                if time.monotonic() - checked_at > CHECK_S:
                    checked_at = time.monotonic()
                    with self._lock:
                        everybody = list(self._places)
                    self._each(everybody, lambda seat, session: seat.check(session))
                failing = False
            except Exception as error:  # noqa: BLE001 - a background look has nobody to raise to
                if not failing:
                    trace = None if isinstance(error, Unavailable) else error
                    _log.warning("the hub cannot look (%s)", error, exc_info=trace)
                failing = True


class InTurn:
    """A lane for one socket: one piece of work after the other, in the hub's threads."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], None], Callable[[], None]]] = deque()
        self._running = False
        self._closed = False

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run it after what was put before."""
        with self._lock:
            if not self._closed:
                self._waiting.append((work, dropped))
                if self._running:
                    return
                self._running = True
        if self._closed:
            dropped()
        else:
            self._next()

    def close(self) -> None:
        """Drop what has not begun: nobody is there to be answered."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _next(self) -> None:
        try:
            self._pool.submit(self._one)
        except RuntimeError:
            self.close()

    def _one(self) -> None:
        # One at a time and back to the end of the pool's queue: nobody's burst keeps the others waiting.
        with self._lock:
            if not self._waiting:
                self._running = False
                return
            work, _ = self._waiting.popleft()
        try:
            work()
        finally:
            self._next()


class Beside:
    """A lane for what need not keep its order. How much of it is under way, its socket bounds."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._closed = False

    def put(self, work: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Run it as soon as a thread is free."""
        try:
            self._pool.submit(lambda: None if self._closed else work())
        except RuntimeError:
            dropped()

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
