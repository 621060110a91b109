"""Jobs over HTTP: asked for by kind, followed, cancelled."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from evalnb.wire.base import Received, Wire
from evalnb.wire.evaluation import AreaName
from evalnb.wire.http.base import Key, Name, Text, example
from evalnb.wire.jobs import JobProgressView

JobStateName = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class SliceAsk(Received):
    """Which part of a dataset is meant: conditions joined by *and*; those left out do not narrow."""

    tags: list[Text] = []
    """Images that bear every one of these."""
    classes: list[Text] | None = None
    areas: list[AreaName] | None = None
    images: list[Key] | None = None
    text: Text = ""
    """Images whose file name contains this."""


class TrainAsk(Received):
    """Train a detector; the result is ``{"model_version_id", "metrics"}``."""

    model_config = example(kind="train", architecture="yolo11n", dataset_id=1, epochs=50, part={"tags": ["train"]})

    kind: Literal["train"]
    architecture: Text
    """yolo11n … x, yolo12n … x, rtdetr-l or -x."""
    dataset_id: Key
    part: SliceAsk = SliceAsk()
    epochs: int = Field(default=50, strict=True, ge=1, le=100_000)
    image_size: int = Field(default=640, strict=True, ge=64, le=8_192)
    """Pixels of the square that images are fitted into."""
    batch: int = Field(default=16, strict=True, ge=1, le=4_096)
    name: Name | None = None
    """The model that the new version belongs to; by default named after the dataset and the architecture."""
    start_version_id: Key | None = None
    """Weights to begin with; by default the architecture's published ones."""
    pretrained: StrictBool = True
    validation: float = Field(default=0.2, strict=True, gt=0, lt=1)
    """The share of images that are measured after each epoch, where none bears the tag ``val``."""
    hyperparameters: dict[Name, StrictBool | StrictInt | StrictFloat | Name] | None = None
    """ultralytics' own, by name."""


class PredictAsk(Received):
    """Run a model version over a dataset; the result is ``{"run_id"}``."""

    model_config = example(kind="predict", version_id=1, dataset_id=1, part={"tags": ["val"]})

    kind: Literal["predict"]
    version_id: Key
    dataset_id: Key
    part: SliceAsk = SliceAsk()
    name: Name | None = None
    confidence: float = Field(default=0.001, strict=True, ge=0, le=1)
    max_detections: int = Field(default=100, strict=True, ge=1, le=100_000)
    batch: int | None = Field(default=None, strict=True, ge=1, le=4_096)


class EvaluateAsk(Received):
    """Match a run with its dataset's truths; the result is ``{"evaluation_id", "summary"}``."""

    model_config = example(kind="evaluate", run_id=1)

    kind: Literal["evaluate"]
    run_id: Key
    compare: Literal["bbox", "segm", "boundary"] = "bbox"
    """What is compared."""
    part: SliceAsk = SliceAsk()


class MasksAsk(Received):
    """Draw what is in each box as a mask; the result is ``{"images", "changed", "kept", "problems"}``."""

    model_config = example(kind="masks", dataset_id=1, part={"classes": ["forklift"]}, segmenter="sam2.1-tiny")

    kind: Literal["masks"]
    dataset_id: Key
    part: SliceAsk = SliceAsk()
    """Images, and of what classes and sizes the boxes are."""
    segmenter: Text | None = None
    """sam2.1-tiny … large, or pico; by default the smallest whose weights the worker has."""
    score_min: float = Field(default=0.5, strict=True, ge=0, le=1)
    """Boxes whose mask the model gives a lower IoU stay boxes."""


class FollowTracksAsk(Received):
    """Follow tracks from their keyframes over the images of a slice, in their order; the result is ``{"tracks",
    "images", "drawn", "absent", "kept", "problems"}``."""

    model_config = example(kind="follow", dataset_id=1, part={"tags": ["clip-7"]}, segmenter="sam2.1-tiny")

    kind: Literal["follow"]
    dataset_id: Key
    part: SliceAsk = SliceAsk()
    """Images, and of what classes the tracks are."""
    tracks: list[UUID] | None = Field(default=None, min_length=1, max_length=1_000)
    """Their ids; by default all."""
    segmenter: Text | None = None
    """As for masks."""
    direction: Literal["forward", "backward", "both"] = "both"
    """both: forward of each keyframe, and back before a track's first."""


class EncodeAsk(Received):
    """Encode the images of a slice for the wand; the result is ``{"images", "encoded", "there", "left",
    "problems"}``."""

    model_config = example(kind="encode", dataset_id=1, part={"tags": ["night"]}, segmenter="sam2.1-tiny")

    kind: Literal["encode"]
    dataset_id: Key
    part: SliceAsk = SliceAsk()
    segmenter: Text | None = None
    """As for masks."""


JobAsk = Annotated[
    TrainAsk | PredictAsk | EvaluateAsk | MasksAsk | FollowTracksAsk | EncodeAsk, Field(discriminator="kind")
]


class JobProblem(Wire):
    """Why a job failed."""

    kind: str
    happened: str
    remedy: str
    detail: str
    """The traceback, where there is one."""


class JobItem(Wire):
    """A job as it stands."""

    id: UUID
    project_id: int
    kind: str
    arguments: dict[str, Any]
    state: JobStateName
    progress: JobProgressView
    result: dict[str, Any] | None
    failure: JobProblem | None
    cancelling: bool
    """Somebody asked to cancel it, and its worker has not stopped yet."""
    attempt: int
    worker: str | None
    author: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(Wire):
    """Jobs, the newest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[JobItem]
    next: UUID | None


class JobEventItem(Wire):
    """What a job said on its way: an ``epoch``'s losses and metrics, or a piece of ``log`` as ``{"text"}``."""

    id: int
    at: datetime
    kind: str
    body: dict[str, Any]


class JobEventPage(Wire):
    """Events, the oldest first. While the job runs, ask again with the last ``id`` that came."""

    items: list[JobEventItem]
    next: int | None


class JobLog(Wire):
    """The last lines that the work has printed."""

    text: str
