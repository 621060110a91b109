"""A widget and the browser's side of its comm."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import comm
import comm.base_comm
import numpy as np
import pytest
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.ports import Pixels
from evalnb.core.records import Floats, Ints
from evalnb.runs.evaluation import Evaluation
from evalnb.widgets.annotator import Annotator
from evalnb.widgets.evaluation import EvaluationWidget
from tests.yard import Yard


@dataclass
class Browser:
    """What a page would send and see. Jupyter's own message passing is all that is left out."""

    widget: Any
    sent: list[tuple[dict[str, Any], Sequence[bytes]]]
    arrived: threading.Condition
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def tell(self, **ask: Any) -> int:
        """Send an ask; its number."""
        number = next(self.numbers)
        self.raw({"id": number, **ask})
        return number

    def raw(self, message: Any) -> None:
        """Send any custom message."""
        data = {"method": "custom", "content": message}
        self.widget.comm.handle_msg({"content": {"data": data}, "buffers": []})

    def answer(self, number: int, timeout_s: float = 20) -> tuple[dict[str, Any], Sequence[bytes]]:
        """The message that answers, and its buffers."""
        return self.until(lambda message: message.get("id") == number, timeout_s)

    def ask(self, **ask: Any) -> dict[str, Any]:
        """Send an ask; its reply. A refusal fails the test."""
        message, _ = self.answer(self.tell(**ask))
        assert "ok" in message, message
        return message["ok"]

    def refused(self, **ask: Any) -> dict[str, Any]:
        """Send an ask that must be refused; the refusal."""
        message, _ = self.answer(self.tell(**ask))
        assert "error" in message, message
        return message["error"]

    def until(
        self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 20
    ) -> tuple[dict[str, Any], Sequence[bytes]]:
        """The first custom message that is wanted."""
        end = time.monotonic() + timeout_s
        with self.arrived:
            while True:
                for message, buffers in self.sent:
                    if wanted(message):
                        return message, buffers
                left = end - time.monotonic()
                assert left > 0, f"nothing came in {timeout_s} s; the last was {self.sent[-1:]}"
                self.arrived.wait(left)

    def show(self, image_id: int) -> None:
        """Set the trait as the canvas does."""
        data = {"method": "update", "state": {"image_id": image_id}, "buffer_paths": []}
        self.widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


class Colours:
    """A segmenter: what has the colour under the first point, or all of the box. Its gates let tests hold it."""

    name = "colours"

    def __init__(self) -> None:
        self.images: dict[str, Pixels] = {}
        self.encoding, self.may_encode = threading.Event(), threading.Event()
        self.may_encode.set()

    def encode(self, key: str, image: Pixels) -> None:
        self.encoding.set()
        assert self.may_encode.wait(20)
        self.images[key] = image

    def encoded(self, key: str) -> bool:
        return key in self.images

    def segment(
        self, key: str, *, points: Floats, labels: Ints, box: Floats | None = None
    ) -> tuple[NDArray[np.bool_], float]:
        image = self.images[key].astype(np.int16)
        if box is not None:
            mask = np.zeros(image.shape[:2], bool)
            mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
            return mask, 1.0
        x, y = points[0].astype(int)
        return np.abs(image - image[y, x]).max(axis=2) < 40, 0.9


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comms that keep what is sent instead of sending it."""

    class Recorded(comm.base_comm.BaseComm):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            self.sent: list[tuple[dict[str, Any], Sequence[bytes]]] = []
            self.arrived = threading.Condition()
            super().__init__(**options)

        def publish_msg(self, msg_type: str, data: Any = None, buffers: Any = None, **_: Any) -> None:
            if msg_type == "comm_msg" and data.get("method") == "custom":
                with self.arrived:
                    self.sent.append((data["content"], buffers or []))
                    self.arrived.notify_all()

    monkeypatch.setattr(comm, "create_comm", Recorded)


@pytest.fixture
def make(yard: Yard, recorded: None) -> Iterator[Callable[..., Browser]]:
    """Makes an Annotator of the yard, with its browser."""
    made: list[Annotator] = []

    def one(**options: Any) -> Browser:
        widget = Annotator(yard.store, yard.dataset_id, **{"author": "ada", **options})
        made.append(widget)
        return Browser(widget, widget.comm.sent, widget.comm.arrived)

    yield one
    for widget in made:
        widget.close()


@pytest.fixture
def explore(recorded: None) -> Iterator[Callable[..., Browser]]:
    """Makes an Evaluation widget, with its browser."""
    made: list[EvaluationWidget] = []

    def one(evaluation: Evaluation, **options: Any) -> Browser:
        widget = evaluation.explore(**options)
        made.append(widget)
        return Browser(widget, widget.comm.sent, widget.comm.arrived)

    yield one
    for widget in made:
        widget.close()


@pytest.fixture
def colours() -> Colours:
    return Colours()


class Ambiguous(Colours):
    """Colours that offers three masks, counts in blocks while it encodes, and takes its own answers as prompts."""

    name = "ambiguous"
    BLOCKS = 4

    def __init__(self) -> None:
        super().__init__()
        self.priors: list[NDArray[np.float32] | None] = []
        self.began: list[str] = []
        self.blocks = threading.Semaphore(1000)
        self.may_decode, self.decoding = threading.Event(), threading.Event()
        self.may_decode.set()

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        self.began.append(key)
        self.encoding.set()
        for block in range(1, self.BLOCKS):
            assert self.blocks.acquire(timeout=20)
            if told is not None:
                told(block / self.BLOCKS)
        self.images[key] = image

    def candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Floats | None = None,
        prior: NDArray[np.float32] | None = None,
    ) -> Candidates:
        self.decoding.set()
        assert self.may_decode.wait(20)
        self.priors.append(prior)
        best, _ = self.segment(key, points=points, labels=labels, box=box)
        part = best.copy()
        part[: best.shape[0] // 2] = False
        masks = np.stack([best, part, ~best])
        return Candidates(np.where(masks, 1, -1).astype(np.float32), np.array([0.9, 0.6, 0.1]), best.shape)


@pytest.fixture
def ambiguous() -> Ambiguous:
    return Ambiguous()
