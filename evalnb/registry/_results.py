"""COCO result files as prediction runs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core import masks as rle
from evalnb.core import rotated
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.sources import LIMIT_PX, id_of
from evalnb.errors import Invalid
from evalnb.formats import json_index, quads
from evalnb.formats.coco_reader import KnownImage, Refused, read_box, read_mask
from evalnb.formats.coco_writer import class_object
from evalnb.formats.json_index import Unreadable
from evalnb.formats.problems import Problems
from evalnb.store import Store
from evalnb.store.repositories import datasets, predictions
from evalnb.store.repositories import images as image_rows
from evalnb.store.repositories.predictions import ImagePredictions


def import_results(
    store: Store,
    dataset_id: int,
    results: Path | str | Sequence[Mapping[str, Any]],
    name: str | None = None,
    *,
    progress: Progress | None = None,
) -> int:
    """A new prediction run from a COCO result file (or its list): boxes, run-length masks or rotated boxes (``obb``
    cx, cy, w, h, angle in radians; ``rbox``, ``poly`` or ``segmentation`` of four corners), with scores.

    Within an image the best score comes first and equal scores keep the file's order, as in COCO's own evaluation.
    Results that cannot be taken are listed in the run's parameters under ``problems``; Invalid if none can be.
    """
    bar = progress or NullProgress()
    try:
        with store.database.transaction() as session:
            known = {id_of(key): KnownImage(*one) for key, one in image_rows.known(session, dataset_id).items()}
            classes = {class_object(one)["id"]: one.id for one in datasets.taxonomy(session, dataset_id)}
        columns = _Columns(known, classes)
        source, batches = _source(results, bar)
        for batch in batches:
            columns.take(batch)
            bar.advance(len(batch))
        if not columns.score and len(columns.problems):
            first = next(iter(columns.problems))
            raise Invalid(
                f"none of the {columns.met} results fits the dataset (the first: {first})",
                remedy="pass the result file of this dataset's own images and categories",
            )
        bar.start(len(known), unit="images", what="writing predictions")
        with store.database.transaction() as session:
            parameters = {"source": source, "problems": columns.problems.to_json()}
            run_id = predictions.create(
                session, dataset_id, name or source, image_count=len(known), parameters=parameters
            )
            predictions.write(session, run_id, _by_image(columns, known.values(), bar))
            predictions.finish(session, run_id)
        return run_id
    finally:
        bar.close()


def _source(results: Path | str | Sequence[Mapping[str, Any]], bar: Progress) -> tuple[str, Iterable[list[Any]]]:
    if not isinstance(results, Path | str):
        bar.start(len(results), unit="results", what="reading results")
        return "results", [list(results)]
    path = Path(results)
    bar.start(path.stat().st_size if path.is_file() else None, unit="B", what=f"reading {path.name}")
    index = json_index.build(path, lists=("",), advance=bar.advance)
    if "" not in index.arrays:
        raise Invalid(f"{path.name} is no list of results", remedy="pass a COCO result file: [{image_id, …}, …]")
    if index.faults:
        raise Invalid(
            f"{path.name} is damaged at byte {index.faults[0].byte} ({index.faults[0].reason})",
            remedy="write the file again: a part of the results would count as the whole",
        )
    bar.start(len(index.arrays[""]), unit="results", what="reading results")
    return path.name, index.batches("", size=20_000)


class _Columns:
    """Results as columns, in the order of the file."""

    def __init__(self, images: Mapping[int | str, KnownImage], classes: Mapping[int | str, int]) -> None:
        self._images = images
        self._classes = classes
        self.image = array("q")
        self.class_id = array("q")
        self.box = array("d")
        self.score = array("d")
        self.rles: list[str | None] = []
        self.corners = array("d")
        self.masked = False
        self.problems = Problems()
        self.met = 0

    def take(self, batch: Sequence[Any]) -> None:
        for one in batch:
            self.met += 1
            try:
                self._take(one)
            except Refused as error:
                self.problems.add("result", self.met - 1, error.field, error.reason, error.detail)

    def _take(self, one: Any) -> None:
        if isinstance(one, Unreadable):
            raise Refused("", f"has {one.reason}")
        if not isinstance(one, Mapping):
            raise Refused("", "is not an object", one)
        image = _known(one, "image_id", self._images, "is no image of the dataset")
        class_id = _known(one, "category_id", self._classes, "is no category of the dataset")
        score = one.get("score")
        if not isinstance(score, int | float) or isinstance(score, bool) or not abs(score) <= LIMIT_PX:
            raise Refused("score", "is not a finite number", score)
        text = None
        field, turned = quads.stated(one)
        if turned is not None and not isinstance(turned, Mapping):
            box = self._turned(field, turned)
        elif isinstance(one.get("segmentation"), Mapping):
            mask, text = read_mask(one["segmentation"], image, {})
            box = rle.box(mask) if "bbox" not in one else read_box(one["bbox"])
            self.masked = True
        else:
            box = read_box(one.get("bbox"))
        if self.corners and turned is None:
            raise Refused("bbox", "is upright among rotated boxes; write the four corners")
        self.image.append(image.id)
        self.class_id.append(class_id)
        self.box.extend(box)
        self.score.append(float(score))
        self.rles.append(text)

    def _turned(self, field: str, value: Any) -> tuple[float, float, float, float]:
        """Keep the corners of a rotated box; the upright box around it."""
        if what := quads.wrong(value):
            of_masks = field == "segmentation"
            raise Refused(field, "is neither run lengths nor four corners" if of_masks else f"is {what}", value)
        if len(self.corners) != 8 * len(self.score):
            raise Refused(field, "is a rotated box among results of another kind")
        corners, _ = rotated.convex(quads.corners_of(value)[None])
        if not np.abs(corners).max() <= LIMIT_PX:
            raise Refused(field, "has a number out of range", value)
        self.corners.extend(corners.ravel().tolist())
        x, y, w, h = rotated.enclosing(corners)[0].tolist()
        return (x, y, w, h)


def _known(one: Mapping[str, Any], field: str, known: Mapping[Any, Any], reason: str) -> Any:
    try:
        return known[one[field]]
    except KeyError:
        raise Refused(field, "is missing" if field not in one else reason, one.get(field)) from None
    except TypeError:
        raise Refused(field, "is not an id", one[field]) from None


def _by_image(
    columns: _Columns, images: Iterable[KnownImage], bar: Progress
) -> Iterator[tuple[int, ImagePredictions]]:
    """Every image's predictions, those without any included: the run covers them too."""
    if columns.masked and None in columns.rles:
        raise Invalid(
            f"result {columns.rles.index(None)} has no mask and others have",
            remedy="import boxes and masks as two runs",
        )
    image = np.frombuffer(columns.image, np.int64) if columns.image else np.empty(0, np.int64)
    score = np.frombuffer(columns.score, np.float64) if columns.score else np.empty(0)
    box = np.frombuffer(columns.box, np.float64).reshape(-1, 4) if columns.box else np.empty((0, 4))
    class_id = np.frombuffer(columns.class_id, np.int64) if columns.class_id else np.empty(0, np.int64)
    corners = np.frombuffer(columns.corners, np.float64).reshape(-1, 4, 2) if columns.corners else None
    order = np.lexsort((-score, image))  # stable: equal scores keep the file's order
    wanted = sorted(one.id for one in images)
    first = np.searchsorted(image, wanted, sorter=order, side="left").tolist()
    last = np.searchsorted(image, wanted, sorter=order, side="right").tolist()
    for image_id, low, high in zip(wanted, first, last, strict=True):
        chosen = order[low:high]
        texts = [columns.rles[place] or "" for place in chosen.tolist()] if columns.masked else None
        turned = None if corners is None else corners[chosen]
        yield image_id, ImagePredictions(box[chosen], score[chosen], class_id[chosen], texts, turned)
        bar.advance()
