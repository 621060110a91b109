"""What resampled datasets say about a number: how far it may lie from what other datasets of its size would give.

Images (or whole groups of them) are drawn with replacement, as often as there are (Efron 1979). The replicates of an
average precision lie higher than the number itself: its envelope takes every chance fluctuation for precision, and a
resampled dataset has more of them. Their *shape* is right, their *place* is not. An interval here is therefore the
replicates' own, moved so that their median lies on the number ("centred percentile"), and widened for small samples.

The widening has two sources. Resampling m images shows (m - 1) / m of their variance, and few images want Student's
t in place of the normal (Hesterberg 2015, "What teachers should know about the bootstrap", the expanded percentile
interval). A mean over classes has a sample for each class, of as many images as bear it; their variances are pooled
and the degrees of freedom are those of Welch and Satterthwaite (Satterthwaite 1946). Decision 072 has measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats, Ints

METHOD = "centred percentile"
POWER = 0.8
_NORMAL = NormalDist()
_ROUNDING = 1e-12
"""Replicates that lie no farther apart than this are the same."""
_MOST_WEIGHTS = 1 << 23
"""Weights are made in pieces of at most 32 MiB, however many images there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is drawn: images, or groups of images that belong together."""

    of: Ints
    """(i,) each image's unit; -1 for images that are not in the sample."""
    count: int

    @classmethod
    def among(cls, images: int, keep: NDArray[np.bool_] | None = None, group: Ints | None = None) -> Units:
        """Every kept image a unit, or every group (i,) that has one; numbered without gaps."""
        named = np.arange(images) if group is None else group
        inside = np.arange(images) if keep is None else np.flatnonzero(keep)
        found, place = np.unique(named[inside], return_inverse=True)
        of = np.full(images, -1, np.int64)
        of[inside] = place
        return cls(of=of, count=len(found))

    def weights(self, replicates: int, seed: int) -> Iterator[NDArray[np.int32]]:
        """(r, i) pieces of how often each image stands in each replicate; the same for the same seed."""
        rng = np.random.default_rng(seed)
        step = max(1, _MOST_WEIGHTS // max(len(self.of), 1))
        for done in range(0, replicates, step):
            rows = min(step, replicates - done)
            drawn = rng.integers(0, max(self.count, 1), size=(rows, self.count), dtype=np.int64)
            drawn += np.arange(rows)[:, None] * self.count
            times = np.bincount(drawn.ravel(), minlength=rows * self.count).reshape(rows, self.count)
            # An image outside the sample reads the column of zeros behind the last unit.
            yield np.pad(times, ((0, 0), (0, 1))).astype(np.int32)[:, self.of]


@dataclass(frozen=True, slots=True)
class Strength:
    """How much a sample can say about its own spread."""

    factor: float
    """The variance is this times the replicates'; 1 for many units."""
    freedom: float
    """Degrees of freedom of Student's t; infinite for many units, 0 where nothing can be said."""

    @classmethod
    def of(cls, bearing: Ints, units: int) -> Strength:
        """From how many units bear truths of each class of a mean.

        Classes that a single unit bears show no variance at all and are left out.
        """
        some = bearing[bearing > 1].astype(np.float64)
        if not some.size or units < 2:
            return cls(factor=1.0, freedom=0.0)
        spread, free = 1 / some, some - 1
        factor = float((spread * some / free).sum() / spread.sum())
        freedom = float(spread.sum() ** 2 / (spread**2 / free).sum())
        return cls(factor=max(factor, units / (units - 1)), freedom=min(freedom, units - 1.0))

    def reach(self, probability: float) -> float:
        """How many of the replicates' standard deviations the one-sided quantile of a probability is away."""
        return t_quantile(probability, self.freedom) * math.sqrt(self.factor)


def t_quantile(probability: float, freedom: float) -> float:
    """Student's t for any degrees of freedom, by Wallace's transformation of the normal (1959): exact to 0.3 % from 5
    degrees on, and too wide by 4 % at 2. Infinite without any."""
    z = float(_NORMAL.inv_cdf(probability))
    if freedom <= 0:
        return math.copysign(math.inf, z)
    stretched = z * (8 * freedom + 3) / (8 * freedom + 1)
    return math.copysign(math.sqrt(freedom * math.expm1(stretched**2 / freedom)), z)


def t_probability(t: float, freedom: float) -> float:
    """The two-sided probability of a t as far from 0 as this or farther; ``t_quantile`` backwards. 1 without
    degrees of freedom."""
    if freedom <= 0 or math.isnan(t):
        return 1.0
    z = math.sqrt(freedom * math.log1p(t**2 / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return 2.0 * float(_NORMAL.cdf(-z))


@dataclass(frozen=True, slots=True)
class Spread:
    """What the replicates of one number say; NaN where they say nothing."""

    low: float
    high: float
    standard_error: float
    bias: float
    """How much higher the replicates' mean lies than the number; the interval is free of it."""
    replicates: int
    """How many had truths to find."""


NOTHING = Spread(np.nan, np.nan, np.nan, np.nan, 0)


def interval(value: float, replicates: Floats, strength: Strength, level: float) -> Spread:
    """The centred percentile interval of a number in [0, 1], of which ``replicates`` (r,) are -1 where nothing could
    be measured; these are left out."""
    some = replicates[replicates > -1]
    if value <= -1 or len(some) < 2 or strength.freedom <= 0:
        return NOTHING
    tail = _NORMAL.cdf(strength.reach((1 - level) / 2))
    low, middle, high = np.quantile(some, [tail, 0.5, 1 - tail])
    return Spread(
        low=max(0.0, float(value + low - middle)),
        high=min(1.0, float(value + high - middle)),
        standard_error=float(some.std(ddof=1)) * math.sqrt(strength.factor),
        bias=float(some.mean()) - value,
        replicates=len(some),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference; NaN where nothing could be measured."""

    value: float
    low: float
    high: float
    standard_error: float
    p: float
    """Two-sided: how often two detectors of equal worth would differ this much. 1 where nothing could be measured."""
    detectable: float
    """The smallest true difference that a comparison of this size would find four times out of five."""


def difference(value: float, replicates: Floats, strength: Strength, level: float) -> Difference:
    """Interval and test from the replicates (r,) of a difference, NaN where nothing could be measured.

    Both come of one Student's t with the bootstrap's standard error, so that they never contradict each other, and a
    probability can be as small as many comparisons at once require (a count of replicates ends at 1 / r).
    """
    some = replicates[~np.isnan(replicates)]
    if np.isnan(value) or len(some) < 2 or strength.freedom <= 0:
        return Difference(value, np.nan, np.nan, np.nan, 1.0, np.nan)
    deviation = float(some.std(ddof=1))
    error, reach = deviation * math.sqrt(strength.factor), strength.reach(0.5 + level / 2) * deviation
    if error > _ROUNDING:
        p = t_probability(value / error, strength.freedom)
    else:
        # Every unit says the same: a sign test of as many.
        p = 1.0 if abs(value) < _ROUNDING else 2**-strength.freedom
    return Difference(
        value=value,
        low=max(-1.0, value - reach),
        high=min(1.0, value + reach),
        standard_error=error,
        p=p,
        detectable=reach + _NORMAL.inv_cdf(POWER) * error,
    )


def benjamini_hochberg(p: Floats) -> Floats:
    """(n,) adjusted so that, of what lies below a bound, no larger a share than the bound is expected to be chance
    (Benjamini and Hochberg 1995). NaN is no test and stays."""
    return _adjusted(p, lambda n: n / np.arange(1, n + 1), rising=False)


def holm(p: Floats) -> Floats:
    """(n,) adjusted so that the chance of even one false finding stays below a bound (Holm 1979)."""
    return _adjusted(p, lambda n: np.arange(n, 0, -1.0), rising=True)


def _adjusted(p: Floats, factor: Callable[[int], Floats], *, rising: bool) -> Floats:
    out = np.full(len(p), np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    scaled = p[order] * factor(len(order))
    monotone = np.maximum.accumulate(scaled) if rising else np.minimum.accumulate(scaled[::-1])[::-1]
    out[order] = np.minimum(monotone, 1.0)
    return out


def simultaneous(values: Floats, replicates: Floats, factor: float, level: float) -> tuple[float, Floats]:
    """The one reach, in standard errors, within which all differences stay together, and the adjusted probability of
    each: by the largest studentised deviation in each replicate (Romano and Wolf 2005, in one step).

    ``values`` (n,) are the differences, ``replicates`` (r, n) theirs.
    """
    error = replicates.std(axis=0, ddof=1) * math.sqrt(factor)
    moving = error > _ROUNDING
    if not moving.any():
        return 0.0, np.where(values == 0, 1.0, 0.0)
    away = np.abs(replicates - replicates.mean(axis=0))[:, moving] / error[moving] * math.sqrt(factor)
    largest = np.sort(away.max(axis=1))
    p = np.where(values == 0, 1.0, 0.0)
    beyond = len(largest) - np.searchsorted(largest, np.abs(values[moving]) / error[moving])
    p[moving] = (beyond + 1) / (len(largest) + 1)
    return float(np.quantile(largest, level)), p
