"""Class labels and scores as people hold them, made into class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid

Read = tuple[Ints, Ints, tuple[str, ...], Floats | None]


def read_labels(truth: object, given: object, class_names: Sequence[str] | None) -> Read:
    """Truths (n,), predictions (n,), class names, and scores (n, k) or None."""
    truths, other = _array(truth, "truth"), _array(given, "scores_or_labels")
    if truths.ndim != 1:
        raise Invalid(f"truth has shape {truths.shape}", remedy="pass (n,): one class number or name for each sample")
    if len(truths) != len(other):
        raise Invalid(
            f"there are {len(truths)} truths and {len(other)} predictions",
            remedy="pass one for each sample, in one order",
        )
    names = _names(class_names)
    if other.ndim == 2:
        scores = _scores(other)
        names = names or tuple(str(i) for i in range(scores.shape[1]))
        if len(names) != scores.shape[1]:
            raise Invalid(
                f"the scores have {scores.shape[1]} columns and there are {len(names)} class names",
                remedy="give one name for each column, in their order",
            )
        return _numbers(truths, names, "truth"), scores.argmax(axis=1), names, scores
    if other.ndim != 1:
        raise Invalid(f"scores_or_labels has shape {other.shape}", remedy="pass (n, k) scores or (n,) labels")
    if other.dtype.kind == "f":
        scores = _two(other)
        names = names or ("0", "1")
        if len(names) != 2:
            raise Invalid(
                f"one score for each sample tells two classes apart, not {len(names)}", remedy="pass (n, k) scores"
            )
        return _numbers(truths, names, "truth"), scores.argmax(axis=1), names, scores
    names = names or _found(truths, other)
    return _numbers(truths, names, "truth"), _numbers(other, names, "scores_or_labels"), names, None


def _array(values: object, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise Invalid(f"{name} is no array ({error})", remedy="pass a list or array of one length") from None
    if array.ndim == 0:
        raise Invalid(
            f"{name} is one value, {values!r:.60}", remedy="pass a list or array with one entry for each sample"
        )
    return array


def _names(class_names: Sequence[str] | None) -> tuple[str, ...]:
    if class_names is None:
        return ()
    if isinstance(class_names, str):
        raise Invalid(f"class_names is one word, {class_names!r}", remedy="pass a list of names")
    names = tuple(str(one) for one in class_names)
    for twice in [one for at, one in enumerate(names) if one in names[:at]][:1]:
        raise Invalid(f"two classes are called {twice!r}", remedy="give each class a name of its own")
    return names


def _found(truths: NDArray[Any], labels: NDArray[Any]) -> tuple[str, ...]:
    if "i" in {truths.dtype.kind, labels.dtype.kind} or "u" in {truths.dtype.kind, labels.dtype.kind}:
        most = max((int(one.max()) for one in (truths, labels) if one.size and one.dtype.kind in "iu"), default=-1)
        return tuple(str(i) for i in range(most + 1))
    return tuple(sorted({str(one) for one in [*truths.tolist(), *labels.tolist()]}))


def _numbers(values: NDArray[Any], names: tuple[str, ...], what: str) -> Ints:
    if values.size == 0:
        return np.empty(0, np.int64)
    if values.dtype.kind == "f" and np.array_equal(values, np.rint(values)):
        values = values.astype(np.int64)
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    if values.dtype.kind in "iu":
        for at in np.flatnonzero((values < 0) | (values >= len(names)))[:1]:
            raise Invalid(
                f"{what}[{at}] is class {values[at]} and there are {len(names)} classes",
                remedy=f"number the classes from 0 to {len(names) - 1}, or pass class_names for all of them",
            )
        return values.astype(np.int64)
    if values.dtype.kind not in "UO":
        raise Invalid(f"{what} holds {values.dtype}", remedy="pass class numbers or class names")
    place = {name: at for at, name in enumerate(names)}
    for row, one in enumerate(values.tolist()):
        if one not in place:
            raise Invalid(
                f"{what}[{row}] is {one!r}, which is no class of {', '.join(names[:6])}",
                remedy="add it to class_names, or correct the label",
            )
    return np.array([place[one] for one in values.tolist()], dtype=np.int64)


def _scores(values: NDArray[Any]) -> Floats:
    if values.dtype.kind not in "fiub":
        raise Invalid(f"the scores are {values.dtype}", remedy="pass numbers")
    scores = values.astype(np.float64)
    if scores.shape[1] < 2:
        raise Invalid(
            f"the scores have {scores.shape[1]} columns", remedy="pass one column for each of two or more classes"
        )
    for row, column in np.argwhere(~np.isfinite(scores))[:1]:
        raise Invalid(
            f"the score of sample {row} for class {column} is {scores[row, column]}",
            remedy="replace it by a finite number",
        )
    return scores


def _two(values: NDArray[Any]) -> Floats:
    second = values.astype(np.float64)
    for at in np.flatnonzero(~((second >= 0) & (second <= 1)))[:1]:
        raise Invalid(
            f"the score of sample {at} is {second[at]}",
            remedy="pass the second class's probability, 0 to 1, or (n, 2) scores",
        )
    return np.stack([1 - second, second], axis=1)
