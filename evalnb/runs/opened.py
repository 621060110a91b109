"""Evaluations and comparisons that stay open: what somebody looks at is asked again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from evalnb.core.slices import Slice
from evalnb.runs.comparison import Comparison
from evalnb.runs.evaluate import load
from evalnb.runs.evaluation import Evaluation
from evalnb.store import Store

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Opened:
    """A store's evaluations, those used last kept in memory: a slice costs milliseconds, not a read of the table.

    Evaluations never change once they are kept. Whoever asks must know that the evaluation is still there, and that
    it may be seen. For several threads at once.
    """

    def __init__(self, store: Store, *, evaluations: int = 8, comparisons: int = 16) -> None:
        self._store = store
        self._evaluations: _Kept[int, Evaluation] = _Kept(evaluations)
        self._comparisons: _Kept[tuple[object, ...], Comparison] = _Kept(comparisons)

    def evaluation(self, evaluation_id: int) -> Evaluation:
        """The kept evaluation of that id; NotFound otherwise."""
        return self._evaluations.get(evaluation_id, lambda: load(self._store, evaluation_id))

    def comparison(
        self,
        this: int,
        other: int,
        part: Slice = Slice(),
        *,
        confidence: float = 0.0,
        replicates: int = 1000,
        level: float = 0.95,
    ) -> Comparison:
        """Two evaluations narrowed alike and compared; Invalid where they do not compare."""

        def make() -> Comparison:
            mine, theirs = (narrowed(self.evaluation(one), part, confidence=confidence) for one in (this, other))
            return mine.compare(theirs, replicates=replicates, level=level)

        return self._comparisons.get((this, other, part, confidence, replicates, level), make)


def narrowed(evaluation: Evaluation, part: Slice, *, confidence: float = 0.0) -> Evaluation:
    """``evaluation.where`` by a slice; NotFound for a class that it does not name."""
    return evaluation.where(
        tag=part.tags,
        classes=part.classes,
        area=part.areas,
        images=part.images,
        text=part.text or None,
        confidence=confidence,
    )


class _Kept(Generic[_K, _V]):
    """The values used last. Of several who ask for a new one at once, one makes it and the others wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[_K, _V] = OrderedDict()
        self._making: dict[_K, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: _K, make: Callable[[], _V]) -> _V:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                # Together: whoever comes now finds the value, or the lock to wait for.
                self._making.pop(key, None)
                self._values[key] = value
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            return value
