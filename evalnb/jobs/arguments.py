"""What the jobs that evalnb ships are asked to do, and its way through the row's JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from evalnb.core.slices import Slice
from evalnb.errors import Invalid

_T = TypeVar("_T", bound="Arguments")


@dataclass(frozen=True, slots=True)
class TrainArguments:
    """Train a detector on a dataset (or a slice of it); the result is a model version."""

    architecture: str
    dataset_id: int
    part: Slice = Slice()
    epochs: int = 50
    image_size: int = 640
    """Pixels of the square that images are fitted into."""
    batch: int = 16
    name: str | None = None
    """The model that the new version belongs to; None: named after the dataset and the architecture."""
    start_version_id: int | None = None
    """Weights to begin with; None: the architecture's pretrained ones."""
    pretrained: bool = True
    """False: begin with random weights."""
    validation: float = 0.2
    """The share of the images that are kept from training and measured after each epoch."""
    hyperparameters: dict[str, Any] | None = None
    """ultralytics' own, by name; ``evalnb.models.training.HYPERPARAMETERS`` lists them."""

    def __post_init__(self) -> None:
        """Refuse what could only fail on the worker."""
        _at_least("epochs", self.epochs, 1)
        _at_least("image_size", self.image_size, 64)
        _at_least("batch", self.batch, 1)
        if not 0 < self.validation < 1:
            raise Invalid(f"validation is {self.validation:g}", remedy="give a share between 0 and 1, such as 0.2")


@dataclass(frozen=True, slots=True)
class PredictArguments:
    """Run a model version over a dataset (or a slice of it); the result is a prediction run."""

    version_id: int
    dataset_id: int
    part: Slice = Slice()
    name: str | None = None
    confidence: float = 0.001
    max_detections: int = 100
    batch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could only fail on the worker."""
        if not 0 <= self.confidence <= 1:
            raise Invalid(f"confidence is {self.confidence:g}", remedy="give a number from 0 to 1, such as 0.001")
        _at_least("max_detections", self.max_detections, 1)
        if self.batch is not None:
            _at_least("batch", self.batch, 1)


@dataclass(frozen=True, slots=True)
class EvaluateArguments:
    """Match a prediction run with its dataset's truths; the result is an evaluation."""

    run_id: int
    kind: str = "bbox"
    part: Slice = Slice()


@dataclass(frozen=True, slots=True)
class MasksArguments:
    """Draw what is in each box of a dataset (or a slice of it) as a mask; the result counts them."""

    dataset_id: int
    part: Slice = Slice()
    segmenter: str | None = None
    """A SAM 2 by name; None: the smallest whose weights the worker has, else pico."""
    score_min: float = 0.5
    """Boxes whose mask the model gives a lower IoU stay boxes."""

    def __post_init__(self) -> None:
        """Refuse what could only fail on the worker."""
        if not 0 <= self.score_min <= 1:
            raise Invalid(f"score_min is {self.score_min:g}", remedy="give a number from 0 to 1, such as 0.5")


@dataclass(frozen=True, slots=True)
class FollowArguments:
    """Follow tracks of a dataset (or a slice of it) over its images; the result counts what was drawn."""

    dataset_id: int
    part: Slice = Slice()
    tracks: tuple[str, ...] | None = None
    """Their ids; None: all."""
    segmenter: str | None = None
    """A SAM 2 by name; None: the smallest whose weights the worker has, else pico."""
    direction: str = "both"

    def __post_init__(self) -> None:
        """Refuse what could only fail on the worker."""
        if self.direction not in ("forward", "backward", "both"):
            raise Invalid(f"direction is {self.direction!r}", remedy="use forward, backward or both")
        for one in self.tracks or ():
            try:
                UUID(one)
            except ValueError as error:
                raise Invalid(f"{one!r} is no track", remedy="give ids of tracks, as shapes have them") from error


@dataclass(frozen=True, slots=True)
class EncodeArguments:
    """Encode the images of a dataset (or a slice of it) ahead of whoever clicks; the result counts them."""

    dataset_id: int
    part: Slice = Slice()
    segmenter: str | None = None
    """A SAM 2 by name; None: the smallest whose weights the worker has, else pico."""


Arguments: TypeAlias = (
    TrainArguments | PredictArguments | EvaluateArguments | MasksArguments | FollowArguments | EncodeArguments
)


def to_json(arguments: Arguments) -> dict[str, Any]:
    """The row's JSON."""
    return {**asdict(arguments), "part": _slice_to_json(arguments.part)}


def from_json(kind: type[_T], values: dict[str, Any]) -> _T:
    """The arguments again. Unknown names (a newer evalnb's) are Invalid rather than ignored."""
    unknown = values.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise Invalid(
            f"this worker does not know the argument {', '.join(sorted(unknown))}",
            remedy="run the same version of evalnb in the kernel and on the worker",
        )
    lists = {name: tuple(one) for name, one in values.items() if isinstance(one, list)}
    return kind(**{**values, **lists, "part": _slice_from_json(values.get("part", {}))})


def _slice_to_json(part: Slice) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(part).items()}


def _slice_from_json(values: dict[str, Any]) -> Slice:
    known: dict[str, Any] = {name: frozenset(one) if isinstance(one, list) else one for name, one in values.items()}
    return Slice(**known)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise Invalid(f"{name} is {value}", remedy=f"give {least} or more")
