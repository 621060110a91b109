"""What the owner of one socket asks and is told. Synchronous: it works in the hub's threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from evalnb import accounts, edits
from evalnb.accounts import Caller
from evalnb.annotating.answers import Answers, applied
from evalnb.annotating.desk import AtOnce, Desk, Lane, Reply
from evalnb.annotating.pictures import Pictures
from evalnb.annotating.reviewing import Reviewing
from evalnb.core.slices import Slice
from evalnb.errors import Forbidden, Invalid
from evalnb.store import Store
from evalnb.wire.annotator import (
    AnnotatorAsk,
    ApplyAsk,
    ApplyReply,
    ByeAsk,
    ByeReply,
    ChangedPush,
    HelloAsk,
    MistakeAsk,
    ShapesAsk,
)
from evalnb.wire.base import Wire
from evalnb.wire.live import EditsPush, Person, PresencePush, WatchAsk
from evalnb.wire.prompts import SegmentAsk
from evalnb.wire.review import RestoreAsk, ReviewedPush, StepAsk
from evalnb_server import access

if TYPE_CHECKING:
    from evalnb_server.realtime.hub import Hub

BULK = frozenset(
    {"image", "tiles", "predictions", "verdicts", "mistake", "past", "segment", "hover", "track", "sequence"}
)
"""Asks whose answers may be large or slow; they wait for no other ask, and none waits for them."""
RIGHTS_S = 5.0
"""How long a right to be told of other people's edits is believed before it is looked up again."""
_DATASETS = 8
_NO_SEGMENTER = "prompt with SAM in a notebook: dataset.annotate(segmenter=…)"
_ASKS: TypeAdapter[Any] = TypeAdapter(AnnotatorAsk)
_log = logging.getLogger(__name__)


class Seat:
    """One socket's place at the hub: its rights, its answers, and the image that it watches."""

    def __init__(
        self,
        hub: Hub,
        store: Store,
        who: Caller,
        *,
        tell: Callable[[dict[str, Any], Sequence[bytes]], None],
        dismiss: Callable[[str], None],
        in_turn: Lane,
        beside: Lane,
    ) -> None:
        self.who = who
        self.dismiss = dismiss
        """Ends the socket, for this reason; from any thread."""
        self._hub = hub
        self._store = store
        self._tell = tell
        self._in_turn = in_turn
        self._beside = beside
        self._desks: OrderedDict[int, Desk] = OrderedDict()
        self._lock = threading.Lock()
        self._gone = False
        self._person: Person | None = None
        self._watched: _Watched | None = None

    def receive(self, dataset_id: int, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Take one ask about a dataset; the answer is told. Asks are read, and all but bulk answered, in turn."""
        self._in_turn.put(lambda: self._read(dataset_id, message, buffers), lambda: None)

    def _read(self, dataset_id: int, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        desk = self._desks.get(dataset_id)
        if desk is None:
            desk = self._desks[dataset_id] = self._desk(dataset_id)
            if len(self._desks) > _DATASETS:
                self._desks.popitem(last=False)
        desk.receive(message, buffers)

    def leave(self) -> None:
        """The socket is gone."""
        self._gone = True
        self._look_away()

    def behind(self, image_id: int, seq: int | None) -> bool:
        """Whether it watches the image, and was told less than ``seq`` of it (None: however much)."""
        watched = self._watched
        if watched is None or watched.image_id != image_id:
            return False
        return watched.seen >= 0 and (seq is None or watched.seen < seq)

    def catch_up(self, session: Session, known: dict[int, edits.Changes]) -> None:
        """Tell what happened on the watched image. ``known``: changes by the sequence that they follow on."""
        watched = self._watched
        if watched is None or watched.seen < 0:
            return
        watched.check(session, older_s=RIGHTS_S)
        changes = known.get(watched.seen)
        if changes is None:
            changes = known[watched.seen] = edits.since(session, watched.image_id, watched.seen)
        with self._lock:
            # Meanwhile it may have looked elsewhere, or have been told by the answer to an ask of its own.
            if self._watched is not watched or changes.seq <= watched.seen or watched.seen != changes.after:
                return
            watched.seen = changes.seq
            if changes.complete:
                push: Wire = EditsPush(
                    image_id=watched.image_id,
                    after=changes.after,
                    seq=changes.seq,
                    shapes=changes.shapes,
                    tags=changes.tags,
                    authors=changes.authors,
                )
            else:
                push = ChangedPush(image_id=watched.image_id, seq=changes.seq)
            self._tell(push.model_dump(mode="json"), ())

    def check(self, session: Session) -> None:
        """An error of the tree if its owner may not look at the watched image any more."""
        watched = self._watched
        if watched is not None:
            watched.check(session, older_s=0)

    def meet(self, image_id: int, people: list[Person]) -> None:
        """Tell who is on the image, if it watches that."""
        watched = self._watched
        if watched is not None and watched.image_id == image_id:
            self._tell(PresencePush(image_id=image_id, people=people).model_dump(mode="json"), ())

    def hear_review(self, image_id: int, stamp: str) -> None:
        """Tell that the image's review is another, if it watches that and ``stamp`` is not the last it knew."""
        with self._lock:
            watched = self._watched
            if watched is None or watched.image_id != image_id or watched.stamp in (None, stamp):
                return
            watched.stamp = stamp
        self._tell(ReviewedPush(image_id=image_id).model_dump(mode="json"), ())

    # ----------------------------------------------------------------------------------------- what it answers

    def _desk(self, dataset_id: int) -> Desk:
        rights = DatasetRights(self.who, dataset_id)
        answers = Answers(
            self._store,
            dataset_id,
            author=self.who.name,
            rights=rights,
            segmenter_help=_NO_SEGMENTER,
        )

        reviewing = Reviewing(answers, author=self.who.name)
        pictures = Pictures(answers, self._hub.gallery, author=self.who.name)

        def hello(ask: HelloAsk) -> Reply:
            answers.step_through(ask.part.slice() if ask.part else Slice(), ask.image_id)
            return Reply(answers.hello(ask, shown=answers.first() if ask.image_id is None else None))

        def bye(_ask: ByeAsk) -> Reply:
            self._look_away()
            return Reply(ByeReply())

        def shapes(ask: ShapesAsk) -> Reply:
            return Reply(answers.shapes(ask))

        def watch(ask: WatchAsk) -> Reply:
            return self._watch(answers, reviewing, rights, ask)

        def apply(ask: ApplyAsk) -> Reply:
            return edited(ask, answers.apply(ask))

        def restore(ask: RestoreAsk) -> Reply:
            return edited(ask, reviewing.restore(ask))

        def step(ask: StepAsk) -> Reply:
            return Reply(reviewing.step(ask))

        def edited(ask: ApplyAsk | RestoreAsk, reply: ApplyReply) -> Reply:
            with self._lock:
                watched = self._watched
                # Only where nobody else's edit stands between: that one is still to be told.
                here = watched is not None and watched.image_id == ask.image_id
                if watched is not None and here and watched.seen == reply.seq - applied(reply):
                    watched.seen = reply.seq
            return Reply(reply)

        def segment(ask: SegmentAsk) -> Reply:
            return answers.segment(ask, stale=lambda: False)

        def mistake(ask: MistakeAsk) -> Reply:
            return answers.mistake(ask, stale=lambda: self._gone)

        at_once = AtOnce()
        handlers: dict[str, Callable[[Any], Reply]] = {
            "hello": hello,
            "bye": bye,
            "page": answers.page,
            "locate": answers.locate,
            "shapes": shapes,
            "watch": watch,
            "apply": apply,
            "restore": restore,
            "past": reviewing.past,
            "track": answers.track,
            "sequence": answers.sequence,
            "steps": reviewing.steps,
            "step": step,
            "review": reviewing.review,
            "review_set": reviewing.review_set,
            "comment": reviewing.comment,
            "resolve": reviewing.resolve,
            "image": pictures.image,
            "tiles": pictures.tiles,
            "predictions": answers.predictions,
            "verdicts": answers.verdicts,
            "mistake": mistake,
            "prepare": answers.prepare,
            "segment": segment,
            "hover": answers.hover,
            "everything": answers.everything,
            "box_masks": answers.box_masks,
            "follow": answers.follow,
            "stop": answers.stop,
        }
        return Desk(
            _ASKS,
            {name: (self._beside if name in BULK else at_once, handler) for name, handler in handlers.items()},
            send=self._tell,
            log=_log,
        )

    def _watch(self, answers: Answers, reviewing: Reviewing, rights: DatasetRights, ask: WatchAsk) -> Reply:
        if ask.image_id is None:
            self._look_away()
            return Reply(answers.watch(ask))
        before = self._watched
        same = before is not None and before.image_id == ask.image_id
        watched = _Watched(ask.image_id, rights)
        with self._lock:
            self._watched = watched
        self._hub.attend(self, ask.image_id)
        # After it attends: what is committed from here on is either in the answer or hinted at.
        try:
            reply = answers.watch(ask)
            stamp = reviewing.stamps([ask.image_id]).get(ask.image_id)
        except Exception:
            self._look_away()
            raise
        with self._lock:
            watched.seen = reply.seq
            watched.stamp = stamp
        person = Person(key=ask.view, name=self.who.name)
        if not same or person != self._person:
            if self._person is not None and person != self._person:
                self._hub.place(self._person, None)
            self._person = person
            self._hub.place(person, ask.image_id)
        # For a hint that came while the answer was read.
        self._hub.due(ask.image_id)
        return Reply(reply)

    def _look_away(self) -> None:
        with self._lock:
            watched, self._watched = self._watched, None
            person, self._person = self._person, None
        if watched is not None:
            self._hub.forget(self)
        if person is not None:
            self._hub.place(person, None)


class _Watched:
    """The image that a seat watches, and how far it was told of it."""

    def __init__(self, image_id: int, rights: DatasetRights) -> None:
        self.image_id = image_id
        self.seen = -1
        """Negative until the answer that begins it."""
        self.stamp: str | None = None
        """What the review stood at when it was told; None until that answer."""
        self._rights = rights
        self._checked_at = time.monotonic()

    def check(self, session: Session, *, older_s: float) -> None:
        """An error of the tree if the watcher may look no longer; looked up where the last check is older."""
        now = time.monotonic()
        if now - self._checked_at >= older_s:
            self._rights.look(session)
            self._checked_at = now


class DatasetRights:
    """The rights of an account on a dataset, as they are in the database at each look."""

    def __init__(self, who: Caller, dataset_id: int) -> None:
        self._who = who
        self._dataset_id = dataset_id

    def look(self, session: Session) -> None:
        """NotFound unless the caller is a member; Unauthorized once its sign-in has ended."""
        access.dataset(session, accounts.still(session, self._who), self._dataset_id, role="viewer")

    def edit(self, session: Session) -> None:
        """Forbidden for a viewer."""
        access.dataset(session, accounts.still(session, self._who), self._dataset_id, role="annotator")

    def may_edit(self, session: Session) -> bool:
        """Whether the caller is an annotator or more."""
        try:
            self.edit(session)
        except Forbidden:
            return False
        return True


def number(message: dict[str, Any], name: str) -> int:
    """The whole number under ``name``. Invalid without one."""
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Invalid(f"the ask's {name} is {value!r}", remedy="every ask carries its number and its dataset")
    return value
