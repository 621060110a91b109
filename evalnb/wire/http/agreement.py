"""How far two people's labels agree over HTTP, or a person's with a run's predictions."""

from evalnb.wire.base import Wire
from evalnb.wire.http.base import Number


class AgreementRow(Wire):
    """One class; or, as ``all``, every label."""

    name: str
    left: int
    right: int
    """How many shapes either has."""
    agreed: int
    """Pairs of one class."""
    f1: Number
    mean_iou: Number
    """Of the pairs that agree; null without any."""
    alpha: Number
    """Krippendorff's; null where nobody could disagree."""


class DisagreedImage(Wire):
    """An image on which they differ."""

    id: int
    """In the left one's dataset."""
    other_id: int | None
    """In the right one's; null where that is a run."""
    file_name: str
    agreed: int
    other_class: int
    only_left: int
    only_right: int
    f1: float


class AgreementDetail(Wire):
    """What two have in common: shapes matched whatever their class, the best overlaps first."""

    left: str
    right: str
    iou: float
    masks: bool
    images: int
    """Those that both have."""
    every: AgreementRow
    classes: list[AgreementRow]
    """By name."""
    names: list[str]
    """Of the rows and columns of ``confusion``; the last is *nothing*, for what only one of them saw."""
    confusion: list[list[int]]
    """What the left one called it by rows, the right one by columns."""
    differing: int
    """On how many images they differ."""
    worst: list[DisagreedImage]
    """The first two hundred of those, the worst first."""
