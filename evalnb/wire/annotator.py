"""What the Annotator's browser half and kernel half say to each other.

A request is an ask with a number, flat: ``{"id": 7, "ask": "page", "first": 0, "count": 50}``. Its reply is
``{"id": 7, "ok": Reply}`` or ``{"id": 7, "error": Refusal}``, with binary buffers beside it. A push comes unasked and
has no number: ``{"push": "changed", …}``. ``AnnotatorReplies`` says which reply answers which ask.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field

from evalnb.core.slices import Slice
from evalnb.core.taxonomy import Attribute, Class, Taxonomy
from evalnb.wire.base import Received, Wire
from evalnb.wire.live import EditsPush, LocateAsk, LocateReply, PresencePush, WatchAsk, WatchReply, WelcomePush
from evalnb.wire.prompts import (
    BoxMasksAsk,
    BoxMasksReply,
    EncodingPush,
    EverythingAsk,
    EverythingReply,
    HoverAsk,
    HoverReply,
    PrepareAsk,
    PrepareReply,
    SegmentAsk,
    SegmentReply,
    StopAsk,
    StopReply,
    SweepPush,
)
from evalnb.wire.references import ImageRef
from evalnb.wire.review import (
    CommentAsk,
    PastAsk,
    PastReply,
    ResolveAsk,
    RestoreAsk,
    ReviewAsk,
    ReviewedPush,
    ReviewReply,
    ReviewSetAsk,
    StepAsk,
    StepReply,
    StepsAsk,
    StepsReply,
)
from evalnb.wire.shapes import Op, OpResult, Shape
from evalnb.wire.tiles import ImageAsk, ImageReply, TilesAsk, TilesReply
from evalnb.wire.tracks import FollowAsk, FollowReply, SequenceAsk, SequenceReply, TrackAsk, TrackReply


class Refusal(Wire):
    """An EvalnbError on the wire."""

    kind: str
    """The class's name. ``Superseded`` is no fault: a newer ask of the same sort took this one's place."""
    happened: str
    remedy: str
    status: int


class AttributeInfo(Wire):
    """What a person is asked for about a shape of a class."""

    name: str
    kind: Literal["select", "number", "text", "checkbox"]
    choices: list[str] = []
    default: str | float | bool | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, attribute: Attribute) -> AttributeInfo:
        """A core attribute on the wire."""
        return cls(**asdict(attribute))


class ClassInfo(Wire):
    """One class as the picker shows it."""

    id: int
    name: str
    color: str


class LabelInfo(ClassInfo):
    """A class with what else the canvas asks about its shapes."""

    keypoints: list[str] = []
    skeleton: list[tuple[int, int]] = []
    """Pairs of 1-based places in ``keypoints``."""
    attributes: list[AttributeInfo] = []

    @classmethod
    def of(cls, one: Class, taxonomy: Taxonomy) -> LabelInfo:
        """A class of ``taxonomy`` on the wire, with the colour it is drawn in."""
        return cls(
            id=one.id,
            name=one.name,
            color=taxonomy.color(one.id),
            keypoints=list(one.keypoints),
            skeleton=list(one.skeleton),
            attributes=[AttributeInfo.of(attribute) for attribute in one.attributes],
        )


class RunInfo(Wire):
    """A prediction run that can be overlaid."""

    id: int
    name: str


class SliceAsk(Received):
    """The images to step through: those that meet every condition."""

    tags: list[str] = Field(default=[], max_length=50)
    classes: list[str] = Field(default=[], max_length=200)
    """Images with an annotation of one of these; empty: any image."""
    text: str = Field(default="", max_length=1000)
    """Images whose file name contains this."""

    def slice(self) -> Slice:
        """The core slice of it."""
        return Slice().where(tag=self.tags, classes=self.classes or None, text=self.text)


class HelloAsk(Received):
    """Sent once a view has rendered; nothing is pushed before it."""

    ask: Literal["hello"] = "hello"
    view: str = Field(max_length=100)
    """Any name of the view's own, for instance a random UUID."""
    image_id: int | None = None
    """The image to begin with; left out, the other side chooses."""
    part: SliceAsk | None = None
    """What a page steps through; a notebook's slice was chosen by its cell, and stays."""


class HelloReply(Wire):
    """All the canvas needs to begin."""

    dataset: str
    image_count: int
    start: ImageRef | None
    classes: list[LabelInfo]
    tags: list[str]
    """Those that images of the dataset have, by name; the first few hundred."""
    runs: list[RunInfo]
    segmenter: str | None
    """The SAM tool's model name, or None where there is none; ``segmenter_help`` then says how to get one."""
    segmenter_help: str = ""
    read_only: bool = False
    scope: str = ""
    """Names this dataset in this database, so that edits a browser could not send find their way back."""
    link: str = ""
    """The address of an image elsewhere (the portal's page of it), with ``{image_id}`` in it; empty where there is
    none."""


class ByeAsk(Received):
    """Sent when a view goes away; after the last one nothing is pushed."""

    ask: Literal["bye"] = "bye"
    view: str = Field(max_length=100)


class ByeReply(Wire):
    """Nothing more to say."""


class PageAsk(Received):
    """The images at places ``first`` … ``first + count - 1``."""

    ask: Literal["page"] = "page"
    first: int
    count: int


class PageReply(Wire):
    """Those that exist."""

    images: list[ImageRef]


class ShapesAsk(Received):
    """The annotations of an image."""

    ask: Literal["shapes"] = "shapes"
    image_id: int


class ShapesReply(Wire):
    """All that are not deleted, the image's tags, and the sequence number they stand at."""

    image_id: int
    seq: int
    shapes: list[Shape]
    tags: list[str]


class PredictionsAsk(Received):
    """One run's predictions on an image."""

    ask: Literal["predictions"] = "predictions"
    image_id: int
    run_id: int


class PredictionsReply(Wire):
    """Buffers: boxes (n, 4) float32 x y w h, scores (n,) float32, class ids (n,) int32. ``rles`` for masks."""

    image_id: int
    run_id: int
    count: int
    rles: list[str] | None = None


class VerdictsAsk(Received):
    """What became of a run's predictions on an image, and of its shapes, at an IoU: by the evaluation's own rules, of
    the truth as it stands."""

    ask: Literal["verdicts"] = "verdicts"
    image_id: int
    run_id: int
    iou: float


class VerdictsReply(Wire):
    """Of n predictions, in the order of ``PredictionsReply``, and t shapes. Buffers:

    outcome (n,) uint8: 0 uncounted, 1 true positive, 2 false positive, 3 ignored; error (n,) uint8: a place in
    ``errors``, else 255; shape (n,) int32: a place in ``shapes``, that on which it lies, or -1; overlap (n,) float32;
    finder (t,) int32: a prediction, or -1; counts (t,) uint8: 0 for a crowd, which need not be found."""

    image_id: int
    run_id: int
    iou: float
    kind: Literal["bbox", "segm"]
    covered: bool
    """Whether the run answers for this image at all."""
    seq: int
    """Where the image's log stood."""
    shapes: list[str]
    errors: list[str]


class MistakeAsk(Received):
    """The nearest image beyond a place of the slice on which the run, at this IoU and confidence, makes a mistake."""

    ask: Literal["mistake"] = "mistake"
    index: int
    run_id: int
    iou: float
    confidence: float
    forward: bool = True


class MistakeReply(Wire):
    """None: there is none on that side."""

    image: ImageRef | None
    looked: int
    """How many images were judged."""


class ApplyAsk(Received):
    """Ops on one image, in order."""

    ask: Literal["apply"] = "apply"
    image_id: int
    ops: list[Op]


class ApplyReply(Wire):
    """Sent after the commit: what it says is saved, is saved."""

    image_id: int
    seq: int
    results: list[OpResult]


class ChangedPush(Wire):
    """Somebody else edited the image; ask for its shapes."""

    push: Literal["changed"] = "changed"
    image_id: int
    seq: int


class GotoPush(Wire):
    """The kernel asks the canvas to show an image."""

    push: Literal["goto"] = "goto"
    image: ImageRef


AnnotatorAsk = Annotated[
    HelloAsk
    | ByeAsk
    | PageAsk
    | LocateAsk
    | ImageAsk
    | TilesAsk
    | ShapesAsk
    | WatchAsk
    | PredictionsAsk
    | VerdictsAsk
    | MistakeAsk
    | ApplyAsk
    | RestoreAsk
    | PastAsk
    | TrackAsk
    | SequenceAsk
    | StepsAsk
    | StepAsk
    | ReviewAsk
    | ReviewSetAsk
    | CommentAsk
    | ResolveAsk
    | PrepareAsk
    | SegmentAsk
    | HoverAsk
    | EverythingAsk
    | BoxMasksAsk
    | FollowAsk
    | StopAsk,
    Field(discriminator="ask"),
]
AnnotatorPush = Annotated[
    ChangedPush | EncodingPush | SweepPush | GotoPush | WelcomePush | EditsPush | PresencePush | ReviewedPush,
    Field(discriminator="push"),
]
AnnotatorReplies: dict[str, type[Wire]] = {
    "hello": HelloReply,
    "bye": ByeReply,
    "page": PageReply,
    "locate": LocateReply,
    "image": ImageReply,
    "tiles": TilesReply,
    "shapes": ShapesReply,
    "watch": WatchReply,
    "predictions": PredictionsReply,
    "verdicts": VerdictsReply,
    "mistake": MistakeReply,
    "apply": ApplyReply,
    "restore": ApplyReply,
    "past": PastReply,
    "track": TrackReply,
    "sequence": SequenceReply,
    "steps": StepsReply,
    "step": StepReply,
    "review": ReviewReply,
    "review_set": ReviewReply,
    "comment": ReviewReply,
    "resolve": ReviewReply,
    "prepare": PrepareReply,
    "segment": SegmentReply,
    "hover": HoverReply,
    "everything": EverythingReply,
    "box_masks": BoxMasksReply,
    "follow": FollowReply,
    "stop": StopReply,
}
