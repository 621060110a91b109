"""Evaluate a prediction run of the store, keep the match table, and load it again without matching."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import cast, get_args

import numpy as np

from evalnb.core.kinds import Kind
from evalnb.core.matching import match
from evalnb.core.progress import NullProgress, Progress
from evalnb.core.records import Detections, Truths
from evalnb.core.slices import Slice
from evalnb.core.sources import id_of
from evalnb.errors import Invalid
from evalnb.formats.problems import Problems
from evalnb.runs.columns import Images, Problem
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.frozen import freeze, part_from_json, part_to_json, thaw
from evalnb.runs.matched import Records, one_range
from evalnb.runs.source import StoredSource
from evalnb.store import Store
from evalnb.store.repositories import annotations as annotation_rows
from evalnb.store.repositories import datasets, evaluations, predictions
from evalnb.store.repositories.evaluations import Provenance

MASKED = ("segm", "boundary")
"""Kinds that compare masks."""


def evaluate(
    store: Store,
    run_id: int,
    *,
    kind: str = "bbox",
    part: Slice = Slice(),
    progress: Progress | None = None,
) -> Evaluation:
    """Match a run against the truth as it stands now, and keep the outcome.

    The images are those of ``part`` (its tags, ids and text) that the run covers; a result file covers all of them.
    Classes and areas of ``part`` narrow the numbers, never the matching: a detection of another class's object must
    stay what it is.
    """
    if kind == "keypoints":
        raise Invalid(
            "prediction runs keep no keypoints, so kind='keypoints' cannot be evaluated from the store",
            remedy="evaluate files with evalnb.evaluate_coco(truth, detections, kind='keypoints')",
        )
    compared = _known(kind)
    one_range(part)
    progress = progress or NullProgress()
    progress.start(3, unit="step", what=f"evaluating run {run_id}")
    try:
        with store.database.transaction() as session:
            source = evaluations.provenance(session, run_id)
            covered = evaluations.covered_images(session, source, part)
            taxonomy = datasets.taxonomy(session, source.dataset_id)
            of_images = replace(part, classes=None, areas=None)
            truths = annotation_rows.truths(
                session, source.dataset_id, of_images, masks=kind in MASKED, corners=kind == "obb"
            )
            progress.advance()
            detections = predictions.detections(session, run_id, of_images)
        progress.advance()
        # COCO's evaluation overwrites the annotations' own ``ignore``; to equal its numbers it may not count here.
        truths = replace(truths, ignore=None)
        problems = _problems(source)
        if kind in MASKED and detections.masks is None and len(detections):
            raise Invalid(
                f"run {run_id} ({source.run_name}) predicts boxes and no masks", remedy="evaluate it with kind='bbox'"
            )
        if kind == "obb" and detections.corners is None:
            if len(detections):
                raise Invalid(
                    f"run {run_id} ({source.run_name}) predicts upright boxes", remedy="evaluate it with kind='bbox'"
                )
            detections = replace(detections, corners=np.empty((0, 4, 2)))
        images = _in_order(covered)
        class_names = {one.id: one.name for one in taxonomy}
        matches = match(
            truths,
            detections,
            kind=compared,
            images=images.id,
            classes=np.array(sorted(class_names), dtype=np.int64),
        )
        blob = store.blobs.put_bytes(freeze(matches, truths, images, class_names, problems))
        evaluation = Evaluation(
            matches=matches,
            class_names=class_names,
            images=images,
            records=lambda: (truths, detections),
            problems=problems,
            part=Slice(classes=part.classes, areas=part.areas),
            run_id=run_id,
            dataset_id=source.dataset_id,
            source=StoredSource(store, source.dataset_id, of_images, compared),
        )
        with store.database.transaction() as session:
            identity = evaluations.add(
                session,
                run_id=run_id,
                kind=kind,
                parameters={"part": part_to_json(part)},
                summary=evaluation.summary(),
                matches_sha256=blob,
            )
        progress.advance()
        return replace(evaluation, id=identity)
    finally:
        progress.close()


def load(store: Store, evaluation_id: int) -> Evaluation:
    """A kept evaluation, exactly as it was, whatever became of the annotations since."""
    with store.database.transaction() as session:
        record = evaluations.get(session, evaluation_id)
        source = evaluations.provenance(session, record.run_id)
    part = part_from_json(record.parameters["part"])
    matches, truths, images, class_names, problems = thaw(store.blobs.local_path(record.matches_sha256))
    return Evaluation(
        matches=matches,
        class_names=class_names,
        images=images,
        records=_records(store, record.run_id, replace(part, classes=None, areas=None), truths),
        problems=problems,
        part=Slice(classes=part.classes, areas=part.areas),
        id=record.id,
        run_id=record.run_id,
        dataset_id=source.dataset_id,
        source=StoredSource(store, source.dataset_id, replace(part, classes=None, areas=None), _known(record.kind)),
    )


def _problems(source: Provenance) -> tuple[Problem, ...]:
    """What of the run could not count: rows that its result file's import refused, images that it has not done."""
    name = f"run {source.run_id} ({source.run_name})"
    refused = Problems.from_json(source.run_parameters.get("problems") or {})
    out = [Problem(name, None, "", str(one)) for one in refused]
    if len(refused) > len(out):
        out.append(Problem(name, None, "", f"{len(refused) - len(out)} more of these kinds"))
    if not source.finished and source.images_done < source.image_count:
        what = f"done for {source.images_done} of {source.image_count} images; only those are evaluated"
        out.append(Problem(name, None, "", what))
    return tuple(out)


def _known(kind: str) -> Kind:
    for one in get_args(Kind):
        if kind == one:
            return cast(Kind, one)
    raise Invalid(f"there is no kind {kind!r}", remedy="use 'bbox', 'segm', 'boundary' or 'obb'")


def _records(store: Store, run_id: int, part: Slice, truths: Truths) -> Records:
    @cache
    def read() -> tuple[Truths, Detections]:
        # Runs are never changed once written: the rows are the ones that the match table counts.
        with store.database.transaction() as session:
            return truths, predictions.detections(session, run_id, part)

    return read


def _in_order(rows: Iterable[tuple[int, str, str, list[str], int, int]]) -> Images:
    """The images as COCO would order them: by the source's own number where it has one, else as imported."""

    def place(row: tuple[int, str, str, list[str], int, int]) -> tuple[bool, int]:
        key = id_of(row[1])
        return (False, key) if isinstance(key, int) else (True, row[0])

    ordered = sorted(rows, key=place)
    return Images(
        id=np.array([row[0] for row in ordered], dtype=np.int64),
        name=tuple(row[2] for row in ordered),
        tags=tuple(frozenset(row[3]) for row in ordered),
        size=np.array([row[4:6] for row in ordered], dtype=np.int64).reshape(-1, 2),
    )
