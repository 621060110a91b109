"""What a model must offer to be used here. Adapters live in ``evalnb.models``; core names no vendor."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evalnb.core.candidates import Candidates
from evalnb.core.following import Direction, Followed, Found, Frames
from evalnb.core.masks import Rle
from evalnb.core.prompted import Mask, Points
from evalnb.core.records import Floats, Ints

Pixels = NDArray[np.uint8]
"""(h, w, 3) uint8 RGB, EXIF orientation applied."""


class ImageDetections(Protocol):
    """The detections of one image, best first."""

    @property
    def box(self) -> Floats:
        """(n, 4) x, y, w, h in pixels of the image as given."""

    @property
    def score(self) -> Floats:
        """(n,) in [0, 1]."""

    @property
    def class_index(self) -> Ints:
        """(n,) places in the detector's ``class_names``."""

    @property
    def masks(self) -> Sequence[Rle] | None:
        """n masks of the image's size, for instance-segmentation models."""


class Detector(Protocol):
    """Finds objects of known classes."""

    @property
    def class_names(self) -> Sequence[str]:
        """The names the model was trained on, by class index."""

    def detect(
        self, images: Sequence[Pixels], *, confidence: float, max_detections: int
    ) -> Sequence[ImageDetections]:
        """One result for each image, in order. Sizes may differ."""


class Segmenter(Protocol):
    """Turns prompts into a mask, after an image was encoded once."""

    @property
    def name(self) -> str:
        """What the interface shows, for instance ``sam2.1-tiny``."""

    def encode(self, key: str, image: Pixels) -> None:
        """Compute and cache the image's features under ``key`` (its content hash)."""

    def encoded(self, key: str) -> bool:
        """Whether ``segment`` under that key answers without encoding."""

    def segment(
        self, key: str, *, points: Floats, labels: Ints, box: Floats | None = None
    ) -> tuple[NDArray[np.bool_], float]:
        """The best mask (h, w) and its predicted IoU.

        ``points`` (k, 2) x, y in pixels; ``labels`` (k,) 1 in, 0 out; ``box`` (4,) x0, y0, x1, y1.
        """


@runtime_checkable
class Interactive(Segmenter, Protocol):
    """A segmenter that also says how far it is, what else a prompt may mean, and takes its own mask as a prompt.

    Threads share it: a prompt does not wait for an image that is being encoded.
    """

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        """As a segmenter's. ``told`` hears the share that is done while it works; what it raises ends the work."""

    def candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Floats | None = None,
        prior: NDArray[np.float32] | NDArray[np.bool_] | None = None,
    ) -> Candidates:
        """What the prompt may mean; the first is what ``segment`` gives.

        ``prior`` is one of the logits (r, c) of an earlier answer on this image, or a rough mask (h, w) of the
        object: the prompt corrects it.
        """


@runtime_checkable
class Thorough(Interactive, Protocol):
    """An interactive segmenter that finds every object of an image by itself, faster than click by click."""

    def sweep(self, key: str, *, told: Callable[[float], None] | None = None) -> Candidates:
        """Every object of an image that was encoded, best first. ``told`` as in ``encode``."""


class Tracking(Protocol):
    """One sequence, with what was said of its objects. One thread at a time uses it."""

    def prompt(
        self,
        frame: int,
        object: Hashable,
        *,
        points: Points | None = None,
        box: Sequence[float] | Floats | None = None,
        mask: Mask | None = None,
    ) -> Found:
        """Say what the object is on a frame, or correct it there; the mask that this means.

        A mask alone is taken as it is. Invalid, naming frame and value, for what is no prompt of that frame.
        """

    def recall(self, frame: int, object: Hashable, mask: Mask) -> None:
        """What was followed before, by somebody who stopped: read as memory, where a prompt would be a person's word.
        Invalid as ``prompt``, or where nothing was said of the object yet."""

    def run(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        direction: Direction = "both",
        where: Callable[[Hashable, int], bool] | None = None,
        told: Callable[[float], None] | None = None,
    ) -> Iterator[Followed]:
        """Follow every object over the frames of range(start, stop) that do not stand yet; each as it is done.

        ``where`` says of an object and a frame whether it is to be followed there. ``told`` hears which share of a
        frame is encoded; what it raises ends the run. It may be left at any frame, and run again: what is done stays.
        Invalid without a prompt.
        """


@runtime_checkable
class Follower(Protocol):
    """Follows objects through the images of a sequence."""

    @property
    def name(self) -> str:
        """What the interface shows."""

    def tracking(self, frames: Frames) -> Tracking:
        """Begin with a sequence; nothing is read yet. Invalid for one without frames."""


class Ahead(Protocol):
    """Encodes images that somebody will click on later, in another process."""

    def encode(self, key: str, image: Pixels, *, told: Callable[[float], None] | None = None) -> None:
        """As an interactive segmenter's."""

    def encoded(self, key: str) -> bool:
        """As a segmenter's."""

    def forget(self, key: str) -> int | None:
        """Keep the image's features on the disk alone; how many such images that holds, None without one."""


class Embedder(Protocol):
    """Maps an image to a vector whose distances mean likeness."""

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, d) unit vectors."""
