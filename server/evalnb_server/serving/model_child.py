"""``python -m evalnb_server.serving.model_child SOCKET``: holds one model, and answers with its detections.

The server never imports torch; ending this process is what frees a model's memory. Its socket closes when the server
goes, and then it goes too.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from evalnb import models
from evalnb.core.children import Frame, born
from evalnb.core.ports import Detector, Pixels
from evalnb.errors import EvalnbError


class Holder:
    """Loads the model at the first question, which says which it is."""

    def __init__(self) -> None:
        self._detector: Detector | None = None

    def load(self, frame: Frame) -> dict[str, Any]:
        """Load the model, so that the first image does not wait for more than itself."""
        self._loaded(frame.head["model"])
        return {"ok": True}

    def detect(self, frame: Frame) -> dict[str, Any]:
        """The detections of each image, whose pixels are in the frame's files."""
        asked = frame.head
        detector = self._loaded(asked["model"])
        images = [_pixels(file, shape) for file, shape in zip(frame.files, asked["shapes"], strict=True)]
        began = time.perf_counter()
        found = detector.detect(images, confidence=asked["confidence"], max_detections=asked["most"])
        return {
            "seconds": time.perf_counter() - began,
            "ok": [
                {"box": one.box.tolist(), "score": one.score.tolist(), "class": one.class_index.tolist()}
                for one in found
            ],
        }

    def _loaded(self, model: dict[str, Any]) -> Detector:
        if self._detector is None:
            self._detector = models.detector(
                model["architecture"],
                Path(model["weights"]),
                class_names=model["class_names"],
                device=model["device"],
                home=Path(model["home"]),
            )
        return self._detector


def _pixels(file: int, shape: list[int]) -> Pixels:
    shared = mmap.mmap(file, shape[0] * shape[1] * shape[2], prot=mmap.PROT_READ)
    return np.frombuffer(shared, np.uint8).reshape(shape)


def main(descriptor: int) -> int:
    """Answer until the server closes its end."""
    link = born(descriptor)
    link.send({"ready": True})
    holder = Holder()
    questions = {"load": holder.load, "detect": holder.detect}
    while (frame := link.receive()) is not None:
        try:
            link.send(questions[frame.head["ask"]](frame))
        except EvalnbError as error:
            link.send({"refused": [type(error).__name__, error.happened, error.remedy]})
        finally:
            for one in frame.files:
                os.close(one)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
