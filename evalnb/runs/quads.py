"""COCO-like files of rotated boxes: each row's corners, beside what ``evalnb.runs.columns`` makes of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evalnb.core import rotated
from evalnb.core.records import Floats, Ints
from evalnb.errors import Invalid
from evalnb.formats.quads import corners_of, stated, wrong
from evalnb.runs import columns, dota
from evalnb.runs.columns import Images, Problem, ResultFile, TruthFile


def read_truth(source: object) -> TruthFile:
    """The truths of a COCO file whose annotations state rotated boxes, or of a folder of DOTA's labels."""
    problems: list[Problem] = []
    difficult: list[int] = []
    if dota.is_folder(source):
        source, difficult = dota.truth_rows(Path(str(source)), problems)
    data, name = columns.load(source, "truth")
    if not isinstance(data, Mapping) or not isinstance(data.get("annotations"), list):
        raise Invalid(
            f"{name} holds no list 'annotations'",
            remedy="pass COCO's object: images, annotations (with obb or a segmentation of four corners), categories",
        )
    images, class_names = columns.read_catalogue(data, name, problems)
    where = f"{name}.annotations"
    corners, rows = _upright(data["annotations"], where, problems, areas=True)
    places, truths = columns.truth_columns(rows, where, "bbox", images, class_names, problems)
    return TruthFile(
        truths=replace(truths, corners=_of(corners, places), ignore=np.isin(truths.id, difficult)),
        images=images,
        class_names=class_names,
        problems=problems,
        catalogue=columns.catalogue_of(data),
    )


def read_results(source: object, *, images: Images, class_names: Mapping[int, str]) -> ResultFile:
    """The detections of a COCO result list whose rows state rotated boxes, or of a folder of DOTA's results."""
    problems: list[Problem] = []
    if dota.is_folder(source):
        source = dota.result_rows(Path(str(source)), images, class_names, problems)
    data, name = columns.load(source, "detections")
    if not isinstance(data, list):
        raise Invalid(
            f"{name} holds a {type(data).__name__}, not a list of results",
            remedy="pass [{image_id, category_id, obb, score}, …]",
        )
    corners, rows = _upright(data, name, problems, areas=False)
    places, detections, _ = columns.result_columns(rows, name, "bbox", images, class_names, problems, boxed=True)
    detections = replace(detections, corners=_of(corners, places))
    return ResultFile(detections=detections, area=None, problems=problems)


def _of(corners: Mapping[int, Floats], places: Ints) -> Floats:
    return np.array([corners[place] for place in places.tolist()]).reshape(-1, 4, 2)


def _upright(
    listed: Iterable[Any], where: str, problems: list[Problem], *, areas: bool
) -> tuple[dict[int, Floats], list[tuple[int, Any]]]:
    """Each row's corners by its place, and the rows (place, row) with the upright boxes around them for ``bbox``."""
    rows: list[tuple[int, Any]] = []
    places: list[int] = []
    quads: list[Floats] = []
    for place, row in enumerate(listed):
        if isinstance(row, dict):
            name, value = stated(row)
            if what := wrong(value):
                problems.append(Problem(where, place, name, what))
                continue
            places.append(place)
            quads.append(corners_of(value))
        rows.append((place, row))
    corners, dented = rotated.convex(np.array(quads).reshape(-1, 4, 2))
    around, area = rotated.enclosing(corners).tolist(), rotated.area_px(corners).tolist()
    at = {place: i for i, place in enumerate(places)}
    for i in np.flatnonzero(dented).tolist():
        problems.append(Problem(where, places[i], "", "its corners are not convex; their convex hull counts"))
    for i, (place, row) in enumerate(rows):
        if place in at:
            known = {"bbox": around[at[place]]}
            if areas and row.get("area") is None:
                known["area"] = area[at[place]]
            rows[i] = place, {**row, **known}
    return {place: corners[i] for place, i in at.items()}, rows
