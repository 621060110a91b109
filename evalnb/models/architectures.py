"""The model architectures that evalnb knows by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from evalnb.errors import NotFound

Family: TypeAlias = Literal["yolo", "rtdetr", "sam2"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture: who builds it, from which of the vendor's own configurations."""

    name: str
    family: Family
    config: str
    """The vendor's configuration: an ultralytics yaml name, or a sam2 yaml inside its package."""
    image_size: int
    """The side that its published weights were trained at, in pixels."""

    @property
    def detects(self) -> bool:
        """Whether it is a detector (else a segmenter)."""
        return self.family != "sam2"


def _all() -> dict[str, Architecture]:
    out = [Architecture(f"yolo{v}{s}", "yolo", f"yolo{v}{s}.yaml", 640) for v in (11, 12) for s in "nsmlx"]
    out += [Architecture(f"rtdetr-{s}", "rtdetr", f"rtdetr-{s}.yaml", 640) for s in "lx"]
    for name, letter in (("tiny", "t"), ("small", "s"), ("base_plus", "b+"), ("large", "l")):
        out.append(Architecture(f"sam2.1-{name}", "sam2", f"configs/sam2.1/sam2.1_hiera_{letter}.yaml", 1024))
    return {one.name: one for one in out}


ARCHITECTURES = _all()
"""By name: yolo11n … yolo12x, rtdetr-l, rtdetr-x, sam2.1-tiny … sam2.1-large."""


def architecture(name: str) -> Architecture:
    """The architecture of that name; NotFound names the nearest ones."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        near = difflib.get_close_matches(name, ARCHITECTURES, n=4) or ["yolo11n", "rtdetr-l", "sam2.1-tiny"]
        remedy = f"use one of {', '.join(map(repr, near))}"
        raise NotFound(f"there is no architecture {name!r}", remedy=remedy) from None


def detector_architecture(name: str) -> Architecture:
    """As ``architecture``, and NotFound if it is no detector."""
    found = architecture(name)
    if not found.detects:
        raise NotFound(f"{name!r} is no detector", remedy="use a yolo11, yolo12 or rtdetr architecture")
    return found
