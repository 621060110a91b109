"""A population of images without end, from which datasets are drawn: what is true of it can be had as exactly as one
likes, so that an interval can be held against the truth. ``coverage.py`` and the tests of the intervals use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalnb.core.matching import Matches, match
from evalnb.core.records import Detections, Truths


@dataclass(frozen=True)
class Population:
    """What the images hold and how well they are detected."""

    classes: int = 6
    truths_per_image: float = 5.0
    rarest: float = 0.03
    """The share of truths of the rarest class; the others lie evenly between it and the commonest."""
    skill: float = 1.2
    """Log-odds of finding a truth of middling size in a middling image."""
    skill_spread: float = 0.8
    """How far classes lie apart."""
    image_spread: float = 0.7
    """How far images lie apart: hard images are hard for all that is in them."""
    scene_spread: float = 0.0
    """How far scenes lie apart, and so how alike the images of one are."""
    images_per_scene: int = 1
    ghosts_per_image: float = 6.0


@dataclass(frozen=True)
class Drawn:
    """A dataset of n images, and what each of the detectors found in it."""

    matches: tuple[Matches, ...]
    scene: NDArray[np.int64]
    """(n,)"""


def draw(of: Population, images: int, seed: int | Sequence[int], *, better: Sequence[float] = (0.0,)) -> Drawn:
    """A dataset at random, and one detector for each of ``better``: by how many log-odds it finds more."""
    rng = np.random.default_rng(seed)
    scene = np.arange(images) // of.images_per_scene
    ease = rng.normal(0, of.image_spread, images) + rng.normal(0, of.scene_spread, images)[scene]
    many = rng.poisson(of.truths_per_image, images)
    image = np.repeat(np.arange(images), many)
    share = np.linspace(of.rarest, 2 / of.classes - of.rarest, of.classes)
    kind = rng.choice(of.classes, size=len(image), p=share / share.sum())
    # A cell of its own for each truth: whoever finds it can take it for no other.
    nth = np.arange(len(image)) - np.repeat(np.cumsum(many) - many, many)
    side = np.exp(rng.normal(4.0, 0.9, (len(image), 2))).clip(6, 380)
    corner = np.stack([nth * 400.0, np.zeros(len(image))], axis=1)
    truths = Truths(
        id=np.arange(1, len(image) + 1),
        image=image,
        class_id=kind,
        box=np.hstack([corner, side]),
        area=side.prod(axis=1),
        crowd=np.zeros(len(image), bool),
    )
    skill = of.skill + np.linspace(-of.skill_spread, of.skill_spread, of.classes)
    odds = skill[kind] + ease[image] + 0.4 * (np.log(side).mean(axis=1) - 4.0)
    found = tuple(_found(rng, of, truths, odds + more, ease) for more in better)
    # ``match`` takes the ids of images in their order and those of classes.
    return Drawn(
        matches=tuple(
            match(truths, one, kind="bbox", images=np.arange(images), classes=np.arange(of.classes)) for one in found
        ),
        scene=scene,
    )


def _found(
    rng: np.random.Generator, of: Population, truths: Truths, odds: NDArray[np.float64], ease: NDArray[np.float64]
) -> Detections:
    hit = np.flatnonzero(rng.random(len(truths)) < _logistic(odds))
    blur = 0.10 * np.exp(rng.normal(0, 0.6, len(hit)) - 0.25 * odds[hit])
    size = truths.box[hit, 2:]
    moved = truths.box[hit, :2] + rng.normal(size=(len(hit), 2)) * blur[:, None] * size
    near = np.hstack([moved, size * np.exp(rng.normal(size=(len(hit), 2)) * blur[:, None])])
    sure = _logistic(0.6 * odds[hit] + rng.normal(0, 1.0, len(hit)))
    many = rng.poisson(of.ghosts_per_image * np.exp(-0.3 * ease))
    image = np.repeat(np.arange(len(ease)), many)
    ghosts = np.hstack([rng.random((len(image), 2)) * 2000, np.exp(rng.normal(4.0, 0.9, (len(image), 2)))])
    return Detections(
        image=np.concatenate([truths.image[hit], image]),
        class_id=np.concatenate([truths.class_id[hit], rng.integers(0, of.classes, len(image))]),
        box=np.vstack([near, ghosts]),
        score=np.concatenate([sure, _logistic(rng.normal(-1.6, 1.0, len(image)))]),
    )


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
