"""Many evaluations of the same images, ranked by AP: which ranks are earned and which are luck."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evalnb.core import metrics
from evalnb.core.records import Floats
from evalnb.core.resampling import Strength, interval, simultaneous
from evalnb.errors import Invalid
from evalnb.runs.comparison import places, same_images
from evalnb.runs.intervals import By, checked_level, too_small, units_of

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.evaluation import Evaluation


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Runs by falling value of one number; all pairs compared at once by the same resampled images."""

    number: str
    level: float
    replicates: int
    table: pd.DataFrame
    """Columns rank, run, value, low, high (its own interval), behind_best (and behind_low, behind_high, which hold
    for all pairs together), p_adjusted (against the best), best_rank and worst_rank: the ranks that cannot be told
    from its own."""
    pairs: pd.DataFrame
    """A row for each pair: this, other, difference, low, high, p_adjusted; all intervals hold together."""
    warning: str | None

    @property
    def sentence(self) -> str:
        """Which run is best, and which ones cannot be told from it."""
        tied = self.table["run"][(self.table["best_rank"] == 1) & (self.table["rank"] > 1)].tolist()
        first = self.table["run"].iloc[0]
        care = "" if self.warning is None else f" Take it with care: {self.warning}."
        if not tied:
            return (
                f"{first} is better than every other run, at {100 * self.level:g} % for all of them together.{care}"
            )
        named = ", ".join(map(str, tied[:4])) + (f" and {len(tied) - 4} more" if len(tied) > 4 else "")
        return f"{first} stands first, but cannot be told from {named}.{care}"

    def __repr__(self) -> str:
        return f"{self.sentence}\n\n{self.table.round(4).to_string(index=False)}"

    def _repr_html_(self) -> str:
        from evalnb.runs.comparison_card import ranking

        return ranking(self)


def compare_many(
    evaluations: Mapping[str, Evaluation],
    *,
    number: str = "AP",
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    by: By = None,
) -> Ranking:
    """Rank evaluations of the same images by one of COCO's numbers.

    All pairs are compared together by the largest studentised difference of each replicate (Romano and Wolf 2005), so
    that the chance of even one false claim stays below ``1 - level``. ``by`` draws whole groups of images,
    as for ``Evaluation.interval``. Invalid for fewer than two, different images, or where nothing can be measured.
    """
    checked_level(level)
    names = list(evaluations)
    if len(names) < 2 or replicates < 2:
        raise Invalid(
            f"{len(names)} evaluations and {replicates} replicates make no ranking", remedy="compare two or more"
        )
    first = evaluations[names[0]]
    for name in names[1:]:
        same_images(first, evaluations[name])
    keys = metrics.summary_keys(first.matches)
    if number not in keys:
        raise Invalid(f"there is no number {number!r}", remedy=f"use one of {', '.join(keys)}")
    at = keys.index(number)
    values = np.array([evaluations[name].summary()[number] for name in names])
    if (values <= -1).any():
        raise Invalid(
            f"{number} of {names[int(values.argmin())]} has no truth to find", remedy="rank by another number"
        )
    units = units_of(first, by)
    order = [places(first.images.id, evaluations[name].images.id) for name in names]
    drawn: list[list[Floats]] = [[] for _ in names]
    for weights in units.weights(replicates, seed):
        padded = np.pad(weights, ((0, 0), (0, 1)))
        for place, name in enumerate(names):
            one = evaluations[name]
            found = metrics.replicates(one.matches, padded[:, order[place]], one.rows(), area=one.area)
            drawn[place].append(found.numbers[:, at])
    table = np.stack([np.concatenate(one) for one in drawn], axis=1)
    table = table[(table > -1).all(axis=1)]
    bearing = metrics.bearing(first.matches, first.rows(), units.of)
    bearing = bearing[:, metrics.range_of(first.matches, first.area)[at]]
    strength = Strength.of(bearing, units.count)
    if len(table) < 2 or strength.freedom <= 0:
        raise Invalid("too few images bear truths to rank anything", remedy="evaluate on more images")
    pairs = list(itertools.combinations(np.argsort(-values, kind="stable").tolist(), 2))
    left, right = (np.array(one) for one in zip(*pairs, strict=True))
    differences, moved = values[left] - values[right], table[:, left] - table[:, right]
    # Few images want t's longer reach; the replicates' largest deviation knows the normal's only.
    widened = (strength.reach(0.975) / 1.96) ** 2
    reach, p = simultaneous(differences, moved, widened, level)
    error = moved.std(axis=0, ddof=1) * np.sqrt(widened)
    return Ranking(
        number=number,
        level=level,
        replicates=replicates,
        table=_table(names, values, table, strength, level, pairs, (differences, reach * error, p)),
        pairs=_pairs(names, pairs, differences, reach * error, p),
        warning=too_small(units.count, bearing, grouped=by is not None),
    )


def _pairs(
    names: list[str], pairs: list[tuple[int, int]], differences: Floats, reach: Floats, p: Floats
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "this": [names[a] for a, _ in pairs],
            "other": [names[b] for _, b in pairs],
            "difference": differences,
            "low": differences - reach,
            "high": differences + reach,
            "p_adjusted": p,
        }
    )


def _table(
    names: list[str],
    values: Floats,
    replicates: Floats,
    strength: Strength,
    level: float,
    pairs: list[tuple[int, int]],
    found: tuple[Floats, Floats, Floats],
) -> pd.DataFrame:
    import pandas as pd

    differences, reach, p = found
    ahead, behind = np.zeros(len(names), int), np.zeros(len(names), int)
    for (better, worse), sure in zip(pairs, differences - reach > 0, strict=True):
        ahead[worse] += sure
        behind[better] += sure
    order = np.argsort(-values, kind="stable").tolist()
    own = [interval(float(values[one]), replicates[:, one], strength, level) for one in order]
    # The pairs begin with the best against all others, in order.
    rest = len(order) - 1
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "run": [names[one] for one in order],
            "value": values[order],
            "low": [one.low for one in own],
            "high": [one.high for one in own],
            "behind_best": np.append(0.0, differences[:rest]),
            "behind_low": np.append(0.0, (differences - reach)[:rest]),
            "behind_high": np.append(0.0, (differences + reach)[:rest]),
            "p_adjusted": np.append(np.nan, p[:rest]),
            "best_rank": ahead[order] + 1,
            "worst_rank": len(order) - behind[order],
        }
    )
