"""A slice: which part of a dataset is meant. Slices compose, and mean the same to the store and to an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from evalnb.errors import Invalid

_T = TypeVar("_T")

AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""COCO's area ranges in px², both ends inclusive."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A conjunction of conditions. An empty slice is the whole dataset; None means no condition."""

    tags: frozenset[str] = frozenset()
    """Images that bear every one of these tags."""
    classes: frozenset[str] | None = None
    """Only annotations of these classes (and, when images are listed, images that have at least one)."""
    areas: frozenset[str] | None = None
    """Only annotations of these area ranges: small, medium, large."""
    images: frozenset[int] | None = None
    """Only these image ids."""
    text: str = ""
    """Images whose file name contains this."""

    def where(
        self,
        *,
        tag: str | Iterable[str] | None = None,
        classes: Iterable[str] | None = None,
        area: str | Iterable[str] | None = None,
        images: Iterable[int] | None = None,
        text: str | None = None,
    ) -> Slice:
        """This slice narrowed further; every condition is joined by *and*."""
        tags = self.tags | _names(tag)
        areas = None if area is None else _names(area)
        for name in areas or ():
            if name not in AREAS:
                raise Invalid(f"there is no area range {name!r}", remedy="use 'small', 'medium' or 'large'")
        return replace(
            self,
            tags=tags,
            classes=_both(self.classes, None if classes is None else _names(classes)),
            areas=_both(self.areas, areas),
            images=_both(self.images, None if images is None else frozenset(int(one) for one in images)),
            text=text if text is not None else self.text,
        )

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return self != Slice()


def _names(value: str | Iterable[str] | None) -> frozenset[str]:
    if value is None:
        return frozenset()
    return frozenset([value] if isinstance(value, str) else value)


def _both(left: frozenset[_T] | None, right: frozenset[_T] | None) -> frozenset[_T] | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right
