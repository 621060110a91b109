"""The Annotator: a canvas on a dataset's images, whose every edit is in PostgreSQL before it is called saved.

The browser half is widgets/src/annotator; the two speak wire/annotator.py. Traits carry ids and view state only:
pixels, masks and shapes go by messages, so that a saved notebook stays small and repaints from the database.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anywidget
import traitlets
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.answers import Answers, applied
from evalnb.annotating.desk import Aside, AtOnce, Desk, Latest, Reply
from evalnb.annotating.following import Trails
from evalnb.annotating.pictures import KernelGallery, Pictures
from evalnb.annotating.presence import Company, Presence
from evalnb.annotating.prompts import Prompts
from evalnb.annotating.reviewing import Reviewing
from evalnb.core.images import ImageRecord
from evalnb.core.ports import Segmenter
from evalnb.core.shapes import area_of
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound
from evalnb.store import Store
from evalnb.store.hints import Hint, Listening
from evalnb.store.repositories import annotations, datasets, images
from evalnb.store.repositories import edits as log
from evalnb.widgets import _static
from evalnb.widgets._comm import answer_beside_cells
from evalnb.widgets._watch import Watch
from evalnb.wire.annotator import (
    AnnotatorAsk,
    AnnotatorPush,
    ApplyAsk,
    ApplyReply,
    ByeAsk,
    ByeReply,
    ChangedPush,
    GotoPush,
    HelloAsk,
    MistakeAsk,
    ShapesAsk,
)
from evalnb.wire.live import Person, PresencePush, WatchAsk
from evalnb.wire.prompts import PrepareAsk, SegmentAsk
from evalnb.wire.review import RestoreAsk, ReviewedPush, StepAsk

if TYPE_CHECKING:
    import pandas as pd

_ASKS: TypeAdapter[Any] = TypeAdapter(AnnotatorAsk)
POLL_S = 1.5
"""How often the shown image's sequence is looked up while a view is open: one primary-key read. A hint from whoever
edits it brings the look forward; this is for when hints are lost."""


class Annotator(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped
    """Annotate a dataset, or a slice of it. Show it in a cell; ``goto``, ``shapes`` and the traits work from Python.

    ``start`` is the place (0-based) of the first image. ``run_id``'s predictions are shown first. ``link`` is the
    address of an image's page elsewhere, with ``{image_id}`` in it. ``on_edit`` is called in a thread of its own
    after each commit. Invalid if the slice has no such place; Unavailable if the browser half is not built.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    dataset = traitlets.Unicode(read_only=True, help="The dataset's name.").tag(sync=True)
    image_id = traitlets.Int(None, allow_none=True, help="The shown image; observe it.").tag(
        sync=True, echo_update=False
    )
    height = traitlets.Int(640, min=240, max=4000, help="Of the canvas, in CSS pixels.").tag(sync=True)
    read_only = traitlets.Bool(False, help="Look, and change nothing.").tag(sync=True)
    count = traitlets.Int(0, read_only=True, help="How many shapes the shown image has; observe it.")

    def __init__(
        self,
        store: Store,
        dataset_id: int,
        *,
        part: Slice = Slice(),
        segmenter: Segmenter | None = None,
        segmenter_help: str = "",
        author: str,
        start: int | None = None,
        read_only: bool = False,
        height: int = 640,
        run_id: int | None = None,
        link: str = "",
        on_edit: Callable[[], None] | None = None,
    ) -> None:
        # First of all: whatever raises below, ``__del__`` closes what there is.
        self._watch = Watch(self._look, period_s=POLL_S, log=self.log)
        self._aside, self._segmenting, self._seeking = Aside(), Latest(), Latest()
        self._hovering, self._ahead, self._sweeping, self._tiling = Latest(), Latest(), Latest(), Aside()
        self._following = Latest()
        self._gallery = KernelGallery(store)
        self._hearing: Listening | None = None
        self._company = Company(Presence(store.hints, store.broker_url), store.hints)
        self._store = store
        self._dataset_id = dataset_id
        self._part = part
        self._author = author
        self._on_edit = on_edit
        self._prompts = None if segmenter is None else Prompts(store, segmenter, self._push)
        self._answers = Answers(
            store,
            dataset_id,
            author=author,
            rights=_Owner(self),
            part=part,
            run_id=run_id,
            prompts=self._prompts,
            trails=(
                None
                if segmenter is None or self._prompts is None
                else Trails(store, dataset_id, segmenter, self._prompts.give_way)
            ),
            segmenter_help=segmenter_help,
            link=link,
        )
        with store.database.transaction() as session:
            name = datasets.get(session, dataset_id).name
            first = images.by_place(session, dataset_id, part, start or 0, 1)
            if start is not None and not first:
                total = images.count(session, dataset_id, part)
                raise Invalid(f"there is no place {start} among {total} images", remedy=f"start below {total}")
        self._views: set[str] = set()
        self._seqs: dict[int, int] = {}
        self._reviews: dict[int, str] = {}
        # Between an edit's commit and the note of its sequence nobody may take it for somebody else's.
        self._noting = threading.Lock()
        self._context = contextvars.copy_context()
        at_once = AtOnce()
        self._reviewing = reviewing = Reviewing(self._answers, author=author)
        pictures = Pictures(self._answers, self._gallery, author=author)
        self._desk = Desk(
            _ASKS,
            {
                "hello": (at_once, self._hello),
                "bye": (at_once, self._bye),
                "page": (at_once, self._answers.page),
                "locate": (at_once, self._answers.locate),
                "shapes": (at_once, self._shapes),
                "watch": (at_once, self._look_at),
                "apply": (at_once, self._apply),
                "restore": (at_once, self._restore),
                "past": (self._aside, reviewing.past),
                "steps": (at_once, reviewing.steps),
                "step": (at_once, self._step),
                "track": (self._aside, self._answers.track),
                "sequence": (self._aside, self._answers.sequence),
                "review": (at_once, reviewing.review),
                "review_set": (at_once, reviewing.review_set),
                "comment": (at_once, reviewing.comment),
                "resolve": (at_once, reviewing.resolve),
                "image": (self._aside, pictures.image),
                "tiles": (self._tiling, pictures.tiles),
                "predictions": (self._aside, self._answers.predictions),
                "verdicts": (self._aside, self._answers.verdicts),
                "mistake": (self._seeking, self._mistake),
                "prepare": (at_once, self._prepare),
                "segment": (self._segmenting, self._segment),
                "hover": (self._hovering, self._answers.hover),
                "everything": (self._sweeping, self._answers.everything),
                "box_masks": (self._sweeping, self._answers.box_masks),
                "follow": (self._following, self._answers.follow),
                "stop": (at_once, self._answers.stop),
            },
            send=self._send_now,
            log=self.log,
        )
        super().__init__(
            _esm=_static.packed("annotator.js"),
            _css=_static.read("annotator.css"),
            image_id=first[0].id if first else None,
            read_only=read_only,
            height=height,
        )
        self.set_trait("dataset", name)
        self.on_msg(self._received)
        self.observe(self._shown, "image_id")
        answer_beside_cells(self.comm)

    # ------------------------------------------------------------------------------------ for people, in Python

    def goto(self, place: int | None = None, *, image_id: int | None = None) -> None:
        """Show another image: the one at ``place`` (0-based) of the slice, or the one of that id.

        NotFound if the slice has no such place, or the dataset no such image.
        """
        if (place is None) == (image_id is None):
            raise Invalid("goto takes one of place and image_id", remedy="write goto(12) or goto(image_id=3401)")
        with self._store.database.transaction() as session:
            if image_id is None:
                assert place is not None
                found = images.by_place(session, self._dataset_id, self._part, place, 1) if place >= 0 else []
                if not found:
                    total = images.count(session, self._dataset_id, self._part)
                    raise NotFound(f"there is no place {place} among {total} images", remedy=f"use 0 to {total - 1}")
                image_id = found[0].id
            else:
                self._answers.own(session, image_id)
        # In the context of the browser's last message; see answer_beside_cells.
        self._in_context(setattr, self, "image_id", image_id)

    def shapes(self, *, until: int | None = None) -> "pd.DataFrame":
        """The shown image's shapes, as they are in the database now, or as they were after the edit whose ``seq`` in
        ``history`` is ``until`` (0: before the first); one row each. Invalid if there was no such edit."""
        import pandas as pd  # it takes longer to load than the canvas to paint

        columns = ["id", "class", "kind", "x", "y", "w", "h", "area", "crowd", "attributes", "tags", "revision"]
        rows: list[tuple[Any, ...]] = []
        if self.image_id is not None:
            with self._store.database.transaction() as session:
                names = datasets.taxonomy(session, self._dataset_id).by_id
                if until is None:
                    found = [(one, one.area) for one in annotations.of_image(session, self.image_id)]
                else:
                    then = edits.shapes(session, self.image_id, until=until).shapes
                    records = [one.record(self.image_id) for one in then]
                    found = [(one, area_of(one.geometry)) for one in records]
                rows = [
                    (
                        one.id,
                        names[one.class_id].name,
                        one.geometry.kind,
                        *one.geometry.box,
                        area,
                        one.crowd,
                        dict(one.attributes),
                        list(one.tags),
                        one.revision,
                    )
                    for one, area in found
                ]
        return pd.DataFrame(rows, columns=columns)

    def history(self, shape_id: UUID | str | None = None) -> "pd.DataFrame":
        """Who changed what: the shown image's edits, or one shape's; one row each, oldest first."""
        import pandas as pd

        columns = ["seq", "at", "author", "action", "shape_id", "rev", "patch", "before", "conflicts"]
        with self._store.database.transaction() as session:
            found = (
                edits.history(session, shape_id=UUID(str(shape_id)))
                if shape_id is not None
                else edits.history(session, image_id=self.image_id)
                if self.image_id is not None
                else []
            )
        return pd.DataFrame([[getattr(one, name) for name in columns] for one in found], columns=columns)

    def close(self) -> None:
        """End it: its threads stop, and the canvas says that it is over."""
        self._deafen()
        self._company.close()
        for lane in (
            self._aside,
            self._segmenting,
            self._seeking,
            self._hovering,
            self._ahead,
            self._sweeping,
            self._following,
            self._tiling,
        ):
            lane.close()
        self._gallery.close()
        super().close()

    # ----------------------------------------------------------------------------------------- what it answers

    def _hello(self, ask: HelloAsk) -> Reply:
        self._views.add(ask.view)
        reply = self._answers.hello(ask, shown=self.image_id)
        if self._hearing is None:
            self._hearing = self._store.hints.listen(self._heard, missed=self._watch.wake)
        self._watch.start()
        return Reply(reply)

    def _bye(self, ask: ByeAsk) -> Reply:
        self._views.discard(ask.view)
        self._place(ask.view, None)
        if not self._views:
            self._deafen()
        return Reply(ByeReply())

    def _look_at(self, ask: WatchAsk) -> Reply:
        self._place(ask.view, ask.image_id)
        if ask.image_id is not None and ask.image_id not in self._reviews:
            self._reviews |= self._reviewing.stamps([ask.image_id])
        return Reply(self._answers.watch(ask))

    def _shapes(self, ask: ShapesAsk) -> Reply:
        reply = self._answers.shapes(ask)
        with self._noting:
            self._seqs[ask.image_id] = reply.seq
        if ask.image_id == self.image_id:
            self.set_trait("count", len(reply.shapes))
        return Reply(reply)

    def _apply(self, ask: ApplyAsk) -> Reply:
        return self._edited(ask.image_id, lambda: self._answers.apply(ask))

    def _restore(self, ask: RestoreAsk) -> Reply:
        return self._edited(ask.image_id, lambda: self._reviewing.restore(ask))

    def _edited(self, image_id: int, edit: Callable[[], ApplyReply]) -> Reply:
        """Edit, and note how far the log stands then."""
        with self._noting:
            reply = edit()
            if self._seqs.get(image_id) == reply.seq - applied(reply):
                self._seqs[image_id] = reply.seq
        return Reply(reply, then=lambda: self._tell_of_edit([image_id]))

    def _step(self, ask: StepAsk) -> Reply:
        reply = self._reviewing.step(ask)
        return Reply(reply, then=lambda: self._tell_of_edit(reply.image_ids))

    def _tell_of_edit(self, image_ids: Sequence[int]) -> None:
        """Once the answer is on its way: whatever this does, the edit is saved, and nobody waits for it."""
        if self.image_id in image_ids:
            self._guarded(self._count, "counting shapes")()
        if self._on_edit is not None:
            self._aside.put(self._guarded(self._on_edit, "telling of an edit"), lambda: None)

    def _count(self) -> None:
        if (image_id := self.image_id) is not None:
            with self._store.database.transaction() as session:
                count = log.shape_count(session, image_id)
            self.set_trait("count", count)

    def _prepare(self, ask: PrepareAsk) -> Reply:
        reply = self._answers.prepare(ask)
        assert self._prompts is not None
        self._prompts.used = True
        self._encode_ahead(ask.image_id)
        return reply

    def _segment(self, ask: SegmentAsk) -> Reply:
        reply = self._answers.segment(ask, stale=lambda: self._segmenting.contested)
        self._encode_ahead(self.image_id)
        return reply

    def _mistake(self, ask: MistakeAsk) -> Reply:
        return self._answers.mistake(ask, stale=lambda: self._seeking.contested)

    # -------------------------------------------------------------------------------------------------- inside

    def _received(self, _widget: Any, message: Any, buffers: Sequence[memoryview]) -> None:
        # What is pushed later goes out as if in answer to this; see answer_beside_cells.
        self._context = contextvars.copy_context()
        self._desk.receive(message, buffers)

    def _shown(self, _change: Any) -> None:
        # ipywidgets holds this lock while it takes over what the browser set: the canvas shows that image already.
        if "image_id" not in self._property_lock and self.image_id is not None and self._views:
            with self._store.database.transaction() as session:
                image = self._answers.own(session, self.image_id)
                self._push(GotoPush(image=self._answers.reference(session, image)))
        self._encode_ahead(self.image_id)

    def _encode_ahead(self, shown: int | None) -> None:
        prompts = self._prompts
        if prompts is None or not prompts.used or shown is None:
            return

        def work() -> None:
            with self._store.database.transaction() as session:
                image = self._answers.own(session, shown)
                place = images.place_of(session, self._dataset_id, self._part, shown)
                near = images.by_place(session, self._dataset_id, self._part, max(place - 1, 0), 3 if place else 2)
            prompts.encode_ahead(image, shown=lambda: self.image_id, gone=gone)
            # The next one before the one before.
            near = sorted((one for one in near if one.id != shown), key=lambda one: one.id < shown)
            self._ahead.warm(self._guarded(lambda: neighbours(near), "encoding neighbours ahead"))

        def neighbours(near: list[ImageRecord]) -> None:
            for one in near:
                if gone() or not prompts.cheap or self._segmenting.contested:
                    return
                prompts.encode_ahead(one, shown=lambda: self.image_id, gone=gone)

        def gone() -> bool:
            return self.image_id != shown or self._segmenting.closed

        self._segmenting.warm(self._guarded(work, "encoding ahead"))

    def _guarded(self, work: Callable[[], None], what: str) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception:
                self.log.exception("the annotator failed while %s", what)

        return run

    def _place(self, view: str, image_id: int | None) -> None:
        person = Person(key=view, name=self._author)
        self._aside.put(
            self._guarded(lambda: self._company.place(person, image_id), "saying who is there"), lambda: None
        )

    def _heard(self, hint: Hint) -> None:
        if hint.image_id != self.image_id:
            return
        if hint.seq is not None:
            # One's own edits come back as hints, too: looking for them would hold up the next one's answer.
            with self._noting:
                known = self._seqs.get(hint.image_id)
            if known is not None and hint.seq <= known:
                return
        self._watch.wake()

    def _deafen(self) -> None:
        self._watch.stop()
        if self._hearing is not None:
            self._hearing.close()
            self._hearing = None

    def _look(self) -> None:
        """Push ``changed`` if somebody else edited the shown image, ``reviewed`` if its review is another, and
        ``presence`` if people came or went."""
        for image_id, people in self._company.look().items():
            self._push(PresencePush(image_id=image_id, people=people))
        shown = self.image_id
        if shown is None:
            return
        if shown in self._reviews and (stamp := self._reviewing.stamps([shown]).get(shown)) is not None:
            before, self._reviews[shown] = self._reviews[shown], stamp
            if stamp != before:
                self._push(ReviewedPush(image_id=shown))
        if shown not in self._seqs:
            return
        with self._noting:
            with self._store.database.transaction() as session:
                seq = log.sequence(session, shown)
            if seq <= self._seqs[shown]:
                return
            self._seqs[shown] = seq
        self._push(ChangedPush(image_id=shown, seq=seq))

    def _push(self, push: AnnotatorPush) -> None:
        self._in_context(self._send_now, push.model_dump(mode="json"), ())

    def _send_now(self, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.send(message, buffers=list(buffers))

    def _in_context(self, call: Callable[..., None], *arguments: Any) -> None:
        self._context.copy().run(call, *arguments)


class _Owner:
    """Whoever runs the kernel may do everything that the widget was made for."""

    def __init__(self, widget: Annotator) -> None:
        self._widget = widget

    def look(self, session: Session) -> None:
        """A kernel reads the database as it likes."""

    def edit(self, session: Session) -> None:
        """Invalid while the widget only shows."""
        if self._widget.read_only:
            raise Invalid("this annotator only shows", remedy="make one without read_only=True to edit")

    def may_edit(self, session: Session) -> bool:
        """Whether the widget edits."""
        return not self._widget.read_only
