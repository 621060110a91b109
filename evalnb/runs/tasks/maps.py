"""Label maps as people hold them: arrays, files, folders, generators; and which images of many are meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalnb.core.records import Ints
from evalnb.errors import Invalid, NotFound
from evalnb.imagery import decode_labels
from evalnb.runs.tasks.interval import picked

Name: TypeAlias = str | int
"""What an image is called: its file's stem, or its place from 0."""
ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True, slots=True)
class Pair:
    """One image: its truth and its prediction, not read yet."""

    name: Name
    truth: object
    predicted: object


def pairs(truth: object, predicted: object, images: Sequence[Name] | None = None) -> Iterator[Pair]:
    """The images of two folders (by stem), or of two iterables (by place) of arrays, paths or bytes.

    ``images`` calls those of iterables by name. Nothing but names is held. NotFound for a truth without a prediction;
    Invalid where one side ends before the other.
    """
    if isinstance(truth, (str, Path)) and Path(truth).is_dir():
        yield from _of_folders(Path(truth), predicted)
        return
    left, right = iter(_many(truth, "truth")), iter(_many(predicted, "predicted"))
    end = object()
    count = 0
    while True:
        one, other = next(left, end), next(right, end)
        if one is end and other is end:
            break
        if one is end or other is end:
            short, long = ("truth", "predicted") if one is end else ("predicted", "truth")
            raise Invalid(f"{short} ends after {count} images and {long} goes on", remedy="give both for every image")
        if images is not None and count >= len(images):
            raise Invalid(f"there are {len(images)} names and more images", remedy="give a name for each image")
        name: Name = Path(one).stem if isinstance(one, (str, Path)) else count
        yield Pair(name if images is None else images[count], one, other)
        count += 1
    if images is not None and count < len(images):
        raise Invalid(f"there are {len(images)} names and {count} images", remedy="give a name for each image")


def _many(source: object, what: str) -> Iterable[object]:
    if isinstance(source, np.ndarray) and source.ndim == 2:
        return [source]
    if isinstance(source, (str, Path, bytes)):
        return [source]
    if not isinstance(source, Iterable):
        raise Invalid(f"{what} is {type(source).__name__}", remedy="give a folder, or images one after another")
    return source


def _of_folders(truth: Path, predicted: object) -> Iterator[Pair]:
    if not isinstance(predicted, (str, Path)) or not Path(predicted).is_dir():
        raise NotFound(
            f"{predicted!s:.80} is no folder and {truth} is one", remedy="give two folders, or two lists of images"
        )
    there = {path.stem: path for path in folder(Path(predicted))}
    found = folder(truth)
    if not found:
        raise NotFound(f"{truth} holds no label maps", remedy=f"look for files that end in {', '.join(ENDINGS)}")
    for path in found:
        if path.stem not in there:
            raise NotFound(f"{predicted} has nothing for {path.name}", remedy="write one prediction for each truth")
        yield Pair(path.stem, path, there[path.stem])


def folder(at: Path) -> list[Path]:
    """The label maps of a folder, by name; NotFound where there is no such folder."""
    try:
        return sorted(path for path in at.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError as error:
        raise NotFound(f"{at} is no folder to read ({error.strerror or error})", remedy="check the path") from error


def read(source: object, what: str) -> NDArray[Any]:
    """The pixels of an array, of a file, or of its bytes; ``what`` is what errors call it."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        try:
            return decode_labels(path.read_bytes(), name=str(path))
        except OSError as error:
            raise NotFound(
                f"{path} cannot be read ({error.strerror or error})", remedy="check the path and its permissions"
            ) from error
    if isinstance(source, bytes):
        return decode_labels(source, name=what)
    return np.asarray(source)


def chosen(images: object, names: Sequence[Name], *, what: str = "image") -> Ints:
    """The places of these images (or whatever else has names): a mask, or names; NotFound where none has a name."""
    if isinstance(images, (str, int)):
        images = [images]
    if not isinstance(images, Iterable):
        raise Invalid(f"{what}s are not chosen by {images!r:.60}", remedy="give a mask or names")
    wanted = images.tolist() if isinstance(images, np.ndarray) else list(images)
    if wanted and all(isinstance(one, (bool, np.bool_)) for one in wanted):
        return picked(wanted, len(names), f"{what}s")
    place = {name: at for at, name in enumerate(names)}
    for one in wanted:
        if one not in place:
            raise NotFound(f"no {what} is called {one!r}", remedy=f"use names as {list(names)[:3]}")
    return np.array(sorted({place[one] for one in wanted}), dtype=np.int64)
