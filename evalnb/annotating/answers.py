"""The answers about one dataset, or a slice of it. They keep nothing of whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy.orm import Session

from evalnb import edits
from evalnb.annotating.desk import Reply, superseded
from evalnb.annotating.following import Trails
from evalnb.annotating.judging import judged, nearest_mistake
from evalnb.annotating.prompts import Prompts
from evalnb.annotating.rights import Rights
from evalnb.core.frames import frame_of
from evalnb.core.images import ImageRecord
from evalnb.core.metrics.errors import KINDS
from evalnb.core.slices import Slice
from evalnb.errors import Invalid, NotFound, Unavailable
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets, images, predictions
from evalnb.store.repositories import edits as log
from evalnb.wire.annotator import (
    ApplyAsk,
    ApplyReply,
    HelloAsk,
    HelloReply,
    LabelInfo,
    MistakeAsk,
    MistakeReply,
    PageAsk,
    PageReply,
    PredictionsAsk,
    PredictionsReply,
    RunInfo,
    ShapesAsk,
    ShapesReply,
    VerdictsAsk,
    VerdictsReply,
)
from evalnb.wire.live import LocateAsk, LocateReply, WatchAsk, WatchReply
from evalnb.wire.prompts import (
    BoxMasksAsk,
    EverythingAsk,
    HoverAsk,
    PrepareAsk,
    PrepareReply,
    SegmentAsk,
    StopAsk,
    StopReply,
)
from evalnb.wire.references import ImageRef, VideoFrame
from evalnb.wire.tracks import (
    FollowAsk,
    FollowedFrame,
    FollowReply,
    Frame,
    SequenceAsk,
    SequenceReply,
    TrackAsk,
    TrackReply,
)

PAGE_MAX = 500
FRAMES_MAX = 2000
"""So many images of a track are told at once."""
TAGS_MAX = 500
"""So many of a dataset's tags are offered on the canvas."""


class Answers:
    """Answers asks about ``part`` of a dataset; edits are logged under ``author``.

    ``run_id``'s predictions are offered first. ``link`` is the address of an image elsewhere, with ``{image_id}`` in
    it.
    """

    def __init__(
        self,
        store: Store,
        dataset_id: int,
        *,
        author: str,
        rights: Rights,
        part: Slice = Slice(),
        run_id: int | None = None,
        prompts: Prompts | None = None,
        trails: Trails | None = None,
        segmenter_help: str = "",
        link: str = "",
    ) -> None:
        self._store = store
        self._dataset_id = dataset_id
        self._author = author
        self._rights = rights
        self._part = part
        self._run_id = run_id
        self._prompts, self._trails = prompts, trails
        self._segmenter_help = segmenter_help
        self._link = link

    @property
    def dataset_id(self) -> int:
        """The dataset that is asked about."""
        return self._dataset_id

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction in which the asker may look at the dataset."""
        with self._store.database.transaction() as session:
            self._rights.look(session)
            yield session

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """A transaction in which the asker may change the dataset's labels."""
        with self.transaction() as session:
            self._rights.edit(session)
            yield session

    @contextmanager
    def editing(self, image_id: int) -> Iterator[tuple[Session, ImageRecord]]:
        """A transaction in which the asker may change the image's labels."""
        with self.changing() as session:
            yield session, self.own(session, image_id)

    def hello(self, ask: HelloAsk, *, shown: int | None) -> HelloReply:
        """All the canvas needs to begin, at the image that it asks for, else at ``shown``."""
        with self.transaction() as session:
            about = datasets.get(session, self._dataset_id)
            born = about.created_at.timestamp() if about.created_at else 0.0
            image_id = ask.image_id if ask.image_id is not None else shown
            taxonomy = datasets.taxonomy(session, self._dataset_id)
            return HelloReply(
                dataset=about.name,
                image_count=images.count(session, self._dataset_id, self._part),
                start=None if image_id is None else self.reference(session, self.own(session, image_id)),
                classes=[LabelInfo.of(one, taxonomy) for one in taxonomy],
                tags=datasets.tag_names(session, self._dataset_id, limit=TAGS_MAX),
                runs=sorted(
                    (RunInfo(id=one.id, name=one.name) for one in predictions.runs(session, self._dataset_id)),
                    key=lambda one: one.id != self._run_id,
                ),
                segmenter=self._prompts.name if self._prompts else None,
                segmenter_help=self._segmenter_help,
                read_only=not self._rights.may_edit(session),
                scope=f"{self._dataset_id}-{born:.6f}",
                link=self._link,
            )

    def step_through(self, part: Slice, image_id: int | None) -> None:
        """Answer from now on about another part of the dataset; about the whole, where that part lacks the image that
        is to be shown. NotFound for a class that the dataset does not name."""
        with self.transaction() as session:
            taxonomy = datasets.taxonomy(session, self._dataset_id)
            for name in part.classes or ():
                taxonomy.named(name)
            there = image_id is None or images.within(session, self._dataset_id, part, image_id)
        self._part = part if there else Slice()

    def first(self) -> int | None:
        """The first image's id, None in an empty slice."""
        with self.transaction() as session:
            found = images.by_place(session, self._dataset_id, self._part, 0, 1)
        return found[0].id if found else None

    def page(self, ask: PageAsk) -> Reply:
        """The images at some places."""
        if ask.first < 0 or not 0 < ask.count <= PAGE_MAX:
            raise Invalid(
                f"a page of {ask.count} images from place {ask.first}", remedy=f"ask for 1 to {PAGE_MAX} from 0 on"
            )
        with self.transaction() as session:
            found = images.by_place(session, self._dataset_id, self._part, ask.first, ask.count)
        return Reply(PageReply(images=[_reference(one, ask.first + n) for n, one in enumerate(found)]))

    def locate(self, ask: LocateAsk) -> Reply:
        """An image and its place."""
        with self.transaction() as session:
            return Reply(LocateReply(image=self.reference(session, self.own(session, ask.image_id))))

    def shapes(self, ask: ShapesAsk) -> ShapesReply:
        """An image's shapes."""
        with self.transaction() as session:
            self.own(session, ask.image_id)
            return edits.shapes(session, ask.image_id)

    def watch(self, ask: WatchAsk) -> WatchReply:
        """What happened since the asker last looked. Whoever calls this has begun to listen before."""
        with self.transaction() as session:
            if ask.image_id is None:
                return WatchReply(image_id=None, seq=0, reload=False, shapes=[], tags=None)
            self.own(session, ask.image_id)
            changes = edits.since(session, ask.image_id, ask.since)
        return WatchReply(
            image_id=ask.image_id,
            seq=changes.seq,
            reload=not changes.complete,
            shapes=list(changes.shapes),
            tags=changes.tags,
        )

    def track(self, ask: TrackAsk) -> Reply:
        """Where the shapes of a track stand."""
        with self.transaction() as session:
            found = images.of_track(session, self._dataset_id, self._part, ask.track_id, limit=FRAMES_MAX + 1)
            ids = [image.id for image, *_ in found[:FRAMES_MAX]]
            places = images.places_of(session, self._dataset_id, self._part, ids)
            frames = [
                Frame(image=_reference(image, places[image.id]), shape_id=id, keyframe=keyframe, outside=outside)
                for image, id, keyframe, outside in found[:FRAMES_MAX]
            ]
        return Reply(TrackReply(track_id=ask.track_id, frames=frames, complete=len(found) <= FRAMES_MAX))

    def sequence(self, ask: SequenceAsk) -> Reply:
        """Which images of the slice are of the asked one's video."""
        with self.transaction() as session:
            of = frame_of(self.own(session, ask.image_id))
            found = of and images.of_video(session, self._dataset_id, self._part, of.sha256)
            first, last = [self.reference(session, one) for one in found] if found else (None, None)
        return Reply(SequenceReply(image_id=ask.image_id, first=first, last=last))

    def apply(self, ask: ApplyAsk) -> ApplyReply:
        """Apply ops."""
        with self.changing() as session:
            try:
                reply = edits.apply(session, ask.image_id, ask.ops, author=self._author, dataset_id=self._dataset_id)
            except NotFound:
                # In the words of every other ask.
                self.own(session, ask.image_id)
                raise
        return reply

    def predictions(self, ask: PredictionsAsk) -> Reply:
        """A run's predictions on an image."""
        with self.transaction() as session:
            self.own(session, ask.image_id)
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

    def verdicts(self, ask: VerdictsAsk) -> Reply:
        """What became of a run's predictions on an image, and of its shapes."""
        with self.transaction() as session:
            self.own(session, ask.image_id)
            self._own_run(session, ask.run_id)
            seq = log.sequence(session, ask.image_id)
            found = judged(session, self._dataset_id, ask.run_id, [ask.image_id], ask.iou)
            part = Slice().where(images=[ask.image_id])
            shapes = annotation_rows.truth_ids(session, self._dataset_id, part) if found.covered else []
        one = found.verdicts
        return Reply(
            VerdictsReply(
                image_id=ask.image_id,
                run_id=ask.run_id,
                iou=ask.iou,
                kind=found.kind,
                covered=found.covered,
                seq=seq,
                shapes=[str(id) for id in shapes],
                errors=list(KINDS),
            ),
            [
                one.outcome.tobytes(),
                one.error.tobytes(),
                one.truth.astype("<i4").tobytes(),
                one.overlap.astype("<f4").tobytes(),
                one.finder.astype("<i4").tobytes(),
                one.counts.astype("u1").tobytes(),
            ],
        )

    def mistake(self, ask: MistakeAsk, *, stale: Callable[[], bool]) -> Reply:
        """The nearest image with a mistake of a run. Superseded if ``stale`` before one was found."""
        with self.transaction() as session:
            self._own_run(session, ask.run_id)
            image, place, looked = nearest_mistake(
                session,
                self._dataset_id,
                self._part,
                ask.run_id,
                place=ask.index,
                forward=ask.forward,
                iou=ask.iou,
                confidence=ask.confidence,
                stale=stale,
            )
        if image is None and stale():
            raise superseded()
        return Reply(MistakeReply(image=None if image is None else _reference(image, place), looked=looked))

    def prepare(self, ask: PrepareAsk) -> Reply:
        """Whether the image may be prompted on; the work is the caller's. As ``segment`` refuses."""
        self._with_segmenter()
        with self.transaction() as session:
            self.own(session, ask.image_id)
        return Reply(PrepareReply())

    def segment(self, ask: SegmentAsk, *, stale: Callable[[], bool]) -> Reply:
        """The mask that a prompt means. Superseded if ``stale`` meanwhile; Unavailable without a segmenter."""
        prompts = self._with_segmenter()
        with self.transaction() as session:
            image = self.own(session, ask.image_id)
        return prompts.answer(ask, image, stale=stale)

    def hover(self, ask: HoverAsk) -> Reply:
        """What a click there would mean. As ``segment`` refuses."""
        prompts = self._with_segmenter()
        # Thirty times a second: an image that was encoded here was looked up then.
        if not prompts.knows(ask.image_id):
            with self.transaction() as session:
                self.own(session, ask.image_id)
        return prompts.hover(ask)

    def everything(self, ask: EverythingAsk) -> Reply:
        """Every object that is not labelled yet. Cancelled after ``stop``; else as ``segment`` refuses."""
        prompts = self._with_segmenter()
        with self.transaction() as session:
            image = self.own(session, ask.image_id)
            known = [one.geometry for one in annotation_rows.of_image(session, ask.image_id)]
        return prompts.everything(image, known)

    def box_masks(self, ask: BoxMasksAsk) -> Reply:
        """What is in each of some boxes. Cancelled after ``stop``; else as ``segment`` refuses."""
        prompts = self._with_segmenter()
        with self.transaction() as session:
            image = self.own(session, ask.image_id)
        return prompts.box_masks(ask, image)

    def stop(self, ask: StopAsk) -> Reply:
        """Let ``everything`` or ``box_masks`` be, or ``follow``."""
        prompts = self._with_segmenter()
        if ask.follow is None:
            prompts.stop(ask.image_id)
        elif self._trails is not None:
            self._trails.stop(ask.follow)
        return Reply(StopReply())

    def follow(self, ask: FollowAsk) -> Reply:
        """Tracks on the next images. Errors as ``Trails.follow``; Unavailable without a segmenter."""
        self._with_segmenter()
        assert self._trails is not None
        with self.transaction() as session:
            self._rights.edit(session)
            self.own(session, ask.image_id)
        piece = self._trails.follow(ask, self._part)
        with self.transaction() as session:
            records = {one.id: one for one in images.by_ids(session, [id for _, id, *_ in piece.frames])}
        frames = [
            FollowedFrame(image=_reference(records[id], place), shapes=shapes, problem=problem)
            for place, id, shapes, problem in piece.frames
            if id in records
        ]
        return Reply(FollowReply(follow=ask.follow, of=piece.of, frames=frames, ended=piece.ended))

    def _with_segmenter(self) -> Prompts:
        if self._prompts is None:
            raise Unavailable("this annotator has no segmenter", remedy=self._segmenter_help or "pass segmenter=…")
        return self._prompts

    def own(self, session: Session, image_id: int) -> ImageRecord:
        """The image, if it is the dataset's; NotFound otherwise."""
        image = images.find(session, image_id)
        # Another dataset's is told as none at all: whether it exists is not for everybody.
        if image is None or image.dataset_id != self._dataset_id:
            name = datasets.get(session, self._dataset_id).name
            raise NotFound(f"dataset {name!r} has no image {image_id}", remedy="use an id of its own images")
        return image

    def class_names(self, session: Session) -> dict[int, str]:
        """What the dataset calls its classes, by id."""
        return {one.id: one.name for one in datasets.taxonomy(session, self._dataset_id)}

    def _own_run(self, session: Session, run_id: int) -> None:
        """NotFound unless the run is the dataset's."""
        if predictions.get(session, run_id).dataset_id != self._dataset_id:
            name = datasets.get(session, self._dataset_id).name
            raise NotFound(f"dataset {name!r} has no prediction run {run_id}", remedy="use one of its own runs")

    def reference(self, session: Session, image: ImageRecord) -> ImageRef:
        """The image with its place in the slice."""
        return _reference(image, images.place_of(session, self._dataset_id, self._part, image.id))


def applied(reply: ApplyReply) -> int:
    """How many edits the reply's ops made: the log stood at ``reply.seq`` less these before them."""
    return sum(one.status in ("applied", "conflict") for one in reply.results)


def _reference(image: ImageRecord, place: int) -> ImageRef:
    return ImageRef(
        id=image.id,
        index=place,
        name=image.file_name,
        width=image.width,
        height=image.height,
        tags=list(image.tags),
        video=None if (of := frame_of(image)) is None else VideoFrame(**asdict(of)),
    )
