"""YOLO11, YOLO12 and RT-DETR as detectors, with ultralytics' own pre- and post-processing, number for number."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.masks import Rle
from evalnb.core.ports import Pixels
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid
from evalnb.models import _torch, _ultralytics, files
from evalnb.models.architectures import Architecture

NMS_IOU = 0.7
"""ultralytics' own threshold for prediction and validation."""

_MOST_IN_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The detections of one image, best first."""

    box: Floats
    """(n, 4) x, y, w, h in pixels."""
    score: Floats
    """(n,)"""
    class_index: Ints
    """(n,)"""
    masks: Sequence[Rle] | None = None


class UltralyticsDetector:
    """A detector over one ultralytics module. Threads may share it; one at a time runs."""

    def __init__(
        self, architecture: Architecture, module: Any, class_names: Sequence[str], *, image_size: int, device: Any
    ) -> None:
        """Take over ``module``, whose weights are loaded; ``device`` is a torch.device."""
        self.architecture = architecture
        self.class_names: tuple[str, ...] = tuple(class_names)
        self.image_size = image_size
        self.nms_iou = NMS_IOU
        self.device = device
        self._lock = threading.Lock()
        module.names = dict(enumerate(self.class_names))
        self._predictor = _predictor(architecture, module, image_size, device)

    @cached_property
    def batch_size(self) -> int:
        """How many images to give ``detect`` at once: as many as half the free GPU memory holds, else 4."""
        import torch

        free = _torch.free_bytes(self.device)
        if free is None:
            return 4
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        blank = np.zeros((self.image_size, self.image_size, 3), np.uint8)
        self.detect([blank, blank], confidence=0.001, max_detections=100)
        one = max((torch.cuda.max_memory_allocated(self.device) - before) // 2, 1 << 20)
        return int(np.clip(free // 2 // one, 1, _MOST_IN_BATCH))

    def detect(self, images: Sequence[Pixels], *, confidence: float, max_detections: int) -> Sequence[Found]:
        """One result for each (h, w, 3) uint8 RGB image, in order; sizes may differ.

        Boxes are suppressed above an IoU of 0.7 within a class, as ultralytics does. Invalid if an image is no such
        array, or ``confidence`` is not in [0, 1], or ``max_detections`` is not positive.
        """
        if not 0 <= confidence <= 1:
            raise Invalid(f"confidence is {confidence}", remedy="give a number from 0 to 1")
        if max_detections < 1:
            raise Invalid(f"max_detections is {max_detections}", remedy="give at least 1")
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for place, image in enumerate(images):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise Invalid(
                    f"image {place} is {image.dtype} of shape {image.shape}",
                    remedy="pass (height, width, 3) uint8 RGB, as evalnb.imagery.decode returns",
                )
            by_shape.setdefault(image.shape, []).append(place)
        out: list[Found] = [_NOTHING] * len(images)
        with self._lock:
            self._predictor.args.conf = confidence
            self._predictor.args.max_det = max_detections
            # ultralytics pads a batch of equal shapes less than a mixed one. Grouped by shape, an image's numbers do
            # not depend on its neighbours, and equal those of predicting it alone.
            for places in by_shape.values():
                bgr = [np.ascontiguousarray(images[place][..., ::-1]) for place in places]
                with _torch.autocast(self.device):
                    results = self._predictor(bgr)
                for place, result in zip(places, results, strict=True):
                    out[place] = _found(result)
        return out


_NOTHING = Found(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))


def open_detector(
    architecture: Architecture,
    weights: Path | None,
    *,
    class_names: Sequence[str] | None,
    device: str | None,
    home: Path,
) -> UltralyticsDetector:
    """Build the architecture, load its weights strictly, and put it on a device.

    Without weights the module is as ultralytics initialises it (for tests). Class names come from the argument, else
    from the weights. Invalid if the weights are of another architecture or number of classes.
    """
    described = files.open_weights(weights, into=home / "cache" / "weights") if weights else None
    names = tuple(class_names or (described.class_names if described else None) or ())
    if not names:
        raise Invalid(
            f"the weights {weights} do not name their classes"
            if weights
            else f"{architecture.name} has no classes yet",
            remedy="pass class_names=[…] in the order of the model's outputs",
        )
    module = _ultralytics.build(home, architecture, len(names))
    if described is not None:
        load_state(module, described, architecture)
    chosen = _torch.choose(device)
    size = (described.image_size if described else None) or architecture.image_size
    return UltralyticsDetector(architecture, module, names, image_size=size, device=chosen)


def check(architecture: Architecture, weights: files.Weights, *, classes: int, home: Path) -> None:
    """Invalid unless the weights fit the architecture with so many classes, tensor for tensor."""
    load_state(_ultralytics.build(home, architecture, classes), weights, architecture)


def load_state(module: Any, weights: files.Weights, architecture: Architecture) -> None:
    """Load the tensors of a safetensors file into ``module``; Invalid unless every one fits."""
    given = files.shapes(weights.path)
    wanted = _shapes(module)
    said = f"model.{len(module.model) - 1}.cv3.0.2.weight"
    if said in wanted and len(given.get(said, ())) == 4 and given[said][1] != wanted[said][1]:
        _ultralytics.widen(module, architecture, given[said][1])
        wanted = _shapes(module)
    if wanted != given:
        raise Invalid(
            f"{weights.path.name} does not fit {architecture.name} ({_difference(wanted, given)})",
            remedy=_hint(weights, architecture),
        )
    from safetensors.torch import load_file

    module.load_state_dict(load_file(weights.path), strict=True)
    module.float().eval()


def _shapes(module: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _difference(wanted: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]]) -> str:
    missing, extra = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    if missing or extra:
        return f"{len(missing)} tensors are missing and {len(extra)} are not its own"
    name = next(name for name in wanted if wanted[name] != given[name])
    return f"{name} is {given[name]}, not {wanted[name]}"


def _hint(weights: files.Weights, architecture: Architecture) -> str:
    if weights.architecture and weights.architecture != architecture.name:
        return f"they are of {weights.architecture!r}: register them under that name"
    return "check the architecture, and that there are as many class names as the model has outputs"


def _predictor(architecture: Architecture, module: Any, image_size: int, device: Any) -> Any:
    from ultralytics.models.rtdetr.predict import RTDETRPredictor
    from ultralytics.models.yolo.detect.predict import DetectionPredictor
    from ultralytics.nn.autobackend import AutoBackend

    parent: Any = RTDETRPredictor if architecture.family == "rtdetr" else DetectionPredictor

    class Predictor(parent):  # type: ignore[misc]
        batch: Any

        def run_callbacks(self, event: str) -> None:
            """Call nobody: the integrations that ultralytics adds are other people's."""

        def postprocess(self, preds: Any, img: Any, orig_imgs: Any, **more: Any) -> Any:
            # ultralytics' suppression stops after 2 s + 50 ms per image and leaves the rest of the batch empty, with
            # a warning. One image at a time it has nothing left to drop.
            whole = preds[0] if isinstance(preds, list | tuple) else preds
            paths = self.batch[0]
            out = []
            for i in range(len(whole)):
                self.batch = (paths[i : i + 1], *self.batch[1:])
                out += super().postprocess(whole[i : i + 1], img, orig_imgs[i : i + 1], **more)
            self.batch = (paths, *self.batch[1:])
            return out

    overrides = {
        "task": "detect",
        "mode": "predict",
        "imgsz": image_size,
        "rect": True,  # as YOLO(…).predict: padded to the stride alone, not to a square
        "iou": NMS_IOU,
        "conf": 0.001,
        "verbose": False,
        "save": False,
        "project": "/evalnb",  # never made: nothing is saved
        "name": "predict",
        "exist_ok": True,
    }
    predictor = Predictor(overrides=overrides)
    predictor.model = AutoBackend(model=module, device=device, fp16=False, fuse=True, verbose=False)
    predictor.model.eval()
    predictor.device = device
    if device.type == "cuda":
        _keep_head_exact(predictor.model.backend.model)
    return predictor


def _keep_head_exact(module: Any) -> None:
    """Run the detection head in float32 under autocast: its boxes reach 640, where half precision steps by 0.5 px."""
    import torch

    head = module.model[-1]
    forward = head.forward

    def exact(features: Any, *more: Any, **named: Any) -> Any:
        with torch.autocast(torch.as_tensor(features[0]).device.type, enabled=False):
            return forward([one.float() for one in features], *more, **named)

    head.forward = exact


def _found(result: Any) -> Found:
    # float64 of ultralytics' float32 corners; widths by subtraction in float64, so that x + w is the corner again.
    data = result.boxes.data.float().cpu().numpy().astype(np.float64)
    box = np.column_stack([data[:, :2], data[:, 2:4] - data[:, :2]])
    order = np.argsort(-data[:, 4], kind="stable")
    return Found(box[order], data[order, 4], data[order, 5].astype(np.int64))
