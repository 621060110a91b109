"""Aliases of model versions, predictions under them, and what became of those."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Key, Number, Text


class VersionName(Wire):
    """A model version, as an alias names it."""

    id: Key
    model: str
    number: int


class AliasItem(Wire):
    """What an alias stands for now."""

    name: str
    project_id: Key
    champion: VersionName
    challenger: VersionName | None
    share: float
    """The challenger's part of the traffic, 0 to 1."""
    note: str
    author: str
    since: datetime


class AliasPage(Wire):
    """A project's aliases, by name."""

    items: list[AliasItem]


class AliasChangeItem(Wire):
    """What an alias stood for from ``at`` on. Without a champion it was taken away."""

    champion_id: Key | None
    challenger_id: Key | None
    share: float
    note: str
    author: str
    at: datetime


class AliasDetail(Wire):
    """An alias with its changes, the newest first, a hundred at most."""

    alias: AliasItem
    history: list[AliasChangeItem]


class AliasWanted(Received):
    """What an alias is to stand for."""

    champion_id: Key
    challenger_id: Key | None = None
    share: float | None = Field(default=None, gt=0, lt=1)
    """The challenger's part of the traffic; 0.1 where there is one and nothing is said."""
    note: Text = ""


class DetectionItem(Wire):
    """One found object."""

    box: list[float]
    """x, y, width, height in pixels of the image as it is shown (orientation applied)."""
    score: float
    class_name: str


class Predicted(Wire):
    """An answer of ``/api/predict``."""

    id: UUID
    """To say an outcome about, later."""
    alias: str
    version: VersionName
    arm: Literal["champion", "challenger"]
    width: int
    height: int
    detections: list[DetectionItem]
    """Best first."""
    took_ms: float
    """From the request to the answer."""
    batch: int
    """How many images the model was given at once."""


class OutcomeSaid(Received):
    """Whether a prediction was right: true, false, or a score from 0 to 1."""

    outcome: bool | float


class OutcomeKept(Wire):
    """What is known of a prediction's outcome now."""

    id: UUID
    outcome: float


class Arm(Wire):
    """One of two versions, by its outcomes."""

    version: VersionName
    served: int
    """Predictions that it answered since the alias was changed last."""
    outcomes: int
    units: int
    """Keys that the outcomes belong to; a prediction without a key is a unit of its own."""
    mean: Number
    low: Number
    high: Number


class OutcomesComparison(Wire):
    """Champion and challenger by what became of their predictions."""

    champion: Arm
    challenger: Arm | None
    difference: Number
    """The challenger's mean minus the champion's."""
    low: Number
    high: Number
    level: float
    decided: bool
    """Whether the interval of the difference leaves 0 out."""
    since: datetime
    sentence: str
