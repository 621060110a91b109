"""Images that come one after another: read on all cores, in order, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from evalnb.core.native import cores

_T = TypeVar("_T")
_U = TypeVar("_U")


def streamed(work: Callable[[_T], _U], items: Iterable[_T]) -> Iterator[_U]:
    """``work`` of each item, in order; at most two items for each core are held at a time.

    Decoding and numpy let go of the interpreter's lock, so that threads are enough. The items themselves are drawn
    by the caller's thread alone.
    """
    ahead = 2 * cores()
    with ThreadPoolExecutor(cores(), thread_name_prefix="evalnb-images") as pool:
        waiting: deque[Future[_U]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
