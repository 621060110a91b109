"""SAM 2 on a CPU by OpenVINO: when it is used, how exactly, and whether it may be."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from evalnb.core.masks import decode
from evalnb.core.ports import Segmenter
from evalnb.core.progress import NullProgress, Progress
from evalnb.demo.scenes import Scene, scene
from evalnb.errors import Invalid, Unavailable
from evalnb.models import _torch
from evalnb.models._features import Features
from evalnb.models._ov_decoder import MaskDecoder
from evalnb.models._ov_encoder import Encoder
from evalnb.models._ov_ops import openvino

Backend: TypeAlias = Literal["auto", "torch", "openvino", "openvino-f32"]

AGREE_MIN = {"bf16": 0.98, "f32": 0.99}
"""The mean IoU with torch's masks below which a precision is refused."""

_GRAPHS = 1
"""Counts up when the graphs change: what was measured of the ones before says nothing about these."""
_SCENES, _SEED, _AREA_MIN = 2, 125, 500
_SIDE_MIN = 512
"""Of smaller images ``auto`` asks no bfloat16: pico encodes in 20 ms without."""


def backend_of(text: str) -> Backend:
    """The backend of that name; Invalid names those that there are."""
    if text not in get_args(Backend):
        raise Invalid(
            f"there is no SAM 2 backend {text!r}", remedy=f"use one of {', '.join(map(repr, get_args(Backend)))}"
        )
    return cast(Backend, text)


class OpenVino:
    """One SAM 2's encoder and decoder as compiled graphs. Its user sees to it that one thread at a time uses each."""

    def __init__(self, module: Any, *, precise: bool) -> None:
        """``precise``: float32 all through; else the trunk in bfloat16. RuntimeError from OpenVINO if it cannot."""
        self.precise = precise
        core = openvino().Core()

        def compiled(model: Any, *, precise: bool) -> Any:
            import torch

            chosen = {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32" if precise else "bf16",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                # Pinned, the threads of two kernels would share a core and leave another idle.
                "ENABLE_CPU_PINNING": False,
            }
            return core.compile_model(model, "CPU", chosen).create_infer_request()

        self._encoder = Encoder(module, compiled, precise=precise)
        self._decoder = MaskDecoder(module, compiled)

    def encode(self, image: Any, told: Callable[[float], None] | None) -> tuple[Any, ...]:
        """The maps of a normalised image, a tensor (1, 3, s, s), as torch's encoder gives them."""
        import torch

        return tuple(torch.from_numpy(one) for one in self._encoder(image.numpy(), told))

    def masks(self, features: Sequence[Features], sparse: Any, dense: Any) -> tuple[Any, Any]:
        """Logits (n, 4, r, c) and predicted IoUs (n, 4) of embedded prompts; ``dense``: of rough masks, or None."""
        import torch

        rough = None if dense is None else dense.numpy()
        logits, ious = self._decoder(features, sparse.numpy(), rough)
        return torch.from_numpy(logits), torch.from_numpy(ious)


def choose(
    module: Any,
    segmenter: Callable[[OpenVino | None], Segmenter],
    *,
    backend: Backend,
    device: Any,
    digest: str,
    home: Path | None,
    progress: Progress | None = None,
) -> OpenVino | None:
    """The engine for a module on a device; None: torch itself.

    ``segmenter`` makes one over an engine, to be compared. An engine is used if its masks agree with torch's on the
    demo's scenes: measured once for weights of this ``digest``, this OpenVINO and this processor, and kept under
    ``home``. bfloat16 goes first where the processor has it (on ``auto``: and images are large). On ``auto`` whatever
    stands in the way is a warning, and torch goes on; asked for by name it is Unavailable, or MissingExtra without
    the package.
    """
    if backend == "torch" or (backend == "auto" and device.type != "cpu"):
        return None
    if device.type != "cpu":
        raise Invalid(f"OpenVINO runs SAM 2 on a CPU, not on {device}", remedy="use device='cpu' or backend='torch'")
    if backend == "auto" and importlib.util.find_spec("openvino") is None:
        return None
    _torch.need("openvino", "SAM 2's OpenVINO backend")
    try:
        precise = backend == "openvino-f32" or (backend == "auto" and module.image_size < _SIDE_MIN)
        return _agreeing(module, segmenter, precise, digest, home, progress or NullProgress())
    except (RuntimeError, ImportError, OSError, Unavailable) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if backend != "auto":
            raise Unavailable(f"OpenVINO cannot run this SAM 2: {why}", remedy="use backend='torch'") from error
        warnings.warn(f"SAM 2 runs on torch, which is slower, because OpenVINO cannot: {why}", stacklevel=2)
        return None


def _agreeing(
    module: Any,
    segmenter: Callable[[OpenVino | None], Segmenter],
    precise_only: bool,
    digest: str,
    home: Path | None,
    progress: Progress,
) -> OpenVino:
    core = openvino().Core()
    able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    theirs: list[NDArray[np.bool_]] = []
    found = 0.0
    for precision in ("f32",) if precise_only or not able else ("bf16", "f32"):
        made = OpenVino(module, precise=precision == "f32")
        verdict = Verdict(
            digest, precision, openvino().__version__, str(core.get_property("CPU", "FULL_DEVICE_NAME")), _GRAPHS
        )
        known = verdict.read(home)
        if known is None:
            progress.start(None, unit="prompts", what=f"comparing {precision} with torch")
            try:
                theirs = theirs or list(_asked(segmenter(None), progress))
                known = agreement(theirs, list(_asked(segmenter(made), progress)))
            finally:
                progress.close()
            verdict.write(home, known)
        if known >= AGREE_MIN[precision]:
            return made
        found = known
    raise Unavailable(f"its masks and torch's have a mean IoU of {found:.3f}", remedy="use the torch backend")


def scenes() -> list[Scene]:
    """What engines are compared on."""
    return [scene(_SEED, number) for number in range(_SCENES)]


def _asked(segmenter: Segmenter, progress: Progress) -> Iterator[NDArray[np.bool_]]:
    """A segmenter's masks of the scenes' objects, by a click inside each and by its box."""
    inside, nothing = np.ones(1, dtype=np.int64), np.empty(0, dtype=np.int64)
    for number, one in enumerate(scenes()):
        key = f"scene {number}"
        segmenter.encode(key, one.pixels)
        for drawn in one.objects:
            y, x = np.nonzero(decode(drawn.mask))
            if len(x) < _AREA_MIN:
                continue
            middle = len(x) // 2
            click = np.array([[x[middle], y[middle]]], dtype=np.float64)
            box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float64)
            yield segmenter.segment(key, points=click, labels=inside)[0]
            yield segmenter.segment(key, points=np.empty((0, 2)), labels=nothing, box=box)[0]
            progress.advance(2)


def agreement(one: Sequence[NDArray[np.bool_]], other: Sequence[NDArray[np.bool_]]) -> float:
    """The mean IoU of masks (h, w), pair by pair; two empty ones agree."""
    ious = []
    for first, second in zip(one, other, strict=True):
        either = int((first | second).sum())
        ious.append(int((first & second).sum()) / either if either else 1.0)
    return float(np.mean(ious))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a measured agreement is of. Its file is written whole or not at all; one that is not ours is no hit."""

    weights: str
    precision: str
    openvino: str
    processor: str
    graphs: int

    def read(self, home: Path | None) -> float | None:
        """The mean IoU that was measured; None if it never was, or the file does not say so."""
        if home is None:
            return None
        try:
            held = json.loads(self._path(home).read_text(encoding="utf-8"))
            of, iou = held["of"], held["iou"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        good = of == self._of() and isinstance(iou, float) and 0 <= iou <= 1
        return iou if good else None

    def write(self, home: Path | None, iou: float) -> None:
        """Keep it. A disk that is full or read-only costs a measurement the next time, nothing else."""
        if home is None:
            return
        path, part = self._path(home), None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"of": self._of(), "iou": iou}, file)
            Path(part).replace(path)
        except OSError:
            if part is not None:
                with contextlib.suppress(OSError):
                    Path(part).unlink()

    def _of(self) -> dict[str, str | int]:
        return {
            "weights": self.weights,
            "precision": self.precision,
            "openvino": self.openvino,
            "processor": self.processor,
            "graphs": self.graphs,
        }

    def _path(self, home: Path) -> Path:
        name = sha256(json.dumps(self._of(), sort_keys=True).encode()).hexdigest()[:40]
        return home / "cache" / "openvino" / f"{name}.json"
