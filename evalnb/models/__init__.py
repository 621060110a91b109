"""Adapters of vision models: YOLO11/12 and RT-DETR detectors, SAM 2 segmenters, training. torch is imported late."""

from __future__ import annotations

import importlib.util
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalnb.core.ports import Detector, Segmenter
from evalnb.core.progress import Progress
from evalnb.errors import NotFound
from evalnb.models.architectures import ARCHITECTURES, Architecture, architecture, detector_architecture
from evalnb.settings import Settings

if TYPE_CHECKING:
    from evalnb.models._sam2 import Sam2Segmenter

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "architecture",
    "chosen",
    "detector",
    "detector_architecture",
    "installed_segmenter",
    "sam2",
    "wand",
]


def detector(
    architecture: str,
    weights: Path | None,
    *,
    class_names: Sequence[str] | None = None,
    device: str | None = None,
    home: Path,
) -> Detector:
    """A detector by architecture (``yolo11n`` … ``rtdetr-x``) and weights (.safetensors, or .pt by the converter).

    ``device`` is cuda, cuda:1, mps or cpu; the best there is when None. ``home`` is EVALNB_HOME, where converted
    weights and caches go. Without weights the model is untrained, and needs ``class_names``.

    NotFound, Invalid, Unsafe or MissingExtra, each naming the next step.
    """
    found = detector_architecture(architecture)
    from evalnb.models.yolo import open_detector

    return open_detector(found, weights, class_names=class_names, device=device, home=home)


_segmenters: weakref.WeakValueDictionary[tuple[object, ...], Sam2Segmenter] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def sam2(
    name: str | Path = "sam2.1-tiny",
    *,
    device: str | None = None,
    backend: str | None = None,
    weights: Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Sam2Segmenter:
    """A SAM 2.1 segmenter: sam2.1-tiny, -small, -base_plus or -large; its weights are downloaded on first use. Or the
    path of a .safetensors or .pt file: which of them it holds is seen from its shapes.

    While one is in use, asking for the same again gives the same. ``pico`` is the small one that ships with evalnb:
    nothing to download, good for the demo's scenes and for tests, not for photographs. ``device`` goes before
    EVALNB_DEVICE. ``backend`` (auto, torch, openvino, openvino-f32) goes before EVALNB_SAM2_BACKEND: on ``auto`` a
    CPU computes with OpenVINO where it is installed and its masks are torch's.

    Offline (naming the file and its place) without weights and network; MissingExtra, NotFound, Invalid, Unsafe or
    Unavailable, each naming the next step.
    """
    settings = settings or Settings.from_environment()
    device = device or settings.device
    from evalnb.models import _sam2
    from evalnb.models._openvino import backend_of
    from evalnb.models._sam2_build import need
    from evalnb.models.weights import fetch

    how = backend_of(backend or settings.sam2_backend)
    with _opening:
        asked = (name, device, how, weights, settings.home)
        if (open_one := _segmenters.get(asked)) is not None:
            return open_one
        if isinstance(name, Path) or name.endswith((".safetensors", ".pt", ".pth")):
            made = _sam2.open_file(Path(name), device=device, home=settings.home, backend=how, progress=progress)
        elif name == _sam2.PICO:
            made = _sam2.open_pico(device=device, home=settings.home, backend=how, progress=progress)
        else:
            found = architecture(name)
            if found.detects:
                raise NotFound(f"{name!r} is no segmenter", remedy="use sam2.1-tiny, -small, -base_plus or -large")
            need()
            path = weights or fetch(name, settings.home, offline=settings.offline, progress=progress)
            made = _sam2.open_sam2(found, path, device=device, home=settings.home, backend=how, progress=progress)
        _segmenters[asked] = made
        return made


def installed_segmenter(settings: Settings) -> str | None:
    """The smallest SAM 2.1 whose weights are in ``<home>/models``, so that using it downloads nothing; else None."""
    from evalnb.models.weights import PUBLISHED

    folder = settings.home / "models"
    for name in ("sam2.1-tiny", "sam2.1-small", "sam2.1-base_plus", "sam2.1-large"):
        if (folder / f"{name}.safetensors").is_file() or (folder / PUBLISHED[name].file).is_file():
            return name
    return None


def chosen(name: str | None, settings: Settings) -> Sam2Segmenter:
    """The SAM 2 of that name; None: the smallest whose weights are here, else pico. Errors as ``sam2``."""
    return sam2(name or installed_segmenter(settings) or "pico", settings=settings)


def wand(settings: Settings) -> Segmenter | None:
    """The segmenter for who names none: the smallest whose weights are here, else pico; None without torch or sam2.

    It is opened when it is first asked, so that nobody waits for torch who only looks.
    """
    from evalnb.models._later import Later

    if any(importlib.util.find_spec(package) is None for package in ("torch", "sam2")):
        return None
    name = installed_segmenter(settings)
    return Later(name or "pico (demo)", lambda: sam2(name or "pico", settings=settings))
