"""The explanations of an evaluation as tables: each row of them leads back to images, detections and truths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalnb.core.kinds import areas_px
from evalnb.core.metrics import breakdown, operating
from evalnb.core.metrics import calibration as calibrating
from evalnb.core.metrics import errors as tide
from evalnb.core.metrics.outcome import kept, outcome, to_find
from evalnb.core.near import Flags
from evalnb.core.records import Floats, Ints
from evalnb.core.slices import AREAS
from evalnb.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

    from evalnb.runs.charts import Chart
    from evalnb.runs.evaluation import Evaluation

CROWDING = {"overlap": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0), "neighbours": (0, 1, 2, 3, 4, 6, 10, np.inf)}
"""The edges of the bins of ``by_crowding``; a bin holds its lower edge."""


def errors(ev: Evaluation, *, iou: float, background: float, per_class: bool) -> pd.DataFrame:
    """See ``Evaluation.errors``."""
    import pandas as pd

    one = tide.errors(ev.near, ev.rows(), iou=iou, background=background, area=ev.area)
    if not per_class:
        return pd.DataFrame({"error": tide.ERRORS, "count": one.count.sum(axis=1), "dAP": one.dap})
    names = [ev.named(i) for i in one.class_id]
    return pd.DataFrame(
        {
            "class": np.repeat(np.array(names, dtype=object), len(tide.ERRORS)),
            "error": np.tile(np.array(tide.ERRORS, dtype=object), len(names)),
            "count": one.count.T.ravel(),
            "dAP": np.where(one.ap > -1, one.mended - one.ap, np.nan).T.ravel(),
        }
    )


def error_detections(ev: Evaluation, kind: str, *, iou: float, background: float) -> pd.DataFrame:
    """See ``Evaluation.error_detections``."""
    if kind not in tide.ERRORS:
        raise NotFound(f"there is no error {kind!r}", remedy=f"use one of {', '.join(tide.ERRORS)}")
    near, part = ev.near, ev.rows()
    one = tide.shown(near, part, iou=iou, background=background, area=ev.area)
    wanted = _classes(ev)
    if kind in ("missed", "false negatives"):
        truths = one.missed if kind == "missed" else one.unfound
        rows = np.flatnonzero(truths & wanted[near.matches.truth_class])
        return _rows(ev, detection=np.full(len(rows), -1), truth=rows, overlap=np.full(len(rows), np.nan))
    place = one.kinds.kind
    chosen = place != tide.NO_ERROR if kind == "false positives" else place == tide.KINDS.index(kind)
    at = np.flatnonzero(chosen & one.keep & wanted[near.class_of])
    at = at[np.argsort(-near.matches.score[at], kind="stable")]
    truth, overlap = _shown_by(ev, one.kinds.pair[at])
    frame = _rows(ev, detection=at, truth=truth, overlap=overlap)
    if kind == "false positives":
        frame["error"] = np.array(tide.KINDS, dtype=object)[place[at]]
    return frame


def pairs(ev: Evaluation, *, confidence: float, iou: float, background: float) -> pd.DataFrame:
    """See ``Evaluation.pairs``."""
    import pandas as pd

    near = ev.near
    kinds = tide.kinds(near, iou=iou, background=background, area=ev.area)
    found = kinds.found
    at = np.flatnonzero(kept(near, ev.rows()) & (near.matches.score >= confidence) & _classes(ev)[near.class_of])
    took = found.pair[at]
    truth, overlap = _shown_by(ev, np.where(took >= 0, took, kinds.pair[at]))
    frame = _rows(ev, detection=at, truth=truth, overlap=overlap)
    what = np.where(found.hit[at], 0, np.where(found.ignored[at], 2, 1))
    frame["outcome"] = pd.Categorical.from_codes(what, categories=pd.Index(["TP", "FP", "ignored"]))
    error = np.where(kinds.kind[at] == tide.NO_ERROR, -1, kinds.kind[at].astype(np.int8))
    frame["error"] = pd.Categorical.from_codes(error, categories=pd.Index(tide.KINDS))
    return frame


def thresholds(ev: Evaluation, *, iou: float) -> pd.DataFrame:
    """See ``Evaluation.thresholds``."""
    import pandas as pd

    frames = []
    for together in (True, False):
        points = operating.operating_points(ev.near, ev.rows(), iou=iou, area=ev.area, together=together)
        # Where no cut brings a hit, none is better than another.
        at = points.best(np.where(points.hits > 0, points.f1, -1.0))
        some = (at >= 0) & (points.hits[at] > 0) if len(points.hits) else at >= 0
        none = np.where(points.truths_of > 0, 0.0, np.nan)
        columns = {
            name: np.where(some, value[at], other) if len(value) else np.broadcast_to(other, at.shape)
            for name, value, other in (
                ("confidence", points.confidence, np.nan),
                ("precision", points.precision, np.nan),
                ("recall", points.recall, none),
                ("F1", points.f1, none),
            )
        }
        names = ["all"] if together else [ev.named(i) for i in points.class_id]
        frames.append(pd.DataFrame({"class": names, **columns, "truths": points.truths_of}))
    return pd.concat(frames, ignore_index=True)


def threshold_data(ev: Evaluation, *, iou: float) -> pd.DataFrame:
    """See ``Evaluation.threshold_data``."""
    import pandas as pd

    points = operating.operating_points(ev.near, ev.rows(), iou=iou, area=ev.area)
    names = [ev.named(i) for i in points.class_id]
    return pd.DataFrame(
        {
            "class": pd.Categorical.from_codes(points.class_at, categories=pd.Index(names))
            if len(set(names)) == len(names)
            else np.array(names, dtype=object)[points.class_at],
            "confidence": points.confidence,
            "precision": points.precision,
            "recall": points.recall,
            "F1": points.f1,
        }
    )


def olrp(ev: Evaluation, *, iou: float) -> pd.DataFrame:
    """See ``Evaluation.olrp``."""
    import pandas as pd

    one = operating.olrp(ev.near, ev.rows(), iou=iou, area=ev.area)
    columns = {
        "oLRP": one.olrp,
        "localization": one.localization,
        "FP": one.false_positives,
        "FN": one.false_negatives,
        "confidence": one.confidence,
    }
    means = {name: _mean(value) for name, value in columns.items()} | {"confidence": np.nan}
    return pd.DataFrame(
        {
            "class": ["all", *(ev.named(i) for i in one.class_id)],
            **{name: np.concatenate(([means[name]], value)) for name, value in columns.items()},
            "truths": np.concatenate(([one.truths.sum()], one.truths)),
        }
    )


@dataclass(frozen=True)
class Calibration:
    """How far confidences can be believed, at one IoU."""

    table: pd.DataFrame
    """One row for each bin of confidences: low, high, detections, mean confidence, precision, IoU of the hits."""
    by_class: pd.DataFrame
    """Columns class, LaECE; NaN for a class without truths or detections."""
    d_ece: float
    """Detection expected calibration error (Küppers et al. 2020): 0 is best."""
    d_ece_position: float | None
    """The same over confidence and the boxes' relative centre and size together, where that was asked for."""
    laece: float
    """Localisation-aware calibration error (Oksuz et al., CVPR 2023), the mean over the classes."""
    laece0: float
    """The same where any overlap (of a tenth or more) is a hit: a confidence is to be the IoU itself (Kuzucu et al.,
    ECCV 2024)."""
    iou: float

    @cached_property
    def chart(self) -> Chart:
        """The reliability diagram."""
        from evalnb.runs.explain_charts import reliability

        return reliability(self)


def calibration(ev: Evaluation, *, iou: float, bins: int, position: bool) -> Calibration:
    """See ``Evaluation.calibration``."""
    import pandas as pd

    if bins < 1:
        raise Invalid(f"{bins} bins hold nothing", remedy="use 1 or more; 10 is usual")
    near, part = ev.near, ev.rows()
    one = calibrating.reliability(near, part, iou=iou, area=ev.area, bins=bins)
    laece = calibrating.laece(near, part, iou=iou, area=ev.area)
    columns = _relative_boxes(ev) if position else None
    return Calibration(
        table=pd.DataFrame(
            {
                "low": one.edges[:-1],
                "high": one.edges[1:],
                "detections": one.detections,
                "confidence": one.confidence,
                "precision": one.precision,
                "IoU": one.overlap,
            }
        ),
        by_class=pd.DataFrame(
            {"class": [ev.named(i) for i in ev.matches.classes[part.places(ev.matches)]], "LaECE": laece}
        ),
        d_ece=one.d_ece,
        d_ece_position=None
        if columns is None
        else calibrating.d_ece_of(near, columns, part, iou=iou, area=ev.area, bins=bins),
        laece=_mean(laece),
        laece0=_mean(calibrating.laece(near, part, iou=near.pairs.at_least, area=ev.area)),
        iou=iou,
    )


def by_size(ev: Evaluation, *, iou: float, sides: tuple[float, ...] | None) -> pd.DataFrame:
    """See ``Evaluation.by_size``."""
    import pandas as pd

    sides = breakdown.SIDES_PX if sides is None else tuple(sides)
    if len(sides) < 2 or (np.diff(sides) <= 0).any() or sides[0] < 0:
        raise Invalid(
            f"{sides} are no ranges of sizes", remedy="give ascending sides in px, such as (0, 32, 96, 1e5)"
        )
    truths, _ = ev.records()
    one = breakdown.by_size(ev.near, truths.area, detection_area(ev), ev.rows(), iou=iou, sides=sides)
    recall = np.divide(one.found, one.truths, out=np.full(len(one.truths), np.nan), where=one.truths > 0)
    return pd.DataFrame(
        {
            "low": sides[:-1],
            "high": sides[1:],
            "truths": one.truths,
            "found": one.found,
            "recall": recall,
            "AP": one.ap,
        }
    )


def by_crowding(ev: Evaluation, *, by: str, iou: float, confidence: float, of_class: bool) -> pd.DataFrame:
    """See ``Evaluation.by_crowding``."""
    import pandas as pd

    if by not in CROWDING:
        raise NotFound(f"there is no crowding by {by!r}", remedy=f"use one of {', '.join(CROWDING)}")
    near, part = ev.near, ev.rows()
    truths, _ = ev.records()
    crowded = breakdown.crowding(near, truths, of_class=of_class)
    value = crowded.overlap if by == "overlap" else crowded.neighbours
    edges = np.array(CROWDING[by], dtype=np.float64)
    found = outcome(near, iou=iou, area=ev.area)
    sure = np.flatnonzero(found.hit & kept(near, part) & (near.matches.score >= confidence))
    hit = np.zeros(len(truths), bool)
    hit[near.pairs.truth[found.pair[sure]]] = True
    of = to_find(near, part, area=ev.area) & _classes(ev)[near.matches.truth_class]
    at = np.searchsorted(edges[1:-1], value, side="right")
    many = np.bincount(at[of], minlength=len(edges) - 1)
    hits = np.bincount(at[of & hit], minlength=len(edges) - 1)
    recall = np.divide(hits, many, out=np.full(len(many), np.nan), where=many > 0)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "truths": many, "found": hits, "recall": recall})


def score_histogram(ev: Evaluation, *, iou: float, bins: int) -> pd.DataFrame:
    """See ``Evaluation.score_histogram``."""
    import pandas as pd

    one = breakdown.by_score(ev.near, ev.rows(), iou=iou, area=ev.area, bins=bins)
    return pd.DataFrame({"low": one.edges[:-1], "high": one.edges[1:], "TP": one.hits, "FP": one.ghosts})


def _rows(ev: Evaluation, *, detection: Ints, truth: Ints, overlap: Floats) -> pd.DataFrame:
    """One row for each detection (-1: none) and the truth (-1: none) that it is about."""
    import pandas as pd

    near, matches = ev.near, ev.matches
    truths, _ = ev.records()
    names = np.array([*(ev.named(i) for i in matches.classes), ""], dtype=object)
    is_found, is_true = detection >= 0, truth >= 0
    image = np.where(is_found, matches.image[detection], -1) if len(matches) else np.full(len(detection), -1)
    if len(truths):
        image = np.where(is_found, image, matches.truth_image[truth])
    return pd.DataFrame(
        {
            "image": ev.images.id[image],
            "file_name": np.array(ev.images.name, dtype=object)[image],
            "class": names[_taken(near.class_of, detection, is_found)],
            "score": _taken(matches.score, detection, is_found, np.nan),
            "overlap": overlap,
            "truth": _taken(truths.id, truth, is_true),
            "truth_class": names[_taken(matches.truth_class, truth, is_true)],
            "detection": _taken(matches.row, detection, is_found),
            "truth_row": truth,
        }
    )


def _taken(values: NDArray[Any], at: Ints, where: Flags, otherwise: float = -1) -> NDArray[Any]:
    return np.where(where, values[at], otherwise) if len(values) else np.full(len(at), otherwise)


def _shown_by(ev: Evaluation, pair: Ints) -> tuple[Ints, Floats]:
    near = ev.near.pairs
    return _taken(near.truth, pair, pair >= 0), _taken(near.overlap, pair, pair >= 0, np.nan)


def _classes(ev: Evaluation) -> Flags:
    """(k + 1,) the classes that this evaluation stands for, of all of the table; the last is of truths outside it."""
    wanted = np.zeros(len(ev.matches.classes) + 1, bool)
    wanted[ev.rows().places(ev.matches)] = True
    return wanted


def _relative_boxes(ev: Evaluation) -> Floats:
    """(d, 4) each detection's centre and size as shares of its image's."""
    size = ev.images.size[ev.matches.image][:, ::-1].astype(np.float64)
    if (size <= 0).any():
        raise Invalid("some images have no known size, which positions are relative to", remedy="use position=False")
    _, detections = ev.records()
    box = detections.box[ev.matches.row]
    return np.hstack([(box[:, :2] + box[:, 2:] / 2) / size, box[:, 2:] / size])


def detection_area(ev: Evaluation) -> Floats:
    """(d,) the areas in px² that the table was matched with: of the outlines, unless its flags say of the boxes (as
    COCO takes them when results state boxes beside masks)."""
    _, detections = ev.records()
    matches = ev.matches
    by_box: Floats = np.multiply(detections.box[:, 2], detections.box[:, 3])[matches.row]
    if matches.kind == "bbox":
        return by_box
    own: Floats = areas_px(detections, matches.kind)[matches.row]
    ranges = np.array(list(AREAS.values()))
    outside = (own < ranges[:, :1]) | (own > ranges[:, 1:])
    flags = np.packbits(outside, axis=0, bitorder="little")[0]
    # Those outside of the range of all areas are what nobody looked for, whatever their size.
    as_flagged = ((matches.flags & 1 == 1) | (flags == matches.flags & np.uint8(15))).all()
    return own if as_flagged else by_box


def _mean(values: Floats) -> float:
    some = values[np.isfinite(values)]
    return float(some.mean()) if len(some) else float("nan")
