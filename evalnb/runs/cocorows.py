"""The rows of ``COCO`` objects as records, and what became of one image's detections, as ``COCOeval`` tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import Kind, overlaps
from evalnb.core.masks import Rle
from evalnb.core.packed import PackedMasks
from evalnb.core.records import Detections, Floats, Ints, Truths
from evalnb.errors import Invalid
from evalnb.runs.columns import mask_of


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What two ``COCO`` objects hold about some images and classes."""

    truths: Truths
    detections: Detections
    ignore: NDArray[np.bool_]
    """(t,) truths that count for nothing in any range."""
    area: Floats
    """(d,) px², as the results' index says."""
    detection_id: Ints
    """(d,)"""


def gathered(
    truth: Any, found: Any, kind: Kind, images: Sequence[int], classes: Sequence[int], *, by_class: bool
) -> Records:
    """The annotations of these images and classes; with ``by_class`` false all of them are of class -1, those of an
    earlier class in front, as COCO has them."""
    truths = _rows(truth, images, classes, sort=not by_class)
    detections = _rows(found, images, classes, sort=not by_class)
    try:
        records = _columns(truth, found, truths, detections, kind)
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(
            f"the annotations cannot be evaluated as {kind} ({type(error).__name__}: {error})",
            remedy="pass COCO objects whose rows have what COCO's format asks for, or use ev.evaluate_coco",
        ) from error
    if not np.isfinite(records.detections.score).all():
        place = int(np.flatnonzero(~np.isfinite(records.detections.score))[0])
        raise Invalid(
            f"the score of detection {int(records.detection_id[place])} is not finite", remedy="drop such results"
        )
    if by_class:
        return records
    return replace(
        records,
        truths=replace(records.truths, class_id=np.full(len(truths), -1, np.int64)),
        detections=replace(records.detections, class_id=np.full(len(detections), -1, np.int64)),
    )


def _rows(coco: Any, images: Sequence[int], classes: Sequence[int], *, sort: bool) -> list[dict[str, Any]]:
    listed = getattr(coco, "imgToAnns", None)
    if isinstance(listed, dict) and isinstance(getattr(coco, "anns", None), dict):
        # Of several rows with one id the index knows the last, and COCO takes it once for each.
        rows = [coco.anns[one["id"]] for image in images for one in listed.get(image, ())]
    else:
        rows = coco.loadAnns(coco.getAnnIds(imgIds=list(images)))
    place = {one: at for at, one in enumerate(classes)}
    rows = [one for one in rows if one["category_id"] in place]
    return sorted(rows, key=lambda one: place[one["category_id"]]) if sort else rows


def _columns(
    truth: Any, found: Any, truths: list[dict[str, Any]], detections: list[dict[str, Any]], kind: Kind
) -> Records:
    crowd = np.array([bool(one.get("iscrowd", 0)) for one in truths], dtype=bool)
    ignore = crowd
    if kind == "keypoints":
        unlabelled = [one.get("num_keypoints", sum(v > 0 for v in one["keypoints"][2::3])) == 0 for one in truths]
        ignore = crowd | np.array(unlabelled, dtype=bool)
    boxed = kind != "segm"
    return Records(
        truths=Truths(
            id=_ints(truths, "id"),
            image=_ints(truths, "image_id"),
            class_id=_ints(truths, "category_id"),
            box=_boxes(truths) if boxed else np.zeros((len(truths), 4)),
            area=np.array([one["area"] for one in truths], dtype=np.float64),
            crowd=crowd,
            ignore=ignore,
            masks=_masks(truth, truths) if kind == "segm" else None,
            keypoints=_points(truths) if kind == "keypoints" else None,
        ),
        detections=Detections(
            image=_ints(detections, "image_id"),
            class_id=_ints(detections, "category_id"),
            box=_boxes(detections) if boxed else np.zeros((len(detections), 4)),
            score=np.array([one["score"] for one in detections], dtype=np.float64),
            masks=_masks(found, detections) if kind == "segm" else None,
            keypoints=_points(detections) if kind == "keypoints" else None,
        ),
        ignore=ignore,
        area=np.array([one["area"] for one in detections], dtype=np.float64),
        detection_id=_ints(detections, "id"),
    )


def _ints(rows: list[dict[str, Any]], key: str) -> Ints:
    return np.array([one[key] for one in rows], dtype=np.int64)


def _boxes(rows: list[dict[str, Any]]) -> Floats:
    return np.array([one["bbox"] for one in rows], dtype=np.float64).reshape(len(rows), 4)


def _points(rows: list[dict[str, Any]]) -> Floats:
    width = len(rows[0]["keypoints"]) // 3 if rows else 0
    return np.array([one["keypoints"] for one in rows], dtype=np.float64).reshape(len(rows), width, 3)


def _masks(coco: Any, rows: list[dict[str, Any]]) -> PackedMasks:
    def shape(row: dict[str, Any]) -> Rle:
        image = coco.imgs[row["image_id"]]
        return mask_of(row, (int(image.get("height") or 0), int(image.get("width") or 0)))

    return PackedMasks.of([shape(one) for one in rows])


class ImageOutcomes(Sequence["dict[str, Any] | None"]):
    """``COCOeval.evalImgs``: for each class, area range and image a dict, or None where there is nothing at all.

    A dict is made when it is asked for, by COCO's rules once more and one image at a time.
    """

    def __init__(
        self,
        records: Records,
        *,
        kind: Kind,
        images: Sequence[int],
        classes: Sequence[int],
        ranges: list[list[float]],
        thresholds: Floats,
        limit: int,
        sigmas: Floats | None,
    ) -> None:
        self._records, self._kind, self._sigmas = records, kind, sigmas
        self._images, self._classes, self._ranges = list(images), list(classes), ranges
        self._thresholds, self._limit = thresholds, limit
        self._truths: dict[tuple[int, int], list[int]] | None = None
        self._detections: dict[tuple[int, int], list[int]] = {}

    def __len__(self) -> int:
        return len(self._classes) * len(self._ranges) * len(self._images)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any] | None: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any] | None]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any] | None] | None:
        if isinstance(at, slice):
            return [self[one] for one in range(len(self))[at]]
        at = range(len(self))[at]
        rest, image = divmod(at, len(self._images))
        of, area = divmod(rest, len(self._ranges))
        return self._outcome(self._images[image], self._classes[of], self._ranges[area])

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        return (self[at] for at in range(len(self)))

    def _outcome(self, image: int, class_id: int, area: list[float]) -> dict[str, Any] | None:
        if self._truths is None:
            self._truths = _grouped(self._records.truths.image, self._records.truths.class_id)
            self._detections = _grouped(self._records.detections.image, self._records.detections.class_id)
        truths, rows = self._truths.get((image, class_id), []), self._detections.get((image, class_id), [])
        if not truths and not rows:
            return None
        one, of = self._records.detections, self._records.truths
        stated = of.area[truths]
        ignored = self._records.ignore[truths] | (stated < area[0]) | (stated > area[1])
        order = np.argsort(ignored, kind="stable")
        g, ignored = np.array(truths, dtype=np.int64)[order], ignored[order]
        d = np.array(rows, dtype=np.int64)[np.argsort(-one.score[rows], kind="stable")][: self._limit]
        overlap = self._overlap(d, g)
        taken, takes = self._claims(overlap, ignored, g, d)
        shadow = np.zeros((len(self._thresholds), len(d)), dtype=bool)
        shadow[takes >= 0] = ignored[takes[takes >= 0]]
        matched = np.where(takes >= 0, of.id[g][takes] if len(g) else 0, 0).astype(np.float64)
        outside = (self._records.area[d] < area[0]) | (self._records.area[d] > area[1])
        return {
            "image_id": image,
            "category_id": class_id,
            "aRng": area,
            "maxDet": self._limit,
            "dtIds": self._records.detection_id[d].tolist(),
            "gtIds": of.id[g].tolist(),
            "dtMatches": matched,
            "gtMatches": taken,
            "dtScores": one.score[d].tolist(),
            "gtIgnore": ignored.astype(np.int64),
            "dtIgnore": shadow | ((matched == 0) & outside),
        }

    def _overlap(self, d: Ints, g: Ints) -> Floats:
        left, right = np.repeat(d, len(g)), np.tile(g, len(d))
        records = self._records
        value = overlaps(
            records.truths, records.detections, left, right, kind=self._kind, sigmas=self._sigmas, at_least=0.0
        )
        return value.reshape(len(d), len(g))

    def _claims(self, overlap: Floats, ignored: NDArray[np.bool_], g: Ints, d: Ints) -> tuple[Floats, Ints]:
        """(t, g) the id of the detection that took each truth, and (t, d) the truth that each took (-1: none)."""
        crowd = self._records.truths.crowd[g]
        ids = self._records.detection_id[d]
        taken = np.zeros((len(self._thresholds), len(g)))
        takes = np.full((len(self._thresholds), len(d)), -1, np.int64)
        for at, threshold in enumerate(self._thresholds.tolist()):
            least = min(threshold, 1 - 1e-10)
            for row in range(len(d)):
                open_ = ((taken[at] <= 0) | crowd) & (overlap[row] >= least)
                for choice in (open_ & ~ignored, open_ & ignored):
                    places = np.flatnonzero(choice)
                    if len(places):
                        best = overlap[row, places]
                        # Of equals the later truth: COCO replaces its candidate by one just as good.
                        to = int(places[np.flatnonzero(best == best.max())[-1]])
                        takes[at, row], taken[at, to] = to, ids[row]
                        break
        return taken, takes


def _grouped(image: Ints, class_id: Ints) -> dict[tuple[int, int], list[int]]:
    out: dict[tuple[int, int], list[int]] = {}
    pairs: Iterable[tuple[int, int]] = zip(image.tolist(), class_id.tolist(), strict=True)
    for row, key in enumerate(pairs):
        out.setdefault(key, []).append(row)
    return out
