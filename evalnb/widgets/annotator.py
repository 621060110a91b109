"""The Annotator: a canvas on a dataset's images, whose every edit is in PostgreSQL before it is called saved.

The browser half is widgets/src/annotator; the two speak wire/annotator.py. Traits carry ids and view state only:
pixels, masks and shapes go by messages, so that a saved notebook stays small and repaints from the database.
"""

import contextvars
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import anywidget
import pandas as pd
import traitlets
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from evalnb import edits, imagery
from evalnb.core.images import ImageRecord
from evalnb.core.ports import Segmenter
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound, Unavailable
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import annotations, datasets, images, predictions
from evalnb.store.repositories import edits as log
from evalnb.widgets import _static
from evalnb.widgets._comm import Aside, AtOnce, Desk, Latest, Reply, answer_beside_cells
from evalnb.widgets._prompts import Prompts
from evalnb.widgets._watch import Watch
from evalnb.wire.annotator import (
    AnnotatorAsk,
    AnnotatorPush,
    ApplyAsk,
    ByeAsk,
    ByeReply,
    ChangedPush,
    ClassInfo,
    GotoPush,
    HelloAsk,
    HelloReply,
    ImageAsk,
    ImageRef,
    ImageReply,
    PageAsk,
    PageReply,
    PredictionsAsk,
    PredictionsReply,
    RunInfo,
    SegmentAsk,
    ShapesAsk,
)

_ASKS: TypeAdapter[Any] = TypeAdapter(AnnotatorAsk)
PAGE_MAX = 500
POLL_S = 1.5
"""How often the shown image's sequence is looked up while a view is open: one primary-key read."""


class Annotator(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped
    """Annotate a dataset, or a slice of it. Show it in a cell; ``goto``, ``shapes`` and the traits work from Python.

    ``start`` is the place (0-based) of the first image. ``run_id``'s predictions are shown first. ``on_edit`` is
    called in a thread of its own after each commit. Invalid if the slice has no such place; Unavailable if the
    browser half is not built.
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
        on_edit: Callable[[], None] | None = None,
    ) -> None:
        # First of all: whatever raises below, ``__del__`` closes what there is.
        self._watch = Watch(self._look, period_s=POLL_S, log=self.log)
        self._aside, self._segmenting = Aside(), Latest()
        self._store = store
        self._dataset_id = dataset_id
        self._part = part
        self._author = author
        self._run_id = run_id
        self._on_edit = on_edit
        self._segmenter_help = segmenter_help
        with store.database.transaction() as session:
            about = datasets.get(session, dataset_id)
            born = about.created_at.timestamp() if about.created_at else 0.0
            self._scope = f"{dataset_id}-{born:.6f}"
            first = images.by_place(session, dataset_id, part, start or 0, 1)
            if start is not None and not first:
                total = images.count(session, dataset_id, part)
                raise Invalid(f"there is no place {start} among {total} images", remedy=f"start below {total}")
        self._views: set[str] = set()
        self._seqs: dict[int, int] = {}
        self._context = contextvars.copy_context()
        self._prompts = None if segmenter is None else Prompts(store, segmenter, self._push)
        at_once = AtOnce()
        self._desk = Desk(
            _ASKS,
            {
                "hello": (at_once, self._hello),
                "bye": (at_once, self._bye),
                "page": (at_once, self._page),
                "shapes": (at_once, self._shapes),
                "apply": (at_once, self._apply),
                "image": (self._aside, self._image),
                "predictions": (self._aside, self._predictions),
                "segment": (self._segmenting, self._segment),
            },
            send=self._send_now,
            log=self.log,
        )
        super().__init__(
            _esm=_static.read("annotator.js"),
            _css=_static.read("annotator.css"),
            image_id=first[0].id if first else None,
            read_only=read_only,
            height=height,
        )
        self.set_trait("dataset", about.name)
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
                self._own(session, image_id)
        # In the context of the browser's last message; see answer_beside_cells.
        self._in_context(setattr, self, "image_id", image_id)

    def shapes(self) -> pd.DataFrame:
        """The shown image's shapes, as they are in the database now; one row each."""
        columns = ["id", "class", "kind", "x", "y", "w", "h", "area", "crowd", "attributes", "tags", "revision"]
        rows: list[tuple[Any, ...]] = []
        if self.image_id is not None:
            with self._store.database.transaction() as session:
                names = datasets.taxonomy(session, self._dataset_id).by_id
                rows = [
                    (
                        one.id,
                        names[one.class_id].name,
                        one.geometry.kind,
                        *one.geometry.box,
                        one.area,
                        one.crowd,
                        dict(one.attributes),
                        list(one.tags),
                        one.revision,
                    )
                    for one in annotations.of_image(session, self.image_id)
                ]
        return pd.DataFrame(rows, columns=columns)

    def history(self, shape_id: UUID | str | None = None) -> pd.DataFrame:
        """Who changed what: the shown image's edits, or one shape's; one row each, oldest first."""
        columns = ["at", "author", "action", "shape_id", "rev", "patch", "before", "conflicts"]
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
        self._watch.stop()
        self._aside.close()
        self._segmenting.close()
        super().close()

    # ----------------------------------------------------------------------------------------- what it answers

    def _hello(self, ask: HelloAsk) -> Reply:
        self._views.add(ask.view)
        with self._store.database.transaction() as session:
            start = None
            if self.image_id is not None:
                start = self._reference(session, self._own(session, self.image_id))
            taxonomy = datasets.taxonomy(session, self._dataset_id)
            reply = HelloReply(
                dataset=self.dataset,
                image_count=images.count(session, self._dataset_id, self._part),
                start=start,
                classes=[ClassInfo(id=one.id, name=one.name, color=taxonomy.color(one.id)) for one in taxonomy],
                runs=sorted(
                    (RunInfo(id=one.id, name=one.name) for one in predictions.runs(session, self._dataset_id)),
                    key=lambda one: one.id != self._run_id,
                ),
                segmenter=self._prompts.name if self._prompts else None,
                segmenter_help=self._segmenter_help,
                read_only=self.read_only,
                scope=self._scope,
            )
        self._watch.start()
        return Reply(reply)

    def _bye(self, ask: ByeAsk) -> Reply:
        self._views.discard(ask.view)
        if not self._views:
            self._watch.stop()
        return Reply(ByeReply())

    def _page(self, ask: PageAsk) -> Reply:
        if ask.first < 0 or not 0 < ask.count <= PAGE_MAX:
            raise Invalid(
                f"a page of {ask.count} images from place {ask.first}", remedy=f"ask for 1 to {PAGE_MAX} from 0 on"
            )
        with self._store.database.transaction() as session:
            found = images.by_place(session, self._dataset_id, self._part, ask.first, ask.count)
        return Reply(PageReply(images=[_reference(one, ask.first + n) for n, one in enumerate(found)]))

    def _image(self, ask: ImageAsk) -> Reply:
        with self._store.database.transaction() as session:
            image = self._own(session, ask.image_id)
        data, mime = imagery.browser_bytes(pixels.read(self._store, image), name=image.file_name)
        return Reply(ImageReply(image_id=image.id, mime=mime), [data])

    def _shapes(self, ask: ShapesAsk) -> Reply:
        with self._store.database.transaction() as session:
            self._own(session, ask.image_id)
            reply = edits.shapes(session, ask.image_id)
        self._seqs[ask.image_id] = reply.seq
        if ask.image_id == self.image_id:
            self.set_trait("count", len(reply.shapes))
        return Reply(reply)

    def _apply(self, ask: ApplyAsk) -> Reply:
        if self.read_only:
            raise Invalid("this annotator only shows", remedy="make one without read_only=True to edit")
        with self._store.database.transaction() as session:
            self._own(session, ask.image_id)
            reply = edits.apply(session, ask.image_id, ask.ops, author=self._author)
            count = log.shape_count(session, ask.image_id)
        self._seqs[ask.image_id] = reply.seq
        if ask.image_id == self.image_id:
            self.set_trait("count", count)
        if self._on_edit is not None:
            # Aside: whatever it does, the edit is saved and its answer on the way.
            self._aside.put(self._guarded(self._on_edit, "telling of an edit"), lambda: None)
        return Reply(reply)

    def _predictions(self, ask: PredictionsAsk) -> Reply:
        with self._store.database.transaction() as session:
            self._own(session, ask.image_id)
            found = predictions.of_image(session, ask.run_id, ask.image_id)
        return Reply(
            PredictionsReply(
                image_id=ask.image_id,
                run_id=ask.run_id,
                count=len(found.score),
                rles=list(found.rles) if found.rles is not None else None,
            ),
            [
                found.box.astype("<f4").tobytes(),
                found.score.astype("<f4").tobytes(),
                found.class_id.astype("<i4").tobytes(),
            ],
        )

    def _segment(self, ask: SegmentAsk) -> Reply:
        if self._prompts is None:
            raise Unavailable("this annotator has no segmenter", remedy=self._segmenter_help or "pass segmenter=…")
        with self._store.database.transaction() as session:
            image = self._own(session, ask.image_id)
        reply = self._prompts.answer(ask, image, stale=lambda: self._segmenting.contested)
        self._encode_ahead()
        return reply

    # -------------------------------------------------------------------------------------------------- inside

    def _received(self, _widget: Any, message: Any, _buffers: Any) -> None:
        # What is pushed later goes out as if in answer to this; see answer_beside_cells.
        self._context = contextvars.copy_context()
        self._desk.receive(message)

    def _own(self, session: Session, image_id: int) -> ImageRecord:
        image = images.get(session, image_id)
        if image.dataset_id != self._dataset_id:
            raise NotFound(f"dataset {self.dataset!r} has no image {image_id}", remedy="use an id of its own images")
        return image

    def _reference(self, session: Session, image: ImageRecord) -> ImageRef:
        return _reference(image, images.place_of(session, self._dataset_id, self._part, image.id))

    def _shown(self, _change: Any) -> None:
        # ipywidgets holds this lock while it takes over what the browser set: the canvas shows that image already.
        if "image_id" not in self._property_lock and self.image_id is not None and self._views:
            with self._store.database.transaction() as session:
                self._push(GotoPush(image=self._reference(session, self._own(session, self.image_id))))
        self._encode_ahead()

    def _encode_ahead(self) -> None:
        prompts, shown = self._prompts, self.image_id
        if prompts is None or not prompts.used or shown is None:
            return

        def work() -> None:
            with self._store.database.transaction() as session:
                image = self._own(session, shown)
                after = images.page(session, self._dataset_id, self._part, after=shown, limit=1)
            prompts.encode(image, announce=True)
            if after and prompts.cheap and not self._segmenting.contested:
                prompts.encode(after[0], announce=False)

        self._segmenting.warm(self._guarded(work, "encoding ahead"))

    def _guarded(self, work: Callable[[], None], what: str) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception:
                self.log.exception("the annotator failed while %s", what)

        return run

    def _look(self) -> None:
        """Push ``changed`` if somebody else edited the shown image."""
        shown = self.image_id
        if shown is None or shown not in self._seqs:
            return
        with self._store.database.transaction() as session:
            seq = log.sequence(session, shown)
        if seq > self._seqs[shown]:
            self._seqs[shown] = seq
            self._push(ChangedPush(image_id=shown, seq=seq))

    def _push(self, push: AnnotatorPush) -> None:
        self._in_context(self._send_now, push.model_dump(mode="json"), ())

    def _send_now(self, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.send(message, buffers=list(buffers))

    def _in_context(self, call: Callable[..., None], *arguments: Any) -> None:
        self._context.copy().run(call, *arguments)


def _reference(image: ImageRecord, place: int) -> ImageRef:
    return ImageRef(
        id=image.id,
        index=place,
        name=image.file_name,
        width=image.width,
        height=image.height,
        tags=list(image.tags),
    )
