"""A taxonomy: the classes that a dataset names."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from evalnb.errors import NotFound

AttributeKind: TypeAlias = Literal["select", "number", "text", "checkbox"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that the shapes of a class have: what a person is asked for."""

    name: str
    kind: AttributeKind
    choices: tuple[str, ...] = ()
    """What a ``select`` offers."""
    default: Any = None
    """The value of a new shape; None leaves it unset."""
    low: float | None = None
    """The least ``number``."""
    high: float | None = None
    """The greatest ``number``."""


@dataclass(frozen=True, slots=True)
class Class:
    """One class: its id in the source (need not be contiguous), its name, and how to draw it."""

    id: int
    name: str
    color: str = ""
    """``#rrggbb``; empty takes the taxonomy's own colour for its place."""
    supercategory: str = ""
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of 1-based keypoint places, as COCO writes them."""
    attributes: tuple[Attribute, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the source said; kept so that it can be written back."""


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a dataset, in the source's order."""

    classes: tuple[Class, ...]

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[Class]:
        return iter(self.classes)

    @cached_property
    def by_id(self) -> Mapping[int, Class]:
        """Classes by id."""
        return {one.id: one for one in self.classes}

    @cached_property
    def by_name(self) -> Mapping[str, Class]:
        """Classes by name."""
        return {one.name: one for one in self.classes}

    def named(self, name: str) -> Class:
        """The class of that name; NotFound names the nearest ones."""
        try:
            return self.by_name[name]
        except KeyError:
            import difflib

            near = difflib.get_close_matches(name, self.by_name, n=3) or list(self.by_name)[:5]
            raise NotFound(
                f"the taxonomy has no class {name!r}", remedy=f"use one of {', '.join(map(repr, near))}"
            ) from None

    def color(self, class_id: int) -> str:
        """``#rrggbb`` for drawing: the class's own, else one by its place, distinct from its neighbours."""
        one = self.by_id[class_id]
        return one.color or color_at(self.classes.index(one))


# Okabe and Ito's colours without black (distinguishable with every common colour blindness), then golden-angle hues.
_FIRST = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


def color_at(place: int) -> str:
    """The colour of the ``place``-th class (0-based) where the source gave none."""
    if place < len(_FIRST):
        return _FIRST[place]
    r, g, b = colorsys.hls_to_rgb((place * 0.618033988749895) % 1.0, 0.55 + 0.12 * (place % 3 - 1), 0.7)
    return f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}"
