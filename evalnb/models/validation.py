"""What an ultralytics validator predicts and is told, collected while it runs. An adapter: it computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core.records import Detections, Floats, Truths
from evalnb.errors import Invalid

NUMBERS = np.int64


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """One validation: images numbered from 0 in the order in which they were seen."""

    truths: Truths
    detections: Detections
    image_names: tuple[str, ...]
    """The images' paths."""
    image_size: tuple[tuple[int, int], ...]
    """(height, width) in px."""
    class_names: dict[int, str]


class Collector:
    """Callbacks of a YOLO or RT-DETR model that keep each image's boxes, in px of the image as it lies on the disk.

    The validator hands its predictions to ``update_metrics`` and to nobody else, so that is what is listened to, on
    that one validator and until it ends. A new validation forgets the one before.
    """

    def __init__(self) -> None:
        self._validator: Any = None
        self._truth: list[tuple[Floats, Floats]] = []
        self._found: list[tuple[Floats, Floats, Floats]] = []
        self._images: list[tuple[str, tuple[int, int]]] = []
        self._names: dict[int, str] = {}
        self.finished = False

    def attach(self, model: Any) -> None:
        """Listen to every validation of this model from now on."""
        if not hasattr(model, "add_callback"):
            raise Invalid(f"a {type(model).__name__} has no callbacks", remedy="pass ultralytics' YOLO or RTDETR")
        model.add_callback("on_val_start", self._start)
        model.add_callback("on_val_end", self._end)

    def _start(self, validator: Any) -> None:
        self._truth, self._found, self._images = [], [], []
        self.finished = False
        self._validator = validator
        original = validator.update_metrics

        def listening(preds: Any, batch: Any) -> Any:
            self._take(validator, preds, batch)
            return original(preds, batch)

        validator.update_metrics = listening

    def _end(self, validator: Any) -> None:
        # What was set on the instance goes away, and the class's own method is there again.
        validator.__dict__.pop("update_metrics", None)
        # The dataset's names before the model's: an untrained model counts.
        names = (validator.data or {}).get("names") or validator.names
        self._names = {int(key): str(value) for key, value in dict(names).items()}
        self._validator = None
        self.finished = True

    def _take(self, validator: Any, preds: Any, batch: Any) -> None:
        from ultralytics.utils import ops

        for at, pred in enumerate(preds):
            one = validator._prepare_batch(at, batch)

            def placed(boxes: Any, one: Any = one) -> Floats:
                scaled = ops.scale_boxes(one["imgsz"], boxes.clone(), one["ori_shape"], ratio_pad=one["ratio_pad"])
                corners: Floats = _array(scaled).reshape(-1, 4)
                return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)

            self._truth.append((placed(one["bboxes"]), _array(one["cls"]).reshape(-1)))
            self._found.append((placed(pred["bboxes"]), _array(pred["conf"]), _array(pred["cls"])))
            height, width = (int(side) for side in one["ori_shape"])
            self._images.append((str(Path(batch["im_file"][at])), (height, width)))

    def validated(self) -> Validated:
        """The last validation; Invalid where none has come to its end."""
        if not self.finished:
            raise Invalid("no validation has come to its end", remedy="call model.val(data=…) first")
        image = [np.full(len(cls), at, NUMBERS) for at, (_, cls) in enumerate(self._truth)]
        found = [np.full(len(cls), at, NUMBERS) for at, (_, _, cls) in enumerate(self._found)]
        box = _joined([one for one, _ in self._truth], (0, 4))
        class_id = _joined([cls for _, cls in self._truth], (0,)).astype(NUMBERS)
        return Validated(
            truths=Truths(
                id=np.arange(len(box), dtype=NUMBERS) + 1,
                image=_joined(image, (0,)).astype(NUMBERS),
                class_id=class_id,
                box=box,
                area=box[:, 2] * box[:, 3],
                crowd=np.zeros(len(box), bool),
            ),
            detections=Detections(
                image=_joined(found, (0,)).astype(NUMBERS),
                class_id=_joined([cls for _, _, cls in self._found], (0,)).astype(NUMBERS),
                box=_joined([one for one, _, _ in self._found], (0, 4)),
                score=_joined([score for _, score, _ in self._found], (0,)),
            ),
            image_names=tuple(name for name, _ in self._images),
            image_size=tuple(size for _, size in self._images),
            class_names=self._names,
        )


def _array(tensor: Any) -> Floats:
    values: Floats = tensor.detach().cpu().double().numpy()
    return values


def _joined(parts: list[Any], empty: tuple[int, ...]) -> Floats:
    values: Floats = np.concatenate([np.empty(empty), *parts])
    return values
