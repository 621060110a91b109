"""What a report shows of an evaluation: its numbers, beside a baseline's, and its worst images."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
from PIL import Image

import evalnb
from evalnb.core import masks
from evalnb.core.masks import Rle
from evalnb.core.ports import Pixels
from evalnb.errors import EvalnbError
from evalnb.reports.bundle import Baseline, Bundle, ClassLine, Contents, Picture, Shape
from evalnb.runs.card import headline
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.frozen import freeze, part_to_json

RECALL = tuple(np.linspace(0, 1, 101).round(2).tolist())
PICTURES = 12
SIDE_PX = 720
"""The longest side of a frozen picture."""
ROWS_OF_A_MASK = 180
"""A mask's outline is drawn with at most this many rows: finer than the picture is shown."""
PROBLEMS = 200

PixelsOf = Callable[[int], Pixels]
"""The pixels of an image by its id; an EvalnbError where they cannot be read."""


def gather(
    evaluation: Evaluation,
    *,
    title: str,
    provenance: Mapping[str, str],
    baseline: tuple[str, Evaluation] | None,
    pixels_of: PixelsOf,
) -> Bundle:
    """The bundle of an evaluation. ``baseline`` is a label and the evaluation to compare with."""
    operating = operating_lines(evaluation)
    confidence = operating_point(operating)
    before = {} if baseline is None else dict(zip(*_ap_by_class(baseline[1]), strict=True))
    confusion = evaluation.confusion(confidence=confidence)
    pictures, files = _worst(evaluation, confidence, pixels_of)
    truths, _ = evaluation.records()
    contents = Contents(
        title=title,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=evaluation.kind,
        headline=headline(evaluation),
        part=part_to_json(evaluation.part),
        minimum=evaluation.confidence,
        provenance={**provenance, "evalnb": evalnb.__version__},
        summary=evaluation.summary(),
        baseline=None if baseline is None else Baseline(baseline[0], baseline[1].summary()),
        classes=class_lines(evaluation, before),
        recall=RECALL,
        curves=curve_lines(evaluation),
        operating=operating,
        confidence=confidence,
        confusion_names=tuple(map(str, confusion.index)),
        confusion=tuple(tuple(row) for row in confusion.to_numpy().tolist()),
        pictures=pictures,
        problems=tuple(str(one) for one in evaluation.problems[:PROBLEMS]),
        problem_count=len(evaluation.problems),
    )
    table_bytes = freeze(
        evaluation.matches, truths, evaluation.images, dict(evaluation.class_names), evaluation.problems[:PROBLEMS]
    )
    return Bundle(contents=contents, matches=table_bytes, pictures=files)


def class_lines(evaluation: Evaluation, before: Mapping[str, float]) -> tuple[ClassLine, ...]:
    """The per-class table, with differences to the AP of ``before``, by class name."""
    return tuple(
        ClassLine(
            name=str(row["class"]),
            ap=float(row["AP"]),
            ap50=float(row["AP50"]),
            ap75=float(row["AP75"]),
            ar=float(row["AR"]),
            truths=int(row["truths"]),
            detections=int(row["detections"]),
            difference=_less(float(row["AP"]), before.get(str(row["class"]))),
        )
        for row in evaluation.per_class().to_dict("records")
    )


def curve_lines(evaluation: Evaluation) -> dict[str, tuple[float, ...]]:
    """Precision at each of ``RECALL``: ``""`` is the mean over classes, then by class name."""
    return {
        "" if name == "all" else str(name): tuple(rows["precision"].round(4).tolist())
        for name, rows in evaluation.curve_data().groupby("class", sort=False)
    }


def operating_lines(evaluation: Evaluation) -> dict[str, tuple[float, ...]]:
    """confidence, precision, recall and F1, from 0 to 1 in steps of 0.01."""
    table = evaluation.confidence_data()
    return {str(name): tuple(table[name].round(4).tolist()) for name in table.columns}


def operating_point(lines: Mapping[str, tuple[float, ...]]) -> float:
    """The confidence of the best F1, the higher of equals; 0.25 where nothing is ever right."""
    f1, confidence = max(zip(lines["F1"], lines["confidence"], strict=True), default=(0.0, 0.25))
    return confidence if f1 > 0 else 0.25


def _ap_by_class(evaluation: Evaluation) -> tuple[list[str], list[float]]:
    table = evaluation.per_class()
    return table["class"].astype(str).tolist(), table["AP"].astype(float).tolist()


def _less(mine: float, theirs: float | None) -> float | None:
    return None if theirs is None or mine <= -1 or theirs <= -1 else mine - theirs


def _worst(
    evaluation: Evaluation, confidence: float, pixels_of: PixelsOf
) -> tuple[tuple[Picture, ...], dict[str, bytes]]:
    frame = evaluation.per_image(confidence=confidence)
    frame = frame[(frame["FP"] + frame["FN"]) > 0].head(PICTURES)
    size = dict(zip(evaluation.images.id.tolist(), evaluation.images.size.tolist(), strict=True))
    pictures: list[Picture] = []
    files: dict[str, bytes] = {}
    for place, row in enumerate(frame.to_dict("records")):
        image_id = int(row["image"])
        height, width = size[image_id]
        member, note = "", ""
        try:
            pixels = pixels_of(image_id)
        except EvalnbError as error:
            note = error.happened
        else:
            height, width = pixels.shape[:2]
            member = f"pictures/{place:02d}.webp"
            files[member] = _small(pixels)
        shapes = tuple(_shapes(evaluation, image_id, confidence))
        if not (width and height):
            width = int(max((s.box[0] + s.box[2] for s in shapes), default=1)) or 1
            height = int(max((s.box[1] + s.box[3] for s in shapes), default=1)) or 1
        pictures.append(
            Picture(
                image_id=image_id,
                file_name=str(row["file_name"]),
                width=width,
                height=height,
                tp=int(row["TP"]),
                fp=int(row["FP"]),
                fn=int(row["FN"]),
                f1=float(row["F1"]),
                member=member,
                note=note,
                shapes=shapes,
            )
        )
    return tuple(pictures), files


def _small(pixels: Pixels) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, method=4)
    return out.getvalue()


def _shapes(evaluation: Evaluation, image_id: int, confidence: float) -> list[Shape]:
    """The truths and the sure detections of one image, as they stand at IoU 0.5, objects of every size."""
    matches, part = evaluation.matches, evaluation.rows()
    truths, detections = evaluation.records()
    where = int(np.flatnonzero(matches.images == image_id)[0])
    names = {place: evaluation.named(one) for place, one in enumerate(matches.classes.tolist())}
    taken: set[int] = set()
    out: list[Shape] = []
    rows, _ = part.detections(matches)
    chosen = np.arange(len(matches))[rows]
    chosen = chosen[(matches.image[chosen] == where) & (matches.score[chosen] >= confidence)]
    class_of = np.searchsorted(matches.start, chosen, side="right") - 1
    for row, place in zip(chosen.tolist(), class_of.tolist(), strict=True):
        right = bool(matches.matched[row] & np.uint64(1))
        if right:
            taken.add(int(matches.truth_at_50[row]))
        if matches.ignored[row] & np.uint64(1):
            continue
        at = int(matches.row[row])
        out.append(
            Shape(
                state="found" if right else "ghost",
                class_name=names[place],
                score=float(matches.score[row]),
                box=_box(detections.box[at]),
                outline="" if detections.masks is None else outline(detections.masks[at]),
            )
        )
    keep = part.truths(matches) & (matches.truth_image == where) & (matches.truth_ignored & 1 == 0)
    for at in np.flatnonzero(keep).tolist():
        out.append(
            Shape(
                state="hit" if at in taken else "miss",
                class_name=names[int(matches.truth_class[at])],
                score=None,
                box=_box(truths.box[at]),
                outline="" if truths.masks is None else outline(truths.masks[at]),
            )
        )
    return out


def _box(values: np.ndarray) -> tuple[float, float, float, float]:
    x, y, w, h = (round(float(one), 2) for one in values)
    return (x, y, w, h)


def outline(rle: Rle) -> str:
    """A mask as an SVG path: a strip for each run of set pixels of every few rows."""
    mask = masks.decode(rle)
    step = max(1, -(-mask.shape[0] // ROWS_OF_A_MASK))
    parts: list[str] = []
    for y in range(0, mask.shape[0], step):
        turns = np.flatnonzero(np.diff(mask[y].astype(np.int8), prepend=0, append=0))
        for left, right in zip(turns[0::2].tolist(), turns[1::2].tolist(), strict=True):
            parts.append(f"M{left} {y}h{right - left}v{step}h{left - right}z")
    return "".join(parts)
