"""COCO's index of a truth file, for code that was written for pycocotools' ``COCO`` and runs without it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core import masks
from evalnb.errors import Invalid
from evalnb.runs.columns import Row, load, mask_of

Ids = Iterable[int] | int


class COCO:
    """A truth file's images, classes and annotations by id, with pycocotools' names for them.

    ``annotation_file`` is a path or what such a file holds. Nothing is checked but its shape: ``ev.evaluate_coco``
    looks at every row and says what is wrong.
    """

    def __init__(self, annotation_file: str | Path | Row | None = None) -> None:
        self.dataset: dict[str, Any] = {}
        if annotation_file is not None:
            data, name = load(annotation_file, "truth")
            if not isinstance(data, dict):
                raise Invalid(
                    f"{name} holds a {type(data).__name__}, not COCO's object",
                    remedy="pass an instances file or its dict",
                )
            self.dataset = data
        self.createIndex()

    def createIndex(self) -> None:
        """Sort the rows by id, image and class; call it after ``dataset`` was changed."""
        rows, images = self.dataset.get("annotations", []), self.dataset.get("images", [])
        self.anns: dict[int, dict[str, Any]] = {one["id"]: one for one in rows}
        self.imgs: dict[int, dict[str, Any]] = {one["id"]: one for one in images}
        self.cats: dict[int, dict[str, Any]] = {one["id"]: one for one in self.dataset.get("categories", [])}
        self.imgToAnns: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.catToImgs: dict[int, list[int]] = defaultdict(list)
        for one in rows:
            self.imgToAnns[one["image_id"]].append(one)
            self.catToImgs[one["category_id"]].append(one["image_id"])

    def getAnnIds(
        self, imgIds: Ids = (), catIds: Ids = (), areaRng: Sequence[float] = (), iscrowd: bool | None = None
    ) -> list[int]:
        """Annotations of these images and classes, with an area within the range; nothing given leaves none out."""
        images, classes = _several(imgIds), set(_several(catIds))
        rows: Iterable[dict[str, Any]] = self.dataset.get("annotations", [])
        if images:
            rows = itertools.chain.from_iterable(self.imgToAnns.get(one, ()) for one in images)
        return [
            one["id"]
            for one in rows
            if (not classes or one["category_id"] in classes)
            and (not len(areaRng) or areaRng[0] < one["area"] < areaRng[1])
            and (iscrowd is None or one.get("iscrowd", 0) == iscrowd)
        ]

    def getCatIds(
        self, catNms: Iterable[str] | str = (), supNms: Iterable[str] | str = (), catIds: Ids = ()
    ) -> list[int]:
        """Classes of these names, superclasses and ids."""
        names, above, ids = _several(catNms), _several(supNms), _several(catIds)
        return [
            one["id"]
            for one in self.dataset.get("categories", [])
            if (not names or one["name"] in names)
            and (not above or one.get("supercategory") in above)
            and (not ids or one["id"] in ids)
        ]

    def getImgIds(self, imgIds: Ids = (), catIds: Ids = ()) -> list[int]:
        """Images of these ids that show every one of these classes."""
        images, classes = _several(imgIds), _several(catIds)
        found = set(images) if images else set(self.imgs)
        if not images and not classes:
            return list(self.imgs)
        for one in classes:
            found &= set(self.catToImgs.get(one, ()))
        return list(found)

    def loadAnns(self, ids: Ids = ()) -> list[dict[str, Any]]:
        """The annotations of these ids."""
        return [self.anns[one] for one in _several(ids)]

    def loadCats(self, ids: Ids = ()) -> list[dict[str, Any]]:
        """The classes of these ids."""
        return [self.cats[one] for one in _several(ids)]

    def loadImgs(self, ids: Ids = ()) -> list[dict[str, Any]]:
        """The images of these ids."""
        return [self.imgs[one] for one in _several(ids)]

    def loadRes(self, resFile: str | Path | list[dict[str, Any]] | NDArray[np.float64]) -> COCO:
        """The results of a file, a list or an (n, 7) array of image, x, y, w, h, score, class, as an index.

        Numbered from 1, with the areas that COCO takes: the boxes' where the first result has one, else the masks'
        or the keypoints' extent. The rows given stay as they are.
        """
        data, name = load(resFile, "detections")
        if isinstance(data, np.ndarray):
            data = [
                {"image_id": int(row[0]), "bbox": row[1:5], "score": row[5], "category_id": int(row[6])}
                for row in data.tolist()
            ]
        if not isinstance(data, list):
            raise Invalid(
                f"{name} holds a {type(data).__name__}, not a list of results", remedy="pass COCO's results"
            )
        strange = {one["image_id"] for one in data} - set(self.imgs)
        if strange:
            raise Invalid(
                f"{name} is about image {min(strange)}, which the truth has not", remedy="drop such results"
            )
        answers = COCO()
        answers.dataset = {
            **{key: self.dataset[key] for key in ("info", "images", "categories") if key in self.dataset},
            "annotations": [dict(one, id=number) for number, one in enumerate(data, 1)],
        }
        self._measure(answers.dataset["annotations"])
        answers.createIndex()
        return answers

    def _measure(self, rows: list[dict[str, Any]]) -> None:
        if rows and len(rows[0].get("bbox", ())):
            for one in rows:
                x, y, w, h = one["bbox"]
                one.setdefault("segmentation", [[x, y, x, y + h, x + w, y + h, x + w, y]])
                one.update(area=w * h, iscrowd=0)
        elif rows and "segmentation" in rows[0]:
            for one in rows:
                shape = self._mask(one)
                one.setdefault("bbox", list(masks.box(shape)))
                one.update(area=shape.area_px, iscrowd=0)
        elif rows and "keypoints" in rows[0]:
            for one in rows:
                x, y = one["keypoints"][0::3], one["keypoints"][1::3]
                side = max(x) - min(x), max(y) - min(y)
                one.update(area=side[0] * side[1], bbox=[min(x), min(y), *side])

    def annToRLE(self, ann: Row) -> dict[str, Any]:
        """The annotation's mask as compressed runs: size and counts, as pycocotools' mask functions take them."""
        shape = self._mask(ann)
        return {"size": list(shape.size), "counts": masks.to_string(shape).encode()}

    def annToMask(self, ann: Row) -> NDArray[np.uint8]:
        """(h, w) 1 where the annotation's mask is set."""
        return masks.decode(self._mask(ann)).astype(np.uint8)

    def _mask(self, row: Row) -> masks.Rle:
        image = self.imgs[row["image_id"]]
        return mask_of(row, (int(image.get("height") or 0), int(image.get("width") or 0)))


def _several(ids: Any) -> list[Any]:
    return [ids] if isinstance(ids, str) or not hasattr(ids, "__iter__") else list(ids)
