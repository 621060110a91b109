"""Sequences of label maps: folders of folders, or maps of frames by sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Ints
from evalnb.errors import Invalid, NotFound
from evalnb.runs.tasks.maps import Name, folder, pairs, read


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of one sequence, not read yet."""

    sequence: Name
    frame: Name
    objects: Ints
    """The numbers of the sequence's objects."""
    truth: object
    predicted: object

    @property
    def what(self) -> str:
        """What errors call it."""
        return f"sequence {self.sequence!r}, frame {self.frame!r}"


def frames(truth: object, predicted: object, *, void: int | None, ends: bool) -> Iterator[Frame]:
    """The frames that count, sequence by sequence; the first frame of each is read for its objects."""
    for name, true, found in _sequences(truth, predicted):
        counted, start = _of_sequence(name, true, found, ends=ends)
        first = labels(start, f"sequence {name!r}'s first frame")
        objects = np.setdiff1d(np.unique(first), [0] if void is None else [0, void]).astype(np.int64)
        if not len(objects):
            raise Invalid(f"the first frame of sequence {name!r} shows no object", remedy="leave the sequence out")
        if not counted:
            raise Invalid(
                f"sequence {name!r} has too few frames",
                remedy="leave it out, or pass skip_ends=False to count the ends",
            )
        for frame, one, other in counted:
            yield Frame(name, frame, objects, one, other)


def labels(source: object, what: str) -> NDArray[Any]:
    """(h, w) integer labels; Invalid for anything else."""
    pixels = read(source, what)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu" or not pixels.size:
        raise Invalid(
            f"{what} is {pixels.dtype} of shape {pixels.shape}", remedy="give a (height, width) map of object numbers"
        )
    return pixels


def _sequences(truth: object, predicted: object) -> Iterator[tuple[Name, object, object]]:
    if isinstance(truth, (str, Path)):
        yield from _of_folder(Path(truth), predicted)
        return
    if not isinstance(truth, Mapping) or not isinstance(predicted, Mapping):
        raise Invalid(
            f"truth is {type(truth).__name__} and predicted {type(predicted).__name__}",
            remedy="give two folders of sequences, or two mappings from sequence names to frames",
        )
    for name, frames_ in truth.items():
        if name not in predicted:
            raise NotFound(
                f"there is no prediction of sequence {name!r}", remedy="predict every sequence of the truth"
            )
        yield name, frames_, predicted[name]


def _of_folder(truth: Path, predicted: object) -> Iterator[tuple[Name, object, object]]:
    if not truth.is_dir() or not isinstance(predicted, (str, Path)):
        raise NotFound(
            f"{truth} and {predicted!s:.80} are not two folders", remedy="give the folders of the sequences"
        )
    found = sorted(path for path in truth.iterdir() if path.is_dir())
    if not found:
        raise NotFound(f"{truth} holds no sequences", remedy="put each sequence's frames in a folder of its own")
    for path in found:
        yield path.name, path, Path(predicted) / path.name


def _of_sequence(
    name: Name, truth: object, predicted: object, *, ends: bool
) -> tuple[list[tuple[Name, object, object]], object]:
    """The frames that count, and the first one's truth."""
    if isinstance(truth, (str, Path)):
        every = folder(Path(truth))
        if not every:
            raise NotFound(f"{truth} holds no label maps", remedy="put each sequence's frames in a folder of its own")
        if not isinstance(predicted, (str, Path)):
            raise Invalid(f"sequence {name!r} is a folder, and its prediction is none", remedy="give two folders")
        there = {path.stem: path for path in folder(Path(predicted))}
        counted = every if ends else every[1:-1]
        for path in counted:
            if path.stem not in there:
                raise NotFound(f"{predicted} has nothing for {path.name}", remedy="write one map for each frame")
        return [(path.stem, path, there[path.stem]) for path in counted], every[0]
    try:
        both = [(one.name, one.truth, one.predicted) for one in pairs(_listed(truth), _listed(predicted))]
    except Invalid as error:
        raise Invalid(f"sequence {name!r}: {error.happened}", remedy=error.remedy) from None
    if not both:
        raise Invalid(f"sequence {name!r} has no frames", remedy="leave it out")
    return (both if ends else both[1:-1]), both[0][1]


def _listed(frames_: object) -> object:
    # A path is text, and text is a sequence of letters.
    if isinstance(frames_, (str, bytes)) or not isinstance(frames_, Iterable):
        raise Invalid(f"its frames are {type(frames_).__name__}", remedy="give its frames one after another")
    return frames_
