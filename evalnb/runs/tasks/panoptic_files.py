"""COCO's panoptic format: one JSON, and a folder of PNG whose colours are segment ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import orjson

from evalnb.core.metrics.panoptic import MOST, Segments, ids_of_colours
from evalnb.core.records import Ints
from evalnb.errors import Invalid, NotFound, Unsafe
from evalnb.runs.tasks.maps import Name, read


@dataclass(frozen=True, slots=True)
class Category:
    """One class of the truth file."""

    id: int
    name: str
    thing: bool


@dataclass(frozen=True, slots=True)
class PanopticFile:
    """One side: what its JSON says of each image, and where the maps are."""

    name: str
    annotations: Mapping[Name, Mapping[str, Any]]
    """By image id."""
    maps: Path | Mapping[Name, object]
    raw: Mapping[str, Any]

    def pixels(self, image: Name) -> Ints:
        """(h, w) segment ids of one image."""
        what = f"{self.name}'s image {image!r}"
        if isinstance(self.maps, Mapping):
            if image not in self.maps:
                raise NotFound(f"there is no map for {what}", remedy="add it to the mapping of images")
            return ids_of_colours(read(self.maps[image], what), what)
        file_name = self.annotations[image].get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise Invalid(f"{what} has file_name {file_name!r}", remedy="name its PNG")
        if PurePosixPath(file_name).is_absolute() or ".." in PurePosixPath(file_name).parts:
            raise Unsafe(
                f"{what} has file_name {file_name!r}, outside its folder", remedy="name a file in the folder"
            )
        return ids_of_colours(read(self.maps / file_name, what), what)

    def segments(self, image: Name, places: Mapping[int, int]) -> Segments:
        """What the image's segments are; Invalid for one without an id or a known category, or listed twice."""
        rows = self.annotations[image].get("segments_info")
        where = f"{self.name}: image {image!r}"
        if not isinstance(rows, list):
            raise Invalid(f"{where} has no list segments_info", remedy="write COCO's panoptic format")
        out: list[tuple[int, int, bool, float]] = []
        seen: set[int] = set()
        for at, row in enumerate(rows):
            here = f"{where}, segments_info[{at}]"
            if not isinstance(row, Mapping):
                raise Invalid(f"{here} is {row!r:.40}", remedy="write an object with id and category_id")
            one, category, area = row.get("id"), row.get("category_id"), row.get("area")
            if type(one) is not int or not 0 < one < MOST:
                raise Invalid(f"{here}.id is {one!r}", remedy="use a whole number from 1 to 2²⁴ − 1; 0 is void")
            if one in seen:
                raise Invalid(f"{here}.id is {one}, as another's is", remedy="give each segment an id of its own")
            if type(category) is not int or category not in places:
                raise Invalid(f"{here}.category_id is {category!r}", remedy="use a category of the truth file")
            if area is not None and (type(area) not in (int, float) or not 0 <= area < np.inf):
                raise Invalid(f"{here}.area is {area!r}", remedy="write its pixels, or leave it out")
            seen.add(one)
            out.append((one, places[category], bool(row.get("iscrowd", 0)), np.nan if area is None else float(area)))
        return Segments(
            id=np.array([row[0] for row in out], dtype=np.int64),
            place=np.array([row[1] for row in out], dtype=np.int64),
            crowd=np.array([row[2] for row in out], dtype=bool),
            area=np.array([row[3] for row in out], dtype=np.float64),
        )

    def categories(self) -> list[Category]:
        """The classes of a truth file, in its order."""
        out: list[Category] = []
        for at, row in enumerate(_list(self.raw, "categories", self.name)):
            one = row.get("id") if isinstance(row, Mapping) else None
            if type(one) is not int or one in {other.id for other in out}:
                raise Invalid(
                    f"{self.name}: categories[{at}].id is {one!r}",
                    remedy="give each category a whole number of its own",
                )
            if row.get("isthing") not in (0, 1):
                raise Invalid(
                    f"{self.name}: categories[{at}].isthing is {row.get('isthing')!r}",
                    remedy="write 1 for things, 0 for stuff",
                )
            out.append(Category(one, str(row.get("name", one)), bool(row["isthing"])))
        return out


def panoptic_file(source: object, maps: object, what: str) -> PanopticFile:
    """One side, from a path or parsed JSON; ``maps`` defaults to the folder of the path's name without ``.json``."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        name = path.name
        try:
            raw = orjson.loads(path.read_bytes())
        except OSError as error:
            raise NotFound(f"{path} cannot be read ({error.strerror or error})", remedy="check the path") from error
        except orjson.JSONDecodeError as error:
            raise Invalid(f"{path} is no JSON ({error})", remedy="write COCO's panoptic format") from None
        maps = path.with_suffix("") if maps is None else maps
    else:
        name, raw = what, source
    if not isinstance(raw, Mapping):
        raise Invalid(f"{name} holds {type(raw).__name__}", remedy="write COCO's panoptic format, an object")
    if isinstance(maps, (str, Path)):
        maps = Path(maps)
        if not maps.is_dir():
            raise NotFound(f"{maps}, the folder of {name}'s maps, is not there", remedy=f"pass {what}_images=")
    elif not isinstance(maps, Mapping):
        raise Invalid(f"{name} comes without maps", remedy=f"pass {what}_images=, a folder or maps by image id")
    annotations: dict[Name, Mapping[str, Any]] = {}
    for at, row in enumerate(_list(raw, "annotations", name)):
        image = row.get("image_id") if isinstance(row, Mapping) else None
        if not isinstance(image, (int, str)) or isinstance(image, bool):
            raise Invalid(f"{name}: annotations[{at}].image_id is {image!r}", remedy="write the image's id")
        if image in annotations:
            raise Invalid(
                f"{name}: annotations[{at}].image_id is {image!r}, a second time", remedy="keep one of them"
            )
        annotations[image] = row
    return PanopticFile(name=name, annotations=annotations, maps=maps, raw=raw)


def _list(raw: Mapping[str, Any], field: str, name: str) -> list[Any]:
    rows = raw.get(field)
    if not isinstance(rows, list):
        raise Invalid(f"{name} has no list {field!r}", remedy="write COCO's panoptic format")
    return rows
