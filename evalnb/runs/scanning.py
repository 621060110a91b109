"""COCO's files read natively: straight into columns, in bounded pieces, a result file on two cores at once.

What is plainly right, which is nearly all of every file, never becomes a Python object. A row that is not goes to
``evalnb.runs.columns``, whose checks and words decide; a file of another shape altogether is left to it whole.
"""

from __future__ import annotations

import ctypes
import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from evalnb.core import native
from evalnb.core.kinds import Kind
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.runs.columns import (
    NO_CLASS,
    NO_IMAGE,
    Images,
    Problem,
    ResultFile,
    TruthFile,
    first_of_each_id,
    in_order,
    is_boxed,
    read_catalogue,
    result_columns,
    truth_columns,
)

MORE, DONE, BROKEN, FULL, STOPPED, OTHER_SHAPE = range(6)
"""How a scan stands; scan.c has the same."""
RESULTS, TRUTHS = range(2)
NO_SHAPE, POLYGONS, RUNS = range(3)
ROW_PHASE = 6
PIECE_BYTES = 1 << 20
LONGEST_ROW_BYTES = 1 << 29
SPLIT_BYTES = 4 << 20
"""A result file of this size and more is read from two places at once."""
FEWEST_BYTES_A_ROW = 50
ODD_ROWS = 20_000
"""A file with more rows that are not plain is read by Python throughout."""

_R = TypeVar("_R", Detections, Truths)
_COLUMNS = (
    *(("index", np.int64, 1), ("image", np.int64, 1), ("class_id", np.int64, 1), ("id", np.int64, 1)),
    *(("score", np.float64, 1), ("box", np.float64, 4), ("area", np.float64, 1)),
    *(("crowd", np.uint8, 1), ("has_box", np.uint8, 1), ("shape", np.uint8, 1), ("size", np.int32, 2)),
)
_OF_RESULTS = {"index", "image", "class_id", "score", "box", "has_box"}
_OF_TRUTHS = {"index", "image", "class_id", "id", "box", "area", "crowd", "has_box"}
_OF_SHAPES = {"shape", "size"}


class _Scan(native.Struct):
    _fields_ = native.fields(
        "index image class_id id score box area crowd has_box shape size"
        " runs run_start corners part_start row_part odd extent",
        **dict.fromkeys(["room", "run_room", "corner_room", "part_room", "odd_room", "stop_at"], ctypes.c_int64),
        **dict.fromkeys(["rows", "run_count", "corner_count", "part_count", "odds", "listed"], ctypes.c_int64),
        **dict.fromkeys(["offset", "value_at", "depth"], ctypes.c_int64),
        nest=ctypes.c_uint64,
        **dict.fromkeys(
            ["kind", "want_shapes", "phase", "key", "status", "found_list", "in_text", "escaped"], ctypes.c_int32
        ),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a scan found: columns by name, shapes, and where the odd rows and the catalogue stand in the file."""

    column: dict[str, NDArray[Any]]
    run_start: Ints
    """(rows,) where each row's runs begin in the memory that all scans of the file share."""
    run_stop: Ints
    corners: Floats
    part_start: Ints
    row_part: Ints
    odd: Ints
    """(n, 3) place in the list, first byte, byte after the last."""
    extent: Ints
    """(2, 2) the bytes of the lists of images and categories."""
    listed: int
    broken_at: int | None


def read_truth(path: Path, *, kind: Kind) -> TruthFile | None:
    """The truths of a COCO file; None where Python has to read it."""
    scan = _scan(path, TRUTHS, shapes=kind == "segm")
    if scan is None or (scan[0].extent[:, 1] == 0).any():
        return None
    found, runs = scan
    problems: list[Problem] = []
    try:
        catalogue = {
            name: orjson.loads(_bytes(path, *place))
            for name, place in zip(("images", "categories"), found.extent.tolist(), strict=True)
        }
    except orjson.JSONDecodeError:
        return None
    images, class_names = read_catalogue(catalogue, path.name, problems)
    where = f"{path.name}.annotations"
    column = found.column
    sound = _known(found, where, images, class_names, problems, ("no such image", "no such category"))
    masks = None
    if kind == "segm":
        masks, sound = _masks(found, runs, images, where, problems, sound)
    odd_index, odd = truth_columns(_odd_rows(path, found), where, kind, images, class_names, problems)
    truths = Truths(
        id=column["id"][sound],
        image=column["image"][sound],
        class_id=column["class_id"][sound],
        box=_boxes(found, sound, masks),
        area=column["area"][sound],
        crowd=column["crowd"][sound].astype(bool),
        masks=masks,
    )
    index, truths = _merged(column["index"][sound], truths, odd_index, odd)
    truths = first_of_each_id(index, truths, where, problems)
    _say_broken(found, where, problems)
    return TruthFile(
        truths=truths, images=images, class_names=class_names, problems=in_order(problems), catalogue=catalogue
    )


def read_results(path: Path, *, kind: Kind, images: Images, class_names: dict[int, str]) -> ResultFile | None:
    """The detections of a COCO result file; None where Python has to read it."""
    scan = _scan(path, RESULTS, shapes=kind == "segm")
    if scan is None:
        return None
    found, runs = scan
    problems: list[Problem] = []
    column, name = found.column, path.name
    sound = _known(found, name, images, class_names, problems, (NO_IMAGE, NO_CLASS))
    odd_rows = _odd_rows(path, found)
    boxed = _boxed(column, odd_rows)
    masks = None
    if kind == "segm":
        if boxed:
            for index in column["index"][sound[column["has_box"][sound] == 0]].tolist():
                problems.append(Problem(name, index, "bbox", "missing"))
            sound = sound[column["has_box"][sound] != 0]
        masks, sound = _masks(found, runs, images, name, problems, sound)
    odd_index, odd, odd_area = result_columns(odd_rows, name, kind, images, class_names, problems, boxed=boxed)
    box = _boxes(found, sound, masks)
    area = box[:, 2] * box[:, 3] if boxed or masks is None else masks.area.astype(np.float64)
    detections = Detections(
        image=column["image"][sound],
        class_id=column["class_id"][sound],
        box=box,
        score=column["score"][sound],
        masks=masks,
    )
    index = column["index"][sound]
    if len(odd_index):
        area = np.concatenate([area, odd_area])[np.argsort(np.concatenate([index, odd_index]), kind="stable")]
    _, detections = _merged(index, detections, odd_index, odd)
    _say_broken(found, name, problems)
    return ResultFile(detections=detections, area=area, problems=in_order(problems))


def _boxed(column: dict[str, NDArray[Any]], odd_rows: list[tuple[int, Any]]) -> bool:
    """What the first row says that can say it: a plain one always does."""
    first = int(column["index"][0]) if len(column["index"]) else None
    for index, row in odd_rows:
        if first is not None and index > first:
            break
        if (said := is_boxed(row)) is not None:
            return said
    return bool(column["has_box"][:1].all())


# ------------------------------------------------------------------------------------------------------- scanning
def _scan(path: Path, kind: int, *, shapes: bool) -> tuple[_Rows, NDArray[np.uint32]] | None:
    """The rows, and the runs of their masks."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            middle = _row_near(file, size // 2) if kind == RESULTS and size >= SPLIT_BYTES else None
    except OSError:
        return None
    # Runs stay where they are written, each half's in memory of its own: joined they would be there twice.
    many = size if shapes else 0
    runs = np.empty(many if middle is None else 2 * many, np.uint32)
    if middle is None or native.cores() == 1:
        scans = [_Scanner(path, kind, runs, shapes=shapes, size=size)]
        scans[0].run()
    else:
        # The second half is read from a place that looks like the beginning of a row. It is one if, and only if, the
        # first half arrives there; otherwise the first reads on to the end, and what the second found is dropped.
        first = _Scanner(path, kind, runs[:many], shapes=shapes, size=size, stop_at=middle)
        second = _Scanner(path, kind, runs[many:], shapes=shapes, size=size - middle, begin=middle)
        native.spread(lambda low, high: (first if low == 0 else second).run(), [(0, 1), (1, 2)])
        scans = [first, second] if first.state.status == STOPPED else [first]
    if any(one.state.status in (FULL, OTHER_SHAPE) for one in scans):
        return None
    if scans[0].state.status == BROKEN and not scans[0].state.listed:
        return None
    if kind == TRUTHS and not scans[0].state.found_list:
        return None
    return _joined([one.rows(place * many) for place, one in enumerate(scans)]), runs


def _row_near(file: BinaryIO, place: int) -> int | None:
    file.seek(place)
    found = re.search(rb"\}\s*,\s*(?=\{)", file.read(1 << 16))
    return None if found is None else place + found.end()


class _Scanner:
    """One pass over a file, or over its end from a row on."""

    def __init__(
        self,
        path: Path,
        kind: int,
        runs: NDArray[np.uint32],
        *,
        shapes: bool,
        size: int,
        begin: int = 0,
        stop_at: int = -1,
    ) -> None:
        self._path = path
        room = size // FEWEST_BYTES_A_ROW + 16
        wanted = (_OF_TRUTHS if kind == TRUTHS else _OF_RESULTS) | (_OF_SHAPES if shapes else set())
        # Room for the worst case costs nothing: pages that nothing is written to are never there.
        self._column = {
            name: np.empty((room, width) if width > 1 else room, dtype)
            for name, dtype, width in _COLUMNS
            if name in wanted
        }
        many = size if shapes else 0
        self._corners = np.empty((many // 4, 2))
        self._run_start, self._row_part = (np.zeros(room + 1 if shapes else 1, np.int64) for _ in range(2))
        self._part_start = np.zeros(many // 12 + 2, np.int64)
        self._odd, self._extent = np.zeros((ODD_ROWS, 3), np.int64), np.zeros((2, 2), np.int64)
        self.state = _Scan(
            **self._column,
            runs=runs,
            corners=self._corners,
            run_start=self._run_start,
            row_part=self._row_part,
            part_start=self._part_start,
            odd=self._odd,
            extent=self._extent,
            room=room,
            run_room=len(runs),
            corner_room=len(self._corners),
            part_room=len(self._part_start) - 2,
            odd_room=ODD_ROWS,
            stop_at=stop_at,
            offset=begin,
            phase=ROW_PHASE if begin else 0,
            kind=kind,
            want_shapes=int(shapes),
        )

    def run(self) -> None:
        """Read to the end, to the place to stop at, or to where the text is broken."""
        scan, state = native.library().evalnb_scan, self.state
        buffer = bytearray(PIECE_BYTES)
        held = 0
        with self._path.open("rb", buffering=0) as file:
            file.seek(state.offset)
            while state.status == MORE:
                if held == len(buffer):
                    if len(buffer) >= LONGEST_ROW_BYTES:
                        state.status = FULL
                        return
                    buffer.extend(bytes(len(buffer)))
                view = memoryview(buffer)
                got = file.readinto(view[held:]) or 0
                held += got
                piece = (ctypes.c_char * held).from_buffer(buffer)
                used = scan(ctypes.addressof(state), ctypes.addressof(piece), held, int(not got))
                del piece
                view.release()
                buffer[: held - used] = buffer[used:held]
                held -= used

    def rows(self, runs_at: int) -> _Rows:
        """What was found; the scanner lets go of it."""
        state, rows = self.state, self.state.rows
        shaped = bool(state.want_shapes)
        column = {name: one[:rows] for name, one in self._column.items()}
        state.let_go()
        self._column.clear()
        return _Rows(
            column=column,
            run_start=self._run_start[: rows * shaped] + runs_at,
            run_stop=self._run_start[1 : rows * shaped + 1] + runs_at,
            corners=self._corners[: state.corner_count],
            part_start=self._part_start[: state.part_count + 1],
            row_part=self._row_part[: rows + 1] if shaped else self._row_part,
            odd=self._odd[: state.odds],
            extent=self._extent,
            listed=state.listed,
            broken_at=state.offset if state.status == BROKEN else None,
        )


def _joined(parts: list[_Rows]) -> _Rows:
    """A file's two halves as one, column by column, so that no more than one is there twice."""
    if len(parts) == 1:
        return parts[0]
    first, second = parts
    second.column["index"][:] += first.listed
    moved = second.odd + np.array([first.listed, 0, 0])
    return _Rows(
        column={
            name: np.concatenate([first.column.pop(name), second.column.pop(name)]) for name in list(first.column)
        },
        run_start=np.concatenate([first.run_start, second.run_start]),
        run_stop=np.concatenate([first.run_stop, second.run_stop]),
        corners=np.concatenate([first.corners, second.corners]),
        part_start=np.concatenate([first.part_start, second.part_start[1:] + first.part_start[-1]]),
        row_part=np.concatenate([first.row_part, second.row_part[1:] + first.row_part[-1]]),
        odd=np.concatenate([first.odd, moved]),
        extent=first.extent,
        listed=first.listed + second.listed,
        broken_at=second.broken_at,
    )


def _bytes(path: Path, begin: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(end - begin)


def _odd_rows(path: Path, found: _Rows) -> list[tuple[int, Any]]:
    """The odd rows with their places in the list, as Python reads them."""
    rows: list[tuple[int, Any]] = []
    for index, begin, end in found.odd.tolist():
        raw = _bytes(path, begin, end)
        try:
            rows.append((index, json.loads(raw)))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            # What a row must be, columns.py knows: a text is none, and its message shows this one's beginning.
            rows.append((index, raw[:60].decode("utf-8", "replace")))
    return rows


# --------------------------------------------------------------------------------------------------------- columns
def _known(
    found: _Rows,
    where: str,
    images: Images,
    class_names: dict[int, str],
    problems: list[Problem],
    words: tuple[str, str],
) -> Ints:
    """The rows whose image and class exist; the others become problems."""
    image, class_id = found.column["image"], found.column["class_id"]
    there = np.isin(image, images.id)
    named = np.isin(class_id, np.array(sorted(class_names), dtype=np.int64))
    fine = there & named
    if fine.all():
        return np.arange(len(image))
    for row in np.flatnonzero(~fine).tolist():
        wrong = int(not there[row])
        field, value = ("image_id", image[row]) if wrong else ("category_id", class_id[row])
        problems.append(Problem(where, int(found.column["index"][row]), field, f"{int(value)}: {words[1 - wrong]}"))
    return np.flatnonzero(fine)


def _masks(
    found: _Rows, runs: NDArray[np.uint32], images: Images, where: str, problems: list[Problem], sound: Ints
) -> tuple[PackedMasks, Ints]:
    """The masks of the sound rows, polygons rasterised; rows whose mask is impossible become problems."""
    outlined = found.column["shape"][sound] == POLYGONS
    if outlined.any():
        lost = np.zeros(len(sound), bool)
        lost[outlined] = _unknown_size(found, sound[outlined], images, where, problems)
        sound, outlined = sound[~lost], outlined[~lost]
    given = sound if not outlined.any() else sound[~outlined]
    masks = PackedMasks.between(runs, found.run_start[given], found.run_stop[given], found.column["size"][given])
    if outlined.any():
        size = _image_size(found, sound[outlined], images).astype(np.int32)
        masks = _interleaved(masks, _rasterised(found, sound[outlined], size), outlined)
    wrong = ~masks.sound
    for row in np.flatnonzero(wrong).tolist():
        total = int(masks[row].counts.sum(dtype=np.int64))
        height, width = masks.size[row].tolist()
        what = f"the mask's runs cover {total} pixels and its size is {height} × {width}"
        problems.append(Problem(where, int(found.column["index"][sound[row]]), "segmentation", what))
    return (masks, sound) if not wrong.any() else (masks.take(np.flatnonzero(~wrong)), sound[~wrong])


def _image_size(found: _Rows, rows: Ints, images: Images) -> Ints:
    return images.size[np.searchsorted(images.id, found.column["image"][rows])]


def _unknown_size(found: _Rows, rows: Ints, images: Images, where: str, problems: list[Problem]) -> NDArray[np.bool_]:
    """Which of these outlined rows are of images whose size is not known, or too large to be drawn in."""
    size, index = _image_size(found, rows, images), found.column["index"][rows]
    unknown = (size <= 0).any(axis=1)
    for row in index[unknown].tolist():
        problems.append(Problem(where, row, "segmentation", "the image's width and height are not known"))
    vast = ~unknown & (size.prod(axis=1) >= 2**32)
    for row, (height, width) in zip(index[vast].tolist(), size[vast].tolist(), strict=True):
        what = f"the image's {height} × {width} pixels are too many"
        problems.append(Problem(where, row, "segmentation", what))
    out: NDArray[np.bool_] = unknown | vast
    return out


def _rasterised(found: _Rows, rows: Ints, size: NDArray[np.int32]) -> PackedMasks:
    # The rows' own parts, side by side: parts of a row stand together in the file's order.
    begin, end = found.row_part[rows], found.row_part[rows + 1]
    if not np.array_equal(begin[1:], end[:-1]):
        many = end - begin
        part = np.repeat(begin - (np.cumsum(many) - many), many) + np.arange(int(many.sum()))
        corners = np.diff(found.part_start)[part]
        at = np.repeat(found.part_start[part] - (np.cumsum(corners) - corners), corners)
        xy = found.corners[at + np.arange(int(corners.sum()))]
        part_start, row_part = np.concatenate(([0], np.cumsum(corners))), np.concatenate(([0], np.cumsum(many)))
    else:
        xy, part_start = found.corners, found.part_start
        row_part = np.append(begin, end[-1:]) if len(rows) else np.zeros(1, np.int64)
    xy, size = native.as_array(xy, np.float64), native.as_array(size, np.int32)

    part_start, row_part = part_start.astype(np.int64), row_part.astype(np.int64)
    where = [native.address(one) for one in (xy, part_start, row_part, size)]
    trace, expected = native.library().evalnb_rasterise, 16 * np.diff(part_start[row_part])
    return PackedMasks.made(lambda *asked: trace(*where, *asked), size, expected, least=200_000)


def _interleaved(left: PackedMasks, right: PackedMasks, from_right: NDArray[np.bool_]) -> PackedMasks:
    """Masks of two sources in the order of the rows; where ``from_right`` is set the next of the right ones."""
    order = np.empty(len(from_right), np.int64)
    order[~from_right] = np.arange(len(left))
    order[from_right] = np.arange(len(right)) + len(left)
    if not len(left):
        return right
    left, right = left.together(), right.together()
    return PackedMasks(
        counts=np.concatenate([left.counts, right.counts]),
        start=np.concatenate([left.start, right.start + len(left.counts)]),
        stop=np.concatenate([left.stop, right.stop + len(left.counts)]),
        size=np.concatenate([left.size, right.size]),
        area=np.concatenate([left.area, right.area]),
        box=np.concatenate([left.box, right.box]),
        sound=np.concatenate([left.sound, right.sound]),
    ).take(order)


def _boxes(found: _Rows, sound: Ints, masks: PackedMasks | None) -> Floats:
    without = found.column["has_box"][sound] == 0
    if masks is not None and without.all():
        return masks.box
    box: Floats = found.column["box"][sound]
    if masks is not None:
        box[without] = masks.box[without]
    return box


def _merged(index: Ints, plain: _R, odd_index: Ints, odd: _R) -> tuple[Ints, _R]:
    """Plain and odd rows in the order of the file: equal scores keep it, and COCO's numbers depend on that."""
    if not len(odd_index):
        return index, plain
    both = np.concatenate([index, odd_index])
    order = np.argsort(both, kind="stable")
    columns: dict[str, Any] = {}
    for one in fields(plain):
        left, right = getattr(plain, one.name), getattr(odd, one.name)
        if one.name == "masks" and left is not None:
            columns[one.name] = _interleaved(left, PackedMasks.of(right), order >= len(index))
        elif isinstance(left, np.ndarray):
            columns[one.name] = np.concatenate([left, right])[order]
    return both[order], replace(plain, **columns)


def _say_broken(found: _Rows, where: str, problems: list[Problem]) -> None:
    if found.broken_at is not None:
        what = f"the file is broken or cut short at byte {found.broken_at:,}; only the rows before it count"
        problems.append(Problem(where, found.listed, "", what))
