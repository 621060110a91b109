"""What the Evaluation widget's browser half and kernel half say to each other; framed as in ``annotator``."""

from typing import Annotated, Literal

from pydantic import Field

from evalnb.wire.annotator import ClassInfo
from evalnb.wire.base import Received, Wire

AreaName = Literal["all", "small", "medium", "large"]


class EvaluationQuery(Received):
    """What is looked at: ``Evaluation.where`` with these, and the IoU of the figures that have one."""

    confidence: float = Field(default=0.0, ge=0, le=1)
    iou: float = 0.5
    area: AreaName = "all"
    classes: list[int] | None = None
    """Ids; left out: all."""
    tags: list[str] = []
    """Images that bear all of these."""


class TagInfo(Wire):
    """A tag, and how many images bear it."""

    name: str
    images: int


class EvaluationHelloAsk(Received):
    """Sent once a view has rendered; nothing is pushed before it."""

    ask: Literal["hello"] = "hello"
    view: str


class EvaluationHelloReply(Wire):
    """All that stays as it is."""

    kind: str
    title: str
    keys: list[str]
    """The names of the numbers, in their order."""
    classes: list[ClassInfo]
    tags: list[TagInfo]
    areas: list[AreaName]
    least_confidence: float
    image_count: int
    problems: list[str]
    """What could not be used, at most fifty lines."""
    problem_count: int
    pictures: bool
    """Whether there are thumbnails."""
    opens: Literal["annotator", "callback", "nothing"]
    """What a click on an image does."""
    score_edges: list[float]
    size_edges: list[float]
    """Of the bars of the two histograms: confidences, and √area in px."""


class EvaluationByeAsk(Received):
    """Sent when a view goes away."""

    ask: Literal["bye"] = "bye"
    view: str


class EvaluationByeReply(Wire):
    """Nothing more to say."""


class FiguresAsk(Received):
    """The figures that follow a slider."""

    ask: Literal["figures"] = "figures"
    query: EvaluationQuery


class FiguresReply(Wire):
    """Buffers: (k, 5) float32 AP, AP50, AR, truths, detections of each class of the hello (NaN: it is left out);
    (k,) float32 the AP of each in the whole; (1 + c, 101) float32 precision over recall of all and of
    ``curve_classes``; (2, s) int32 hits and ghosts by score; (2, z) int32 found and missed truths by size."""

    numbers: list[float]
    whole: list[float]
    """The same without the query."""
    before: list[float] | None
    """The numbers of this query as they were before anything was edited; None without edits."""
    edits: int
    edited_images: int
    images: int
    truths: int
    detections: int
    curve_classes: list[int]
    took_ms: float


class ImageItem(Wire):
    """An image behind a mark. ``count`` is how many of the marked things it has."""

    id: int
    name: str
    width: int
    height: int
    count: int
    hits: int
    ghosts: int
    misses: int
    f1: float


class DetailAsk(Received):
    """The figures of an operating point, which may take longer."""

    ask: Literal["detail"] = "detail"
    query: EvaluationQuery


class DetailReply(Wire):
    """One buffer: the confusion matrix (n + 1, n + 1) int32, truths by row, background last. Where there are too many
    classes, ``classes`` has the most confused ones, and all others stand as one before the background."""

    confidence: float
    """At or above which detections count: the query's, or 0.25 where it names none."""
    iou: float
    classes: list[int]
    """Ids."""
    others: int
    """How many classes are summed up."""


class WorstMark(Received):
    """The images with the lowest F1."""

    mark: Literal["worst"] = "worst"


class ClassMark(Received):
    """The images where a class goes wrong most often."""

    mark: Literal["class"] = "class"
    class_id: int


class CellMark(Received):
    """A cell of the confusion matrix; left out: background."""

    mark: Literal["cell"] = "cell"
    truth: int | None = None
    detected: int | None = None


class ScoresMark(Received):
    """Detections of a range of scores."""

    mark: Literal["scores"] = "scores"
    low: float
    high: float
    outcome: Literal["any", "hit", "ghost"] = "any"


class SizesMark(Received):
    """Truths of a range of sizes (√area in px), found or missed."""

    mark: Literal["sizes"] = "sizes"
    low: float
    high: float
    outcome: Literal["any", "found", "missed"] = "any"


Mark = Annotated[WorstMark | ClassMark | CellMark | ScoresMark | SizesMark, Field(discriminator="mark")]


class ImagesAsk(Received):
    """The images behind a mark, those with most of it first."""

    ask: Literal["images"] = "images"
    query: EvaluationQuery
    mark: Mark
    first: int = Field(default=0, ge=0)
    count: int = Field(default=24, ge=1, le=100)


class ImagesReply(Wire):
    """Buffers: (m + 1,) int32 where each image's boxes begin; (b, 4) float32 boxes x, y, w, h in pixels;
    (b,) uint8 what they are: 0 hit, 1 ghost, 2 missed truth, and 4 more where it is what the mark means."""

    images: list[ImageItem]
    total: int


class ThumbAsk(Received):
    """A small picture; the reply carries it as its one buffer."""

    ask: Literal["thumb"] = "thumb"
    image_id: int


class ThumbReply(Wire):
    """Of ``mime``."""

    image_id: int
    mime: str


class OpenAsk(Received):
    """Open an image for editing."""

    ask: Literal["open"] = "open"
    image_id: int


class OpenReply(Wire):
    """The Annotator's widget id; empty where a callback took the image."""

    model: str


class EditedPush(Wire):
    """Annotations were edited and matched again: ask for the figures."""

    push: Literal["edited"] = "edited"
    images: list[int]
    edits: int
    rematch_ms: float


EvaluationAsk = Annotated[
    EvaluationHelloAsk | EvaluationByeAsk | FiguresAsk | DetailAsk | ImagesAsk | ThumbAsk | OpenAsk,
    Field(discriminator="ask"),
]
EvaluationReplies: dict[str, type[Wire]] = {
    "hello": EvaluationHelloReply,
    "bye": EvaluationByeReply,
    "figures": FiguresReply,
    "detail": DetailReply,
    "images": ImagesReply,
    "thumb": ThumbReply,
    "open": OpenReply,
}
