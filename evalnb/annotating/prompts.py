"""SAM prompts on an image: features cached by content, masks cut out and packed for the wire."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb import imagery
from evalnb.annotating.desk import Reply, superseded
from evalnb.core.candidates import Candidates
from evalnb.core.everything import Sweep, gathered, grid
from evalnb.core.images import ImageRecord
from evalnb.core.masks import Rle, iou, placed
from evalnb.core.ports import Interactive, Segmenter, Thorough
from evalnb.core.prompted import prompts
from evalnb.core.records import Floats, Geometry, Ints
from evalnb.core.shapes import mask_of
from evalnb.errors import Cancelled, Invalid
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.wire.prompts import (
    BoxMasksAsk,
    BoxMasksReply,
    Candidate,
    EncodingPush,
    EverythingReply,
    HoverAsk,
    HoverReply,
    SegmentAsk,
    SegmentReply,
    SweepPush,
)
from evalnb.wire.shapes import Box
from evalnb.wire.shapes import Geometry as Outline

CHEAP_ENCODE_S = 1.5
"""Neighbours are encoded ahead by a segmenter that cannot be interrupted only if it is this fast: a slower one would
keep the next click waiting."""
GLIMPSE_CELLS = 320
"""The longer side of a hover's mask: on most screens a cell is a pixel or two, and the bits take 1 to 4 KB."""
_ANSWERS = 32
"""Answers whose logits are kept for the next click: 1 MB each, of a model with 256 × 256."""
_MOST_FOUND = 500
"""So many objects of one image are looked through by hand, at most."""
_SAME_IOU = 0.7
_CLICKS_PER_SIDE = 12
"""Of a segmenter that is asked click by click."""
_CORNER, _INSIDE = np.array([[0.5, 0.5]]), np.ones(1, dtype=np.int64)
_HAND_S, _PAUSE_S = 0.1, 0.4
"""An encoding ahead pauses between two blocks while the hand asked for something this recently, at most so long."""


class Prompts:
    """Answers prompts with one segmenter. Threads may share it."""

    def __init__(
        self, store: Store, segmenter: Segmenter, announce: Callable[[EncodingPush | SweepPush], None]
    ) -> None:
        self._store = store
        self._segmenter = segmenter
        self._announce = announce
        self._keys: dict[int, str] = {}
        self._latest_s = 0.0
        self._lock, self._alone = threading.Lock(), threading.Lock()
        self._answered = 0
        self._answers: OrderedDict[int, tuple[int, Candidates]] = OrderedDict()
        self._hand_at = 0.0
        self._swept: int | None = None
        self.used = False
        """Whether anybody prompted yet: before that nothing is encoded ahead."""

    @property
    def name(self) -> str:
        """What the interface shows."""
        return self._segmenter.name

    @property
    def cheap(self) -> bool:
        """Whether encoding a neighbour that may never be looked at is worth it."""
        return isinstance(self._segmenter, Interactive) or self._latest_s < CHEAP_ENCODE_S

    def answer(self, ask: SegmentAsk, image: ImageRecord, *, stale: Callable[[], bool]) -> Reply:
        """The masks that a prompt may mean, cut to their windows. Superseded if ``stale`` once it is encoded."""
        self.used = True
        _labelled(ask)
        if not ask.points and ask.box is None and ask.outline is None:
            raise Invalid("the prompt is empty", remedy="click a point or drag a box")
        box, rough = (ask.box, None) if ask.outline is None else outlined(ask.outline, ask.box, image)
        begin = self._hand_at = time.perf_counter()
        key = self.encode(image)
        encoded = time.perf_counter()
        if stale():
            raise superseded()
        found = self._candidates(
            key,
            points=np.array(ask.points, dtype=np.float64).reshape(-1, 2),
            labels=np.array(ask.labels, dtype=np.int64),
            box=box,
            prior=self._prior(ask, image.id, rough),
        )
        decoded = self._hand_at = time.perf_counter()
        (window, inside), *others = [found.cut(place) for place in range(len(found))]
        return Reply(
            SegmentReply(
                image_id=image.id,
                window=window,
                score=float(found.scores[0]),
                encode_ms=round((encoded - begin) * 1e3, 1),
                decode_ms=round((decoded - encoded) * 1e3, 1),
                answer=self._remember(image, found),
                others=[
                    Candidate(window=one, score=float(score))
                    for (one, _), score in zip(others, found.scores[1:], strict=True)
                ],
            ),
            [packed(inside), *(packed(one) for _, one in others)],
        )

    def knows(self, image_id: int) -> bool:
        """Whether the image was prompted on, or encoded, here."""
        return image_id in self._keys

    def hover(self, ask: HoverAsk) -> Reply:
        """What a click there would mean, coarsely; nothing while the image is not encoded."""
        _labelled(ask)
        begin = self._hand_at = time.perf_counter()
        key = self._keys.get(ask.image_id)
        ready = key is not None and self._segmenter.encoded(key)
        window: Box = (0.0, 0.0, 0.0, 0.0)
        inside, score = np.zeros((0, 0), dtype=bool), 0.0
        if key is not None and ready:
            found = self._candidates(
                key,
                points=np.array([*ask.points, (ask.x, ask.y)], dtype=np.float64),
                labels=np.array([*ask.labels, 1], dtype=np.int64),
                box=ask.box,
                prior=self._prior(ask, ask.image_id),
            )
            window, inside = found.glimpse(0, GLIMPSE_CELLS)
            score = float(found.scores[0])
        self._hand_at = time.perf_counter()
        return Reply(
            HoverReply(
                image_id=ask.image_id,
                seq=ask.seq,
                ready=ready,
                window=window,
                columns=inside.shape[1],
                rows=inside.shape[0],
                score=score,
                decode_ms=round((self._hand_at - begin) * 1e3, 1),
            ),
            [packed(inside)],
        )

    def everything(self, image: ImageRecord, known: Iterable[Geometry]) -> Reply:
        """Every object of the image but those that are ``known``. Cancelled once ``stop`` is called."""
        told = self._telling(image, "segmenting everything")
        key = self._encode(image, lambda share: told(0.1 * share))
        told(0.1)
        found = self._sweep(key, lambda share: told(0.1 + 0.9 * share))
        cut = [(place, *found.cut(place)) for place in range(len(found))][:_MOST_FOUND]
        there = unlabelled([placed(inside, window, found.size) for _, window, inside in cut], known, found.size)
        left = [one for one, new in zip(cut, there, strict=True) if new]
        return Reply(
            EverythingReply(
                image_id=image.id,
                found=[Candidate(window=window, score=float(found.scores[place])) for place, window, _ in left],
                labelled=len(cut) - len(left),
            ),
            [packed(inside) for _, _, inside in left],
        )

    def box_masks(self, ask: BoxMasksAsk, image: ImageRecord) -> Reply:
        """The likeliest mask in each of the boxes. Cancelled once ``stop`` is called."""
        told = self._telling(image, "drawing the masks")
        key = self._encode(image, lambda share: told(0.3 * share))
        found: list[Candidate] = []
        buffers: list[bytes] = []
        for place, box in enumerate(ask.boxes):
            told(0.3 + 0.7 * place / len(ask.boxes))
            one = self._candidates(key, points=np.empty((0, 2)), labels=np.empty(0, np.int64), box=box, prior=None)
            window, inside = one.cut(0)
            found.append(Candidate(window=window, score=float(one.scores[0])))
            buffers.append(packed(inside))
        return Reply(BoxMasksReply(image_id=image.id, found=found), buffers)

    def _telling(self, image: ImageRecord, what: str) -> Callable[[float], None]:
        """Tells how far some work on the whole image is, from now on; Cancelled once that was stopped."""
        self.used = True
        self._swept = image.id

        def told(share: float) -> None:
            if self._swept != image.id:
                raise Cancelled(f"{what} was stopped", remedy="press the key again to begin anew")
            self._announce(SweepPush(image_id=image.id, fraction=min(share, 1.0)))

        return told

    def stop(self, image_id: int) -> None:
        """End ``everything`` or ``box_masks`` on that image."""
        if self._swept == image_id:
            self._swept = None

    def _sweep(self, key: str, told: Callable[[float], None]) -> Candidates:
        if isinstance(self._segmenter, Thorough):
            return self._segmenter.sweep(key, told=told)
        # One that answers clicks alone is clicked on, and gives way to the hand between two clicks.
        whole = self._candidates(key, points=_CORNER, labels=_INSIDE, box=None, prior=None)
        at = grid(whole.size, _CLICKS_PER_SIDE)

        def clicked() -> Iterator[tuple[NDArray[np.floating[Any]], Floats]]:
            for number, point in enumerate(at):
                told(number / len(at))
                one = self._candidates(key, points=point[None], labels=_INSIDE, box=None, prior=None)
                logits = one.logits if one.logits.dtype != np.bool_ else np.where(one.logits, 1, -1)
                yield np.asarray(logits, dtype=np.float32), one.scores

        # How steep a stranger's logits are nobody knows: only what it says of its masks counts.
        return gathered(clicked(), whole.size, Sweep(iou_min=0.5, stability_min=0))

    def encode(self, image: ImageRecord) -> str:
        """Have the shown image's features in the cache; their key. Says how far it is."""
        return self._encode(image, lambda share: self._announce(EncodingPush(image_id=image.id, fraction=share)))

    def encode_ahead(self, image: ImageRecord, *, shown: Callable[[], int | None], gone: Callable[[], bool]) -> None:
        """Encode an image that may be looked at next, in the gaps that the hand leaves; end early once ``gone``.

        Where it is ``shown`` meanwhile, the work goes on as that of ``encode``.
        """

        def told(share: float) -> None:
            waited = time.perf_counter()
            while shown() != image.id:
                if share == 1:
                    return
                if gone():
                    raise Cancelled("the neighbour is none any more", remedy="encode it once it is shown")
                now = time.perf_counter()
                if now - self._hand_at > _HAND_S or now - waited > _PAUSE_S:
                    return
                time.sleep(0.02)
            self._announce(EncodingPush(image_id=image.id, fraction=share))

        try:
            self._encode(image, told)
        except Cancelled:
            return

    def give_way(self) -> None:
        """Return once the hand asked for nothing for a moment; soon in any case."""
        waited = time.perf_counter()
        while time.perf_counter() - self._hand_at <= _HAND_S and time.perf_counter() - waited <= _PAUSE_S:
            time.sleep(0.02)

    def _encode(self, image: ImageRecord, told: Callable[[float], None]) -> str:
        key = self._keys.get(image.id)
        if key is not None and self._segmenter.encoded(key):
            return key
        data = pixels.read(self._store, image)
        key = self._keys[image.id] = image.sha256 or hashlib.sha256(data).hexdigest()
        if self._segmenter.encoded(key):
            return key
        told(0.0)
        begin = time.perf_counter()
        try:
            decoded = imagery.decode(data, name=image.file_name)
            if isinstance(self._segmenter, Interactive):
                self._segmenter.encode(key, decoded, told=told)
            else:
                with self._alone:
                    self._segmenter.encode(key, decoded)
        finally:
            told(1.0)
        # The latest, not the slowest: the first one also loads the model.
        self._latest_s = time.perf_counter() - begin
        return key

    def _candidates(
        self,
        key: str,
        *,
        points: Floats,
        labels: Ints,
        box: Box | None,
        prior: NDArray[np.float32] | NDArray[np.bool_] | None,
    ) -> Candidates:
        corners = None
        if box is not None:
            x, y, w, h = box
            corners = np.array([x, y, x + w, y + h], dtype=np.float64)
        if isinstance(self._segmenter, Interactive):
            return self._segmenter.candidates(key, points=points, labels=labels, box=corners, prior=prior)
        with self._alone:
            mask, score = self._segmenter.segment(key, points=points, labels=labels, box=corners)
        return Candidates(np.asarray(mask, dtype=bool)[None], np.array([score]), (mask.shape[0], mask.shape[1]))

    def _prior(
        self, ask: SegmentAsk | HoverAsk, shown_id: int, rough: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32] | NDArray[np.bool_] | None:
        if ask.refines is None:
            return rough
        with self._lock:
            image_id, found = self._answers.get(ask.refines.answer, (0, None))
        if found is None or image_id != shown_id or ask.refines.candidate >= len(found):
            return rough
        prior: NDArray[np.float32] = found.logits[ask.refines.candidate].astype(np.float32)
        return prior

    def _remember(self, image: ImageRecord, found: Candidates) -> int:
        with self._lock:
            self._answered += 1
            # What is no Interactive's are masks: nothing takes them back.
            if found.logits.dtype != np.bool_:
                self._answers[self._answered] = (image.id, found)
            while len(self._answers) > _ANSWERS:
                self._answers.popitem(last=False)
            return self._answered


def _labelled(ask: SegmentAsk | HoverAsk) -> None:
    if len(ask.points) != len(ask.labels) or any(one not in (0, 1) for one in ask.labels):
        raise Invalid(
            f"{len(ask.points)} points with labels {ask.labels}", remedy="give each point a label, 1 in or 0 out"
        )


def outlined(outline: Outline, box: Box | None, image: ImageRecord) -> tuple[Box, NDArray[np.bool_] | None]:
    """A shape as a prompt: the box around it unless there is one already, and the mask that it is roughly; a box is
    only that. Invalid for a shape that encloses no pixel of the image."""
    if outline.kind == "box":
        return box or outline.box, None
    [one] = prompts((image.height, image.width), mask=outline.record())
    assert one.box is not None
    x0, y0, x1, y1 = one.box.tolist()
    return box or (x0, y0, x1 - x0, y1 - y0), one.mask


def unlabelled(found: Sequence[Rle], known: Iterable[Geometry], size: tuple[int, int]) -> list[bool]:
    """Which of the masks no outline of the image is the same as. A box is no outline: what is in it is news."""
    outlined = [mask_of(one, size) for one in known if one.kind in ("mask", "polygon", "ellipse", "rotated")]
    outlined = [one for one in outlined if one.size == size]
    if not outlined or not found:
        return [True] * len(found)
    alike = iou(list(found), outlined, np.zeros(len(outlined), dtype=bool)).max(axis=1)
    return [bool(one < _SAME_IOU) for one in alike]


def packed(inside: NDArray[np.bool_]) -> bytes:
    """(h, w) bool as zlib of its rows of bits, as ``SegmentReply`` says; nothing for none.

    1080p with a fifth set: 6 KB in under 1 ms, where the raw mask is 2 MB.
    """
    return zlib.compress(np.packbits(inside, axis=1).tobytes(), 1) if inside.size else b""
