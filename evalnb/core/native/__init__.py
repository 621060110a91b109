"""The native half of ``evalnb.core``, and threads to run it on.

A plain C library beside this file, loaded with ctypes, which lets go of the interpreter's lock while a function runs:
``in_parts`` spreads ranges of classes over the cores. Decision 073 says why it is C and not a just-in-time compiler.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evalnb.errors import EvalnbError

VERSION = 12
"""Equal to EVALNB_NATIVE_VERSION in native.h: a library of another build is refused, not called."""
LIBRARY = Path(__file__).with_name("libevalnb.so")
REMEDY = "run `make setup` in a clone, or install the wheel again"
OK, NO_MEMORY = 0, 1

_T = TypeVar("_T")
_P = ctypes.c_void_p
_I64, _I32, _F64 = ctypes.c_int64, ctypes.c_int32, ctypes.c_double

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "evalnb_match": (ctypes.c_int, [_P, _I32, _I32, _P]),
    "evalnb_by_class": (None, [_P, _P, _I64, _I32, _P, _P]),
    "evalnb_nearby": (_I64, [_P, _P, _P, _I64, _I64, _F64, _I64, _P, _P, _P]),
    "evalnb_distances": (ctypes.c_int, [_P, _I64, _I64, _P]),
    "evalnb_tally": (ctypes.c_int, [_P, _P, _I32, _I32]),
    "evalnb_events": (None, [_P, _I32, _I32, _P, _P]),
    "evalnb_members": (ctypes.c_int, [_P, _P, _P, _I64, _I64, _P]),
    "evalnb_rows": (None, [_P, _I64, _I64, *[_P] * 8]),
    "evalnb_mask_ious": (None, [_P, _P, _P, _P, _P, _I64, _F64, _P]),
    "evalnb_mask_measure": (None, [_P, _P, _P, _P, _I64, _I64, _P, _P, _P]),
    "evalnb_runs_from_text": (_I64, [_P, _I64, _P]),
    "evalnb_polygons": (_I64, [_P, _P, _I64, _I64, _I64, _P, _I64]),
    "evalnb_rasterise": (_I64, [_P, _P, _P, _P, _I64, _I64, _P, _I64, _P]),
    "evalnb_rotated_ious": (None, [_P, _P, _P, _P, _P, _I64, _P]),
    "evalnb_boundaries": (_I64, [_P, _P, _I64, _I64, _P, _I64, _P]),
    "evalnb_assign": (ctypes.c_int, [_P, _I64, _P, _P, _P, _P]),
    "evalnb_scan": (_I64, [_P, _P, _I64, _I32]),
    "evalnb_take": (None, [_P, _I64, _P, _P, _P, _P, _P, _F64, _P, _P]),
    "evalnb_average": (ctypes.c_int, [_P, _P, _P, _P, _P, _I32, _I32, _P]),
}


class Broken(EvalnbError):
    """The native library is missing, or of another build."""


@cache
def library() -> ctypes.CDLL:
    """The loaded library, its signatures set."""
    try:
        loaded = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise Broken(f"evalnb's native library {LIBRARY.name} cannot be loaded ({error})", remedy=REMEDY) from None
    found = loaded.evalnb_native_version()
    if found != VERSION:
        raise Broken(f"evalnb's native library is of version {found}, this evalnb needs {VERSION}", remedy=REMEDY)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class Struct(ctypes.Structure):
    """A C structure filled from arrays and numbers; it keeps its arrays alive."""

    def __init__(self, **values: Any) -> None:
        super().__init__()
        self._kept: list[Any] = []
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                assert value.flags.c_contiguous, name
                self._kept.append(value)
                value = value.ctypes.data
            elif isinstance(value, ctypes.Structure):
                self._kept.append(value)
                value = ctypes.addressof(value)
            setattr(self, name, value)

    def let_go(self) -> None:
        """Drop the arrays: whoever has them decides how long they live; the structure points nowhere from now on."""
        self._kept.clear()


def fields(pointers: str, **numbers: Any) -> list[tuple[str, Any]]:
    """Pointers by name, then the rest: the order that ctypes lays a structure out in."""
    return [*((name, _P) for name in pointers.split()), *numbers.items()]


def address(array: NDArray[Any] | Struct | None) -> int | None:
    """Where an array's or a structure's memory begins; None stays a null pointer."""
    if array is None:
        return None
    return ctypes.addressof(array) if isinstance(array, Struct) else array.ctypes.data


def as_array(values: Any, dtype: Any) -> NDArray[Any]:
    """Values as the library takes them: contiguous and of its type; copied only where they are not."""
    return np.ascontiguousarray(values, dtype=dtype)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="evalnb")


@cache
def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(work: Callable[[int, int], _T], bounds: Iterable[tuple[int, int]]) -> list[_T]:
    """``work(low, high)`` for each range, on all cores, the outcomes in order."""
    ranges = list(bounds)
    if len(ranges) <= 1 or cores() == 1:
        return [work(*one) for one in ranges]
    return list(_pool().map(lambda one: work(*one), ranges))


def in_parts(weight: NDArray[np.int64], *, least: int = 20_000, parts: int = 0) -> list[tuple[int, int]]:
    """Ranges of neighbours of about equal total weight, as many as there are cores (or ``parts``), none without need:
    below ``least`` a thread costs more than it brings."""
    total = int(weight.sum())
    wanted = min(parts or cores(), max(1, total // max(least, 1)))
    if wanted <= 1 or len(weight) <= 1:
        return [(0, len(weight))]
    aims = np.arange(1, wanted) * (total / wanted)
    cuts = np.searchsorted(np.cumsum(weight), aims) + 1
    edges = np.unique(np.concatenate(([0], np.minimum(cuts, len(weight)), [len(weight)]))).tolist()
    return list(itertools.pairwise(edges))


def evenly(many: int, *, least: int = 40_000) -> list[tuple[int, int]]:
    """0 … ``many`` in as many equal ranges as there are cores; one where it is not worth a thread."""
    parts = max(1, min(cores(), many // least))
    edges = [many * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


def checked(status: int) -> None:
    """MemoryError where the library had none."""
    if status == NO_MEMORY:
        raise MemoryError("evalnb's native library found no memory")
