"""How far a number could be off: the percentile bootstrap (Efron 1979), seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and where it would mostly fall if the test set were drawn again."""

    name: str
    value: float
    low: float
    high: float
    level: float
    replicates: int

    def __repr__(self) -> str:
        return f"{self.name} {self.value:.4f} [{self.low:.4f}, {self.high:.4f}] at {self.level:.0%}"


def percentile(name: str, value: float, draws: Floats, level: float) -> Interval:
    """The interval that holds the middle ``level`` of the replicates; those that are NaN (nothing to measure) count
    for nothing, and all of them leave NaN."""
    some = draws[~np.isnan(draws)]
    low, high = np.quantile(some, [(1 - level) / 2, (1 + level) / 2]) if some.size else (np.nan, np.nan)
    return Interval(name, value, float(low), float(high), level, len(draws))


def checked(name: str, known: list[str], replicates: int, level: float) -> None:
    """Invalid for a number there is none of, or a bootstrap that cannot be."""
    if name not in known:
        raise Invalid(f"there is no number {name!r}", remedy=f"use one of {', '.join(known)}")
    if replicates < 2:
        raise Invalid(f"{replicates} replicates make no interval", remedy="use 200 or more; 1000 is usual")
    if not 0 < level < 1:
        raise Invalid(f"a level of {level} is none", remedy="use a part of one, for instance 0.95")


def image_weights(images: int, replicates: int, seed: int) -> Floats:
    """(r, i) how often each replicate draws each image."""
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=replicates)
    return drawn.astype(np.float64)


def over_images(
    name: str,
    value: float,
    number: Callable[[Floats], Floats],
    *,
    images: int,
    replicates: int,
    level: float,
    seed: int,
    bytes_per_row: int,
) -> Interval:
    """The interval of a number that follows from weighted sums over images: ``number`` maps (r, i) weights to (r,).

    In portions, so that what a portion holds stays below 64 MB.
    """
    if not images:
        return percentile(name, value, np.full(replicates, np.nan), level)
    weights = image_weights(images, replicates, seed)
    step = max(1, 2**26 // max(1, bytes_per_row))
    draws = [number(weights[at : at + step]) for at in range(0, replicates, step)]
    return percentile(name, value, np.concatenate(draws), level)


def picked(chosen: object, count: int, what: str) -> Ints:
    """The places that a boolean mask, or numbers from 0, choose; Invalid for any outside."""
    at: NDArray[np.generic] = np.asarray(chosen)
    if at.dtype == bool:
        if at.shape != (count,):
            raise Invalid(
                f"the mask has shape {at.shape} and there are {count} {what}", remedy="give one flag for each of them"
            )
        return np.flatnonzero(at)
    if at.size == 0:
        return np.empty(0, np.int64)
    if at.ndim != 1 or at.dtype.kind not in "iu":
        raise Invalid(
            f"{what} are not chosen by {at.dtype} of shape {at.shape}", remedy="give a mask or a list of numbers"
        )
    numbers = at.astype(np.int64)
    for outside in numbers[(numbers < 0) | (numbers >= count)][:1]:
        raise Invalid(f"there is no number {outside} among {count} {what}", remedy=f"use 0 to {count - 1}")
    return numbers
