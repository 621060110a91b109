"""Evaluate LVIS files."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import Kind
from evalnb.core.lvis import FREQUENCIES, Federation, match_lvis, without_crowds
from evalnb.core.records import Ints, Truths
from evalnb.errors import Invalid
from evalnb.runs import checks, columns
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluation_of, read

KINDS = ("bbox", "segm", "boundary")


def evaluate_lvis(
    truth: str | Path | Mapping[str, Any],
    detections: str | Path | list[dict[str, Any]] | NDArray[np.float64],
    kind: str = "segm",
    *,
    strict: bool = False,
) -> Evaluation:
    """LVIS's thirteen numbers of a truth file and a result file, or of the same parsed: equal to lvis-api's.

    The truth's images state ``neg_category_ids`` and ``not_exhaustive_category_ids``, its categories ``frequency``.
    ``kind`` is bbox, segm or boundary. Rows that cannot be used are named in ``evaluation.problems``; ``strict``
    refuses them.
    """
    if kind not in KINDS:
        raise Invalid(f"LVIS has no kind {kind!r}", remedy=f"use one of {', '.join(map(repr, KINDS))}")
    compared = cast(Kind, kind)
    source = columns.load(truth, "truth")[0] if _states_ignore(truth) else truth
    found, given, problems = read(source, detections, kind=compared, strict=strict)
    ignore = _ignored(source, found.truths)
    found = replace(found, truths=replace(without_crowds(found.truths), ignore=ignore))
    matches = match_lvis(
        found.truths,
        given.detections,
        federation_of(found.catalogue),
        kind=compared,
        images=found.images.id,
        classes=np.array(sorted(found.class_names), dtype=np.int64),
        detection_area=given.area,
    )
    return evaluation_of(matches, found, given, problems)


def federation_of(catalogue: Mapping[str, Any]) -> Federation:
    """What a truth file's images and categories say of what was looked for; Invalid where they say nothing."""
    images = [one for one in catalogue["images"] if isinstance(one, dict)]
    if images and not any("neg_category_ids" in one for one in images):
        raise Invalid(
            "no image of the truth says which classes were looked for (neg_category_ids)",
            remedy="pass an LVIS file, or use evaluate_coco",
        )
    return Federation(
        negative=_pairs(images, "neg_category_ids"),
        not_exhaustive=_pairs(images, "not_exhaustive_category_ids"),
        frequency={
            int(one["id"]): str(one["frequency"])
            for one in catalogue["categories"]
            if isinstance(one, dict) and one.get("frequency") in FREQUENCIES and checks.is_id(one.get("id")) is None
        },
    )


def _pairs(images: Iterable[Mapping[str, Any]], key: str) -> Ints:
    pairs: list[tuple[int, int]] = []
    for one in images:
        listed = one.get(key) or []
        if checks.is_id(one.get("id")) or not isinstance(listed, (list, tuple)) or any(map(checks.is_id, listed)):
            raise Invalid(
                f"image {one.get('id')!r:.40} has {key} {listed!r:.60}", remedy="write a list of category ids"
            )
        pairs += [(int(one["id"]), int(class_id)) for class_id in listed]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _states_ignore(truth: object) -> bool:
    """Whether a file's annotations may have ``ignore``, which LVIS heeds and the native reader does not look at."""
    if not isinstance(truth, (str, Path)) or not Path(truth).is_file() or not Path(truth).stat().st_size:
        return False
    with Path(truth).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return raw.find(b'"ignore"') >= 0


def _ignored(source: object, truths: Truths) -> NDArray[np.bool_] | None:
    if not isinstance(source, Mapping):
        return None
    ids = [int(one["id"]) for one in source["annotations"] if isinstance(one, dict) and _says_ignore(one)]
    return np.isin(truths.id, np.array(ids, dtype=np.int64)) if ids else None


def _says_ignore(row: Mapping[str, Any]) -> bool:
    return bool(row.get("ignore")) and checks.is_id(row.get("id")) is None
