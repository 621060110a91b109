"""How sure the numbers of an evaluation are: bootstrap intervals over its images, or over groups of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core import metrics
from evalnb.core.records import Floats, Ints
from evalnb.core.resampling import METHOD, Spread, Strength, Units
from evalnb.core.resampling import interval as centred
from evalnb.errors import Invalid, NotFound
from evalnb.runs.columns import Images

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation

By: TypeAlias = str | Mapping[int, object] | Sequence[object] | NDArray[np.generic] | None
"""What makes images a group: the beginning of a tag (``"scene"``), or each image's group by id or in order."""

FEW_UNITS, FEW_BEARING = 30, 10
"""Below these an interval comes with a warning: decision 072 measured how often it holds there."""
NEAR_THE_END = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and where it may lie for other datasets of the same size from the same source."""

    number: str
    value: float
    low: float
    """NaN, as ``high`` is, where the sample is too small for an interval."""
    high: float
    level: float
    standard_error: float
    bias: float
    """How much higher the resampled datasets score on average; ``low`` and ``high`` are free of it."""
    method: str
    replicates: int
    """How many resampled datasets had truths to find; the others were left out."""
    images: int
    groups: int | None
    """How many groups were drawn, where images were drawn in groups."""
    warning: str | None
    """Why this should not be leant on, where it should not."""

    def __repr__(self) -> str:
        from evalnb.runs.card import number

        line = f"{self.number} {number(self.value)} [{number(self.low)}, {number(self.high)}]"
        return line if self.warning is None else f"{line}  ({self.warning})"

    def _repr_html_(self) -> str:
        from evalnb.runs.comparison_card import interval_card

        return interval_card(self)


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """An evaluation's numbers and those of its replicates; made once for each way of drawing."""

    units: Units
    grouped: bool
    values: Floats
    """(n,)"""
    numbers: Floats
    """(r, n)"""
    class_ap: Floats
    """(r, k)"""
    bearing: Ints
    """(k, 4) how many units bear truths of each class, by area range."""


def resampled(evaluation: Evaluation, *, replicates: int, seed: int, by: By) -> Resampled:
    """The replicates of an evaluation; those asked for last are kept with it."""
    if replicates < 2:
        raise Invalid(f"{replicates} replicates have no spread", remedy="ask for 1,000")
    units = units_of(evaluation, by)
    key = (replicates, seed, units.of.tobytes())
    known = evaluation.__dict__.get("_resampled")
    if known is None or known[0] != key:
        found = [
            metrics.replicates(evaluation.matches, one, evaluation.rows(), area=evaluation.area, classes=True)
            for one in units.weights(replicates, seed)
        ]
        made = Resampled(
            units=units,
            grouped=by is not None,
            values=np.array(list(evaluation.summary().values())),
            numbers=np.concatenate([one.numbers for one in found]),
            class_ap=np.concatenate([one.class_ap for one in found if one.class_ap is not None]),
            bearing=metrics.bearing(evaluation.matches, evaluation.rows(), units.of),
        )
        known = evaluation.__dict__["_resampled"] = (key, made)
    assert isinstance(known[1], Resampled)
    return known[1]


def interval(
    evaluation: Evaluation,
    number: str = "AP",
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    by: By = None,
) -> Interval:
    """The one named; NotFound where ``summary`` has no such number."""
    keys = metrics.summary_keys(evaluation.matches)
    if number not in keys:
        raise NotFound(f"there is no number {number!r}", remedy=f"use one of {', '.join(keys)}")
    return intervals(evaluation, replicates=replicates, level=level, seed=seed, by=by)[keys.index(number)]


def intervals(
    evaluation: Evaluation, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None
) -> list[Interval]:
    """One for each number of ``summary``."""
    checked_level(level)
    made = resampled(evaluation, replicates=replicates, seed=seed, by=by)
    ranges = metrics.range_of(evaluation.matches, evaluation.area)
    return [
        _interval(made, key, made.values[at], made.numbers[:, at], made.bearing[:, ranges[at]], level)
        for at, key in enumerate(metrics.summary_keys(evaluation.matches))
    ]


def class_intervals(
    evaluation: Evaluation, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, by: By = None
) -> list[Interval]:
    """AP of each class; ``number`` is the class's name."""
    checked_level(level)
    made = resampled(evaluation, replicates=replicates, seed=seed, by=by)
    frame = evaluation.per_class()
    main = metrics.range_of(evaluation.matches, evaluation.area)[0]
    return [
        _interval(made, str(name), float(value), made.class_ap[:, at], made.bearing[[at], main], level)
        for at, (name, value) in enumerate(zip(frame["class"], frame["AP"], strict=True))
    ]


def table(found: Sequence[Interval], what: str) -> pd.DataFrame:
    """Columns number (or class), value, low, high, standard_error, bias, warning."""
    import pandas as pd

    columns = ("value", "low", "high", "standard_error", "bias")
    return pd.DataFrame(
        {
            what: [one.number for one in found],
            **{name: np.array([getattr(one, name) for one in found], np.float64) for name in columns},
            "warning": pd.Series([one.warning for one in found], dtype=object),
        }
    )


def _interval(made: Resampled, key: str, value: float, replicates: Floats, bearing: Ints, level: float) -> Interval:
    found = centred(value, replicates, Strength.of(bearing, made.units.count), level)
    return Interval(
        number=key,
        value=float(value),
        low=found.low,
        high=found.high,
        level=level,
        standard_error=found.standard_error,
        bias=found.bias,
        method=METHOD,
        replicates=found.replicates,
        images=int((made.units.of >= 0).sum()),
        groups=made.units.count if made.grouped else None,
        warning=too_small(made.units.count, bearing, grouped=made.grouped, value=value, found=found),
    )


def too_small(
    units: int, bearing: Ints, *, grouped: bool, value: float | None = None, found: Spread | None = None
) -> str | None:
    """Why a sample is too small to speak; None where it is not."""
    noun = "group" if grouped else "image"
    some = bearing[bearing > 0]
    if not some.size:
        return "no truth to find"
    if units < FEW_UNITS:
        return f"only {counted(units, noun)}"
    if len(some) == 1 and some[0] < FEW_BEARING:
        return f"its truths are in only {counted(int(some[0]), noun)}"
    if (alone := int((some == 1).sum())) > len(some) / 10:
        return f"{counted(alone, 'class', 'classes')} of {len(some)} in a single {noun}"
    if value is not None and found is not None and found.replicates and min(value, 1 - value) < NEAR_THE_END:
        return f"so close to {round(value)} an interval is too short"
    return None


def counted(many: int, one: str, more: str | None = None) -> str:
    """1 image, 2,000 images."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def checked_level(level: float) -> None:
    """Invalid unless it is a share between 0 and 1."""
    if not 0 < level < 1:
        raise Invalid(f"a level of {level} is no share", remedy="ask for 0.95, say")


def units_of(evaluation: Evaluation, by: By) -> Units:
    """What of an evaluation is drawn: each image of its part, or each group of them."""
    keep = evaluation.rows().images
    group = None if by is None else groups(evaluation.images, by)
    return Units.among(len(evaluation.images.id), keep, group)


def groups(images: Images, by: By) -> Ints:
    """(n,) a number for each image's group. Images that bear no tag of the kind stand alone."""
    if isinstance(by, str):
        names = _by_tag(images, by)
    elif isinstance(by, Mapping):
        missing = [one for one in images.id.tolist() if one not in by]
        if missing:
            raise Invalid(f"image {missing[0]} has no group", remedy="give every image id of the evaluation one")
        names = [by[one] for one in images.id.tolist()]
    else:
        names = [] if by is None else list(by)
        if len(names) != len(images.id):
            raise Invalid(
                f"{len(names):,} groups for {len(images.id):,} images",
                remedy="give each of evaluation.images.id its group, in order, or a dict by id",
            )
    number: dict[object, int] = {}
    return np.array([number.setdefault(one, len(number)) for one in names], dtype=np.int64)


def _by_tag(images: Images, prefix: str) -> list[object]:
    names: list[object] = []
    for image, tags in zip(images.id.tolist(), images.tags, strict=True):
        borne = sorted(one for one in tags if one.startswith(prefix))
        if len(borne) > 1:
            raise Invalid(
                f"image {image} is of {borne[0]!r} and of {borne[1]!r}",
                remedy="group by a longer beginning of the tag",
            )
        names.append(borne[0] if borne else (image,))
    if not any(isinstance(one, str) for one in names):
        raise NotFound(
            f"no image bears a tag that begins with {prefix!r}",
            remedy="tag the images ('scene:12'), or pass a dict of image id → group",
        )
    return names
