"""A match table as one file of arrays: what an evaluation needs besides its run, as it was when it was matched.

Truths are edited later; the ones that were matched are therefore kept with the matches. The file is a line of JSON
and the columns as they lie in memory, so that opening it is mapping it: nothing is parsed, copied or pickled.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from evalnb.core.matching import AREA_NAMES, CLAIMS, Matches
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Truths
from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.runs.columns import Images, Problem

VERSION = 4
MAGIC = b"evalnb matches\r\n"
"""The line ending shows a transfer that changed it."""
ALIGNED_BYTES = 64
AGAIN = "evaluate the run again"
_WORDS = ("claim_matched", "claim_ignored")
"""What is not as it lies in memory: see ``_halves``."""
_TYPES = {
    **dict.fromkeys(["image", "row", "claim_at", "claim_truth", "truth_image", "truth_class"], np.int32),
    **dict.fromkeys(["rank", "flags", "truth_ignored"], np.uint8),
    **dict.fromkeys(["claim_matched", "claim_ignored"], np.uint64),
    **dict.fromkeys(["images", "classes", "start"], np.int64),
    "score": np.float64,
}


def freeze(
    matches: Matches, truths: Truths, images: Images, class_names: dict[int, str], problems: tuple[Problem, ...]
) -> bytes:
    """The file's bytes."""
    columns: dict[str, NDArray[Any]] = {"image_size": images.size}
    notes: dict[str, Any] = {
        "version": VERSION,
        "match": _apart(matches, "match", columns, but=_WORDS),
        "file_names": list(images.name),
        "tags": [sorted(one) for one in images.tags],
        "class_names": {str(key): name for key, name in class_names.items()},
        "problems": [[one.source, one.index, one.field, one.what] for one in problems],
    }
    for name in _WORDS:
        columns[f"word_{name}_low"], columns[f"word_{name}_high"] = _halves(getattr(matches, name))
    masks = None if truths.masks is None else PackedMasks.of(truths.masks).together()
    _apart(truths, "truth", columns, but=("masks",))
    if masks is not None:
        _apart(masks, "mask", columns)
    place, pieces = 0, []
    notes["columns"] = {}
    for name, column in columns.items():
        raw = np.ascontiguousarray(column).tobytes()
        notes["columns"][name] = [column.dtype.str, list(column.shape), place]
        pieces.append(raw + bytes(-len(raw) % ALIGNED_BYTES))
        place += len(pieces[-1])
    head = orjson.dumps(notes)
    head = MAGIC + len(head).to_bytes(8, "little") + head
    return b"".join([head, bytes(-len(head) % ALIGNED_BYTES), *pieces])


def thaw(source: bytes | Path) -> tuple[Matches, Truths, Images, dict[int, str], tuple[Problem, ...]]:
    """What ``freeze`` wrote; a path is mapped, not read. Invalid for a file that is damaged or of another version."""
    raw = memoryview(source if isinstance(source, bytes) else _mapped(source))
    begin = len(MAGIC) + 8
    if bytes(raw[: len(MAGIC)]) != MAGIC:
        raise Invalid("this is no match table that this evalnb reads", remedy=AGAIN)
    end = begin + int.from_bytes(raw[len(MAGIC) : begin], "little")
    try:
        notes = orjson.loads(raw[begin:end])
        version = notes["version"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Invalid(f"the match table is damaged: its first line is no JSON ({error})", remedy=AGAIN) from None
    if version != VERSION:
        raise Invalid(
            f"the match table is of version {version}, this evalnb reads {VERSION}",
            remedy=f"update evalnb, or {AGAIN}",
        )
    columns = _columns(raw, notes["columns"], end + -end % ALIGNED_BYTES)
    words: dict[str, Any] = {
        name: _whole(columns[f"word_{name}_low"], columns[f"word_{name}_high"]) for name in _WORDS
    }
    matches = Matches(**notes["match"], **_of(columns, "match"), **words)
    _check(matches)
    masks = PackedMasks(**_of(columns, "mask")) if "mask_counts" in columns else None
    truths = Truths(**_of(columns, "truth"), masks=masks)
    images = Images(
        id=matches.images,
        name=tuple(notes["file_names"]),
        tags=tuple(map(frozenset, notes["tags"])),
        size=columns["image_size"],
    )
    class_names = {int(key): name for key, name in notes["class_names"].items()}
    return matches, truths, images, class_names, tuple(Problem(*one) for one in notes["problems"])


def _apart(
    record: Any, prefix: str, columns: dict[str, NDArray[Any]], *, but: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A record's arrays go to ``columns``; what else it says comes back."""
    rest = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if one.name in but:
            continue
        if isinstance(value, np.ndarray):
            columns[f"{prefix}_{one.name}"] = value
        else:
            rest[one.name] = value
    return rest


def _halves(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """A word has 40 bits: kept in five bytes, not eight."""
    return words.astype(np.uint32), (words >> np.uint64(32)).astype(np.uint8)


def _whole(low: NDArray[np.uint32], high: NDArray[np.uint8]) -> NDArray[np.uint64]:
    if low.dtype != np.uint32 or high.dtype != np.uint8 or low.shape != high.shape or low.ndim != 1:
        raise Invalid("the match table is damaged: the halves of its words do not fit together", remedy=AGAIN)
    words = np.empty(len(low), "<u8")
    halves = words.view("<u4").reshape(-1, 2)
    halves[:, 0], halves[:, 1] = low, high
    return words.astype(np.uint64, copy=False)


def _of(columns: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(f"{prefix}_"): one for name, one in columns.items() if name.startswith(f"{prefix}_")}


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        # The pages outlive the file's name; an empty file cannot be mapped.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _columns(raw: memoryview, listed: Mapping[str, Any], begin: int) -> dict[str, NDArray[Any]]:
    out = {}
    for name, (dtype, shape, place) in listed.items():
        many = int(np.prod(shape))
        if begin + place + many * np.dtype(dtype).itemsize > len(raw):
            raise Invalid(f"the match table is cut short: its column {name} is missing bytes", remedy=AGAIN)
        out[name] = np.frombuffer(raw, dtype, many, begin + place).reshape(shape) if many else np.empty(shape, dtype)
    return out


def _check(matches: Matches) -> None:
    """Everything that the native library takes for a place must be one."""
    for name, dtype in _TYPES.items():
        if (column := getattr(matches, name)).dtype != dtype or column.ndim != 1:
            raise Invalid(f"the match table is damaged: its column {name} is of {column.dtype}", remedy=AGAIN)
    rows, images, classes = len(matches.score), len(matches.images), len(matches.classes)

    def within(values: NDArray[np.int32], low: int, high: int) -> bool:
        # As unsigned numbers, what is below zero lies far above: one pass, not two.
        lifted = values if low == 0 else values - np.int32(low)
        return not len(values) or bool(lifted.view(np.uint32).max() < high - low)

    def climbs(values: NDArray[Any], *, by: int) -> bool:
        return bool((np.diff(values) >= by).all())

    start, at = matches.start, matches.claim_at
    truths = len(matches.truth_image)
    sound = {
        "start": len(start) == classes + 1 and start[0] == 0 and start[-1] == rows and climbs(start, by=0),
        "image": len(matches.image) == rows and within(matches.image, 0, images),
        "rank": len(matches.rank) == len(matches.flags) == len(matches.row) == rows,
        "flags": not (matches.flags & np.uint8(127 & -(1 << len(AREA_NAMES)))).any(),
        "claim_at": within(at, 0, rows) and climbs(at, by=1),
        "claim_truth": within(matches.claim_truth, -1, truths),
        "claim_matched": len(at)
        == len(matches.claim_matched)
        == len(matches.claim_ignored)
        == len(matches.claim_truth)
        == int(np.count_nonzero(matches.flags & CLAIMS)),
        "truth_image": within(matches.truth_image, -1, images),
        "truth_class": len(matches.truth_class) == truths and within(matches.truth_class, -1, classes),
        "truth_ignored": len(matches.truth_ignored) == truths,
    }
    for name, good in sound.items():
        if not good:
            raise Invalid(f"the match table is damaged: its column {name} does not fit the others", remedy=AGAIN)


def part_to_json(part: Slice) -> dict[str, Any]:
    """A slice as JSON can hold it."""
    return {
        "tags": sorted(part.tags),
        "classes": None if part.classes is None else sorted(part.classes),
        "areas": None if part.areas is None else sorted(part.areas),
        "images": None if part.images is None else sorted(part.images),
        "text": part.text,
    }


def part_from_json(value: Mapping[str, Any]) -> Slice:
    """The slice that ``part_to_json`` wrote."""

    def some(key: str) -> Any:
        return None if value[key] is None else frozenset(value[key])

    return Slice(
        tags=frozenset(value["tags"]),
        classes=some("classes"),
        areas=some("areas"),
        images=some("images"),
        text=value["text"],
    )
