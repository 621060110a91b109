"""The Evaluation widget: sliders, brushes and marks over a match table, and the images behind every mark.

The browser half is widgets/src/evaluation; the two speak wire/evaluation.py. Traits carry what is looked at; figures,
boxes and pictures go by messages. Figures have a thread of their own, one ask in flight, the newest wins.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray
from pydantic import TypeAdapter

from evalnb import imagery, models
from evalnb.annotating.desk import Aside, AtOnce, Desk, Latest, Reply
from evalnb.core.slices import Slice
from evalnb.core.taxonomy import color_at
from evalnb.errors import Invalid, NotFound
from evalnb.runs.card import headline
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.source import Folder, Source, StoredSource
from evalnb.store.repositories import datasets
from evalnb.store.repositories import edits as log
from evalnb.store.repositories import images as image_rows
from evalnb.widgets import _static
from evalnb.widgets._comm import answer_beside_cells
from evalnb.widgets._figures import SCORE_EDGES, SIZE_EDGES, Figures, keys, operating
from evalnb.widgets._portal import image_link
from evalnb.widgets._watch import Watch
from evalnb.widgets.annotator import Annotator
from evalnb.wire.annotator import ClassInfo
from evalnb.wire.evaluation import (
    DetailAsk,
    DetailReply,
    EditedPush,
    EvaluationAsk,
    EvaluationByeAsk,
    EvaluationByeReply,
    EvaluationHelloAsk,
    EvaluationHelloReply,
    EvaluationQuery,
    FiguresAsk,
    FiguresReply,
    ImagesAsk,
    ImagesReply,
    OpenAsk,
    OpenReply,
    TagInfo,
    ThumbAsk,
    ThumbReply,
)

_ASKS: TypeAdapter[Any] = TypeAdapter(EvaluationAsk)
POLL_S = 1.5
"""How often the dataset's edit log is looked at while a view is open: one range of a primary key."""
LATE_IDS = 200
"""How far back the log is read again: ids are given before the commit that shows them."""
THUMB_PX = 320
PROBLEMS_MAX = 50


class EvaluationWidget(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped
    """Explore an evaluation. Show it in a cell; the traits and ``evaluation`` work from Python.

    ``images`` is the folder of the pictures, for an evaluation of files. ``on_open`` is called with the id of an
    image that is clicked; by default it opens in an Annotator below, if the evaluation is of a dataset of the store.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    confidence = traitlets.Float(0.0, min=0, max=1, help="Only detections at or above it.").tag(sync=True)
    iou = traitlets.Float(0.5, help="Of curves, bars, confusion and images: 0.5, 0.55, … 0.95.").tag(sync=True)
    area = traitlets.Enum(["all", "small", "medium", "large"], "all", help="The range of sizes.").tag(sync=True)
    classes = traitlets.List(
        traitlets.Int(), None, allow_none=True, help="Ids of the classes looked at; None: all."
    ).tag(sync=True)
    tags = traitlets.List(traitlets.Unicode(), help="Only images that bear all of these.").tag(sync=True)

    def __init__(
        self,
        evaluation: Evaluation,
        *,
        images: str | Path | None = None,
        on_open: Callable[[int], None] | None = None,
    ) -> None:
        # First of all: whatever raises below, ``__del__`` closes what there is.
        self._watch = Watch(self._look, period_s=POLL_S, log=self.log)
        self._aside, self._counting, self._detailing = Aside(), Latest(), Latest()
        self._figures = Figures(evaluation)
        self._first: Figures | None = None
        self._source = _source(evaluation, images)
        self._on_open = on_open
        self._annotator: Annotator | None = None
        self._views: set[str] = set()
        self._lock = threading.RLock()
        self._edited: set[int] = set()
        self._seen: set[int] = set()
        self._last_edit = 0
        if isinstance(self._source, StoredSource):
            with self._source.store.database.transaction() as session:
                self._last_edit = log.last_id(session)
                self._seen.update(
                    id for id, _ in log.since(session, self._source.dataset_id, self._last_edit - LATE_IDS)
                )
        self._edits = 0
        self._context = contextvars.copy_context()
        at_once = AtOnce()
        self._desk = Desk(
            _ASKS,
            {
                "hello": (at_once, self._hello),
                "bye": (at_once, self._bye),
                "open": (at_once, self._open),
                "figures": (self._counting, self._at_once),
                "detail": (self._detailing, self._detail),
                "images": (self._aside, self._images),
                "thumb": (self._aside, self._thumb),
            },
            send=self._send_now,
            log=self.log,
        )
        super().__init__(
            _esm=_static.read("evaluation.js"),
            _css=_static.read("evaluation.css"),
            confidence=evaluation.confidence,
            area=evaluation.area,
        )
        self.on_msg(self._received)
        answer_beside_cells(self.comm)

    # ------------------------------------------------------------------------------------ for people, in Python

    @property
    def evaluation(self) -> Evaluation:
        """What the widget shows: narrowed as its sliders say, with the annotations as they stand."""
        return self._figures.narrowed(self._query())

    @property
    def annotator(self) -> Annotator | None:
        """The Annotator that a click on an image opened."""
        return self._annotator

    def refresh(self) -> None:
        """Take over every edit that was made since the evaluation, those before the widget was shown too."""
        with self._lock:
            begin = time.perf_counter()
            now = self._figures.whole.after_edits()
            self._take(now, [], begin)

    def close(self) -> None:
        """End it: its threads stop, and what it shows stays."""
        self._watch.stop()
        for one in (self._aside, self._counting, self._detailing):
            one.close()
        if self._annotator is not None:
            self._annotator.close()
        super().close()

    # ----------------------------------------------------------------------------------------- what it answers

    def _hello(self, ask: EvaluationHelloAsk) -> Reply:
        self._views.add(ask.view)
        whole, figures = self._figures.whole, self._figures
        classes = whole.matches.classes[figures.class_places].tolist()
        if isinstance(self._source, StoredSource):
            self._watch.start()
        return Reply(
            EvaluationHelloReply(
                kind=whole.kind,
                title=headline(whole),
                keys=list(keys(whole)),
                classes=[ClassInfo(id=id, name=whole.named(id), color=color_at(n)) for n, id in enumerate(classes)],
                tags=[TagInfo(name=name, images=many) for name, many in figures.tags.items()],
                areas=["all", "small", "medium", "large"] if whole.area == "all" else [whole.area],  # type: ignore[list-item]
                least_confidence=whole.confidence,
                image_count=whole.image_count(),
                problems=[str(one) for one in whole.problems[:PROBLEMS_MAX]],
                problem_count=len(whole.problems),
                pictures=self._source is not None,
                opens="callback"
                if self._on_open
                else "annotator"
                if isinstance(self._source, StoredSource)
                else "nothing",
                score_edges=SCORE_EDGES.tolist(),
                size_edges=SIZE_EDGES.tolist(),
            )
        )

    def _bye(self, ask: EvaluationByeAsk) -> Reply:
        self._views.discard(ask.view)
        if not self._views:
            self._watch.stop()
        return Reply(EvaluationByeReply())

    def _at_once(self, ask: FiguresAsk) -> Reply:
        begin = time.perf_counter()
        with self._lock:
            figures, first, edits, edited = self._figures, self._first, self._edits, len(self._edited)
        one = figures.at_once(ask.query)
        return Reply(
            FiguresReply(
                numbers=one.numbers,
                whole=figures.whole_numbers,
                before=None if first is None else first.numbers(ask.query),
                edits=edits,
                edited_images=edited,
                images=one.images,
                truths=one.truths,
                detections=one.detections,
                curve_classes=one.curve_classes,
                took_ms=round((time.perf_counter() - begin) * 1e3, 2),
            ),
            [
                _packed(one.per_class, "<f4"),
                _packed(figures.whole_ap, "<f4"),
                _packed(one.curves, "<f4"),
                _packed(one.scores, "<i4"),
                _packed(one.sizes, "<i4"),
            ],
        )

    def _detail(self, ask: DetailAsk) -> Reply:
        counts, classes, others = self._figures.confused(ask.query)
        return Reply(
            DetailReply(confidence=operating(ask.query), iou=ask.query.iou, classes=classes, others=others),
            [_packed(counts, "<i4")],
        )

    def _images(self, ask: ImagesAsk) -> Reply:
        figures = self._figures
        places, count, table = figures.behind(ask.query, ask.mark)
        shown = places[ask.first : ask.first + ask.count]
        start, box, kind = figures.boxes(ask.query, ask.mark, shown)
        return Reply(
            ImagesReply(images=figures.items(shown, count, table), total=len(places)),
            [_packed(start, "<i4"), _packed(box, "<f4"), _packed(kind, "u1")],
        )

    def _thumb(self, ask: ThumbAsk) -> Reply:
        if self._source is None:
            raise NotFound("the pictures are not known", remedy="explore(images=FOLDER) says where they are")
        if ask.image_id not in self._known:
            raise NotFound(f"the evaluation has no image {ask.image_id}", remedy="run the cell again")
        data = self._source.read(ask.image_id)
        small = imagery.thumbnail(data, side_px=THUMB_PX, name=f"image {ask.image_id}")
        return Reply(ThumbReply(image_id=ask.image_id, mime="image/jpeg"), [small])

    def _open(self, ask: OpenAsk) -> Reply:
        if ask.image_id not in self._known:
            raise NotFound(f"the evaluation has no image {ask.image_id}", remedy="run the cell again")
        if self._on_open is not None:
            self._on_open(ask.image_id)
            return Reply(OpenReply(model=""))
        if not isinstance(self._source, StoredSource):
            raise Invalid(
                "an evaluation of files has no dataset to edit",
                remedy="pass on_open, or import the files with project.import_coco",
            )
        if self._annotator is None:
            self._annotator = self._make_annotator(self._source, ask.image_id)
        else:
            self._annotator.goto(image_id=ask.image_id)
        return Reply(OpenReply(model=self._annotator.model_id))

    # -------------------------------------------------------------------------------------------------- inside

    @property
    def _known(self) -> set[int]:
        return set(self._figures.whole.matches.images.tolist())

    def _query(self) -> EvaluationQuery:
        return EvaluationQuery(
            confidence=self.confidence, iou=self.iou, area=self.area, classes=self.classes, tags=self.tags
        )

    def _make_annotator(self, source: StoredSource, image_id: int) -> Annotator:
        store = source.store
        with store.database.transaction() as session:
            place = image_rows.place_of(session, source.dataset_id, Slice(), image_id)
            project_id = datasets.get(session, source.dataset_id).project_id
        return Annotator(
            store,
            source.dataset_id,
            segmenter=models.wand(store.settings),
            author=store.settings.author,
            start=place,
            height=560,
            run_id=self._figures.whole.run_id,
            link=image_link(store.settings.home, project_id),
            on_edit=self._look,
        )

    def _look(self) -> None:
        """Match again what anybody edited since the last look, and say so."""
        source = self._source
        if not isinstance(source, StoredSource):
            return
        with self._lock:
            with source.store.database.transaction() as session:
                found = log.since(session, source.dataset_id, self._last_edit - LATE_IDS)
            fresh = [(id, image) for id, image in found if id not in self._seen]
            if not fresh:
                return
            begin = time.perf_counter()
            images = sorted({image for _, image in fresh})
            now = self._figures.whole.after_edits(images)
            self._seen = {id for id, _ in found}
            self._last_edit = max(id for id, _ in found)
            self._edits += len(fresh)
            self._take(now, images, begin)

    def _take(self, now: Evaluation, images: Sequence[int], begin: float) -> None:
        before = self._figures
        if now is before.whole:
            return
        self._first = self._first or before
        self._figures = Figures(now)
        self._edited.update(images)
        self._push(
            EditedPush(
                images=list(images),
                edits=self._edits,
                rematch_ms=round((time.perf_counter() - begin) * 1e3, 1),
            )
        )

    def _received(self, _widget: Any, message: Any, _buffers: Any) -> None:
        # What is pushed later goes out as if in answer to this; see answer_beside_cells.
        self._context = contextvars.copy_context()
        self._desk.receive(message)

    def _push(self, push: EditedPush) -> None:
        self._context.copy().run(self._send_now, push.model_dump(mode="json"), ())

    def _send_now(self, message: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.send(message, buffers=list(buffers))


def _source(evaluation: Evaluation, images: str | Path | None) -> Source | None:
    if images is None:
        return evaluation.source
    names = dict(zip(evaluation.images.id.tolist(), evaluation.images.name, strict=True))
    return Folder(Path(images), names)


def _packed(values: NDArray[Any], dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype=dtype).tobytes()
