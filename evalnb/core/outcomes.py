"""How two versions compare by what became of their predictions: a difference of proportions, with its interval.

The interval is Newcombe's hybrid of two Wilson intervals (Newcombe 1998, "Interval estimation for the difference
between independent proportions", method 10): it holds its level where samples are small and proportions near 0 or 1,
where the textbook's normal interval does not. Outcomes under one key belong together, and a score is no coin: both
enter as an effective sample size, p (1 − p) over the variance of the mean as its units show it (the linearised ratio
estimator of survey sampling: Korn and Graubard 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalnb.core.resampling import t_quantile


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcomes of one version, summed over its units (keys; a prediction without one is a unit of its own)."""

    units: int
    outcomes: int
    total: float
    """Σ of the outcomes, each from 0 (wrong) to 1 (right)."""
    squares: float
    """Σ over units of the square of the unit's total."""
    cross: float
    """Σ over units of the unit's total times its number of outcomes."""
    sizes: float
    """Σ over units of the square of its number of outcomes."""
    scores: bool
    """Whether any outcome lies between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean outcome and its interval; NaN without outcomes."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OutcomeComparison:
    """The challenger against the champion."""

    champion: Rate
    challenger: Rate
    difference: Rate
    """The challenger's mean minus the champion's; NaN until both have outcomes."""
    level: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.difference.low > 0 or self.difference.high < 0


_UNKNOWN = Rate(math.nan, math.nan, math.nan)


def compare(champion: Tally, challenger: Tally, *, level: float = 0.95) -> OutcomeComparison:
    """Both means, their difference, and an interval for each."""
    one, other = rate(champion, level), rate(challenger, level)
    if not (champion.outcomes and challenger.outcomes):
        return OutcomeComparison(one, other, _UNKNOWN, level)
    value = other.value - one.value
    below = math.hypot(other.value - other.low, one.high - one.value)
    above = math.hypot(other.high - other.value, one.value - one.low)
    return OutcomeComparison(one, other, Rate(value, max(-1.0, value - below), min(1.0, value + above)), level)


def rate(tally: Tally, level: float = 0.95) -> Rate:
    """A version's mean outcome with Wilson's interval (1927) on its effective number of outcomes."""
    if not tally.outcomes:
        return _UNKNOWN
    p = tally.total / tally.outcomes
    plain = tally.units == tally.outcomes and not tally.scores
    n, freedom = (float(tally.outcomes), math.inf) if plain else (_effective(tally, p), tally.units - 1.0)
    z = t_quantile(0.5 + level / 2, freedom) if math.isfinite(freedom) else _normal(level)
    if not math.isfinite(z):
        # One unit says nothing about how units differ.
        return Rate(p, 0.0, 1.0)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # Rounding must not put the mean outside its own interval.
    return Rate(p, max(0.0, min(p, centre - reach)), min(1.0, max(p, centre + reach)))


def _effective(tally: Tally, p: float) -> float:
    if tally.units < 2:
        return 1.0
    apart = tally.squares - 2 * p * tally.cross + p * p * tally.sizes
    variance = tally.units / (tally.units - 1) * max(apart, 0.0) / tally.outcomes**2
    # All alike: no unit has shown a variance, and a mean of bounded outcomes has no more than a coin's.
    return p * (1 - p) / variance if variance > 1e-15 and 0 < p < 1 else float(tally.units)


def _normal(level: float) -> float:
    # Student's t of very many degrees is the normal; one function for both.
    return t_quantile(0.5 + level / 2, 1e9)
