"""What the Annotator asks a model that takes prompts, and what it is told."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.shapes import Box, Geometry


class PrepareAsk(Received):
    """The SAM tool was taken up: what the first prompt on this image would wait for may begin."""

    ask: Literal["prepare"] = "prepare"
    image_id: int


class PrepareReply(Wire):
    """Heard. ``EncodingPush`` tells of the work."""


class Earlier(Received):
    """One of the masks of an earlier answer."""

    answer: int
    """The answer's number."""
    candidate: int = Field(ge=0)
    """Its place among that answer's masks."""


class SegmentAsk(Received):
    """A SAM prompt. ``labels``: 1 in, 0 out. ``box`` is x, y, w, h."""

    ask: Literal["segment"] = "segment"
    image_id: int
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    box: Box | None = None
    refines: Earlier | None = None
    """The mask that these prompts correct. One that the kernel no longer has is done without."""
    outline: Geometry | None = None
    """What is known of the object: a shape that encloses pixels. It is what these prompts correct, where ``refines``
    says nothing else; without a box the one around it is meant."""


class Candidate(Wire):
    """One of the masks that a prompt may mean: its window x, y, w, h in pixels, and its IoU as the model predicts."""

    window: tuple[int, int, int, int]
    score: float


class SegmentReply(Candidate):
    """The likeliest mask; ``others`` follow it. A buffer for each: zlib of the mask's ``window``, row-major, 1 bit a
    pixel, rows padded to bytes, the first pixel in the highest bit. An empty mask has a window of zeros and an empty
    buffer."""

    image_id: int
    encode_ms: float
    decode_ms: float
    answer: int = 0
    """The number by which a later prompt names it."""
    others: list[Candidate] = []


class HoverAsk(Received):
    """What a click there would mean. It never waits for an encoding; of those that wait, the newest is answered."""

    ask: Literal["hover"] = "hover"
    image_id: int
    x: float
    y: float
    seq: int
    """The asker's own number, counting up: an answer of a lower one than is shown is late."""
    points: list[tuple[float, float]] = []
    """The clicks on the object in hand, to which this one would be added."""
    labels: list[int] = []
    box: Box | None = None
    refines: Earlier | None = None
    """The mask that would be corrected."""


class HoverReply(Wire):
    """One buffer, as ``SegmentReply``'s, but of ``columns`` × ``rows`` cells that cover the ``window`` (x, y, w, h in
    pixels, not whole ones)."""

    image_id: int
    seq: int
    ready: bool
    """False while the image is not encoded: then there is no mask."""
    window: Box
    columns: int
    rows: int
    score: float
    decode_ms: float


class EverythingAsk(Received):
    """Every object of the image that the segmenter finds. ``SweepPush`` tells how far it is; ``StopAsk`` ends it."""

    ask: Literal["everything"] = "everything"
    image_id: int


class EverythingReply(Wire):
    """The objects, the surest first, less those that are labelled already; a buffer each, as ``SegmentReply``'s."""

    image_id: int
    found: list[Candidate]
    labelled: int
    """How many were left out, since a shape of the image is the same."""


class BoxMasksAsk(Received):
    """What is in each of these boxes, as ``SegmentAsk`` would say. ``SweepPush`` tells how far it is; ``StopAsk``
    ends it."""

    ask: Literal["box_masks"] = "box_masks"
    image_id: int
    boxes: list[Box] = Field(max_length=500)


class BoxMasksReply(Wire):
    """One for each box, in their order; a buffer each, as ``SegmentReply``'s."""

    image_id: int
    found: list[Candidate]


class StopAsk(Received):
    """Nobody waits for the answer to ``EverythingAsk`` or ``BoxMasksAsk`` any more, or for a following of that name:
    it is refused as Cancelled."""

    ask: Literal["stop"] = "stop"
    image_id: int
    follow: UUID | None = None


class StopReply(Wire):
    """Heard."""


class SweepPush(Wire):
    """How far ``EverythingAsk`` or ``BoxMasksAsk`` is; ``fraction`` of 1."""

    push: Literal["sweep"] = "sweep"
    image_id: int
    fraction: float = Field(ge=0, le=1)


class EncodingPush(Wire):
    """The segmenter is at work on an image's features; ``fraction`` of 1."""

    push: Literal["encoding"] = "encoding"
    image_id: int
    fraction: float = Field(ge=0, le=1)
