"""What explanations say, held against loops that anyone can read, and end to end on a generated problem."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evalnb.core.matching import AREA_NAMES, THRESHOLDS, bit
from evalnb.core.metrics import outcome
from evalnb.core.metrics.errors import ERRORS, KINDS
from evalnb.errors import Invalid, NotFound
from evalnb.runs import explain_charts
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from evalnb.runs.lvis import evaluate_lvis
from tests.parity import problems, test_lvis

SEEDS = range(8)


def some(kind: str = "bbox") -> Iterator[tuple[problems.Problem, Evaluation]]:
    for seed in SEEDS:
        problem = problems.make(
            seed=seed, kind=kind, images=5, classes=3, truths=7, detections=20, score_steps=[5, 1000][seed % 2]
        )
        yield problem, evaluate_coco(*problem, kind)


def by_class(evaluation: Evaluation, iou: float = 0.5) -> Iterator[tuple[str, list[tuple[float, bool, float]], int]]:
    """Each class's detections that count (score, hit, IoU), best first, and how many truths it has."""
    frame = evaluation.pairs(iou=iou)
    frame = frame[frame["outcome"] != "ignored"]
    truths = evaluation.per_class().set_index("class")["truths"]
    for name, many in truths.items():
        mine = frame[frame["class"] == name].sort_values("score", ascending=False, kind="stable")
        rows = [
            (score, what == "TP", overlap)
            for score, what, overlap in zip(mine["score"], mine["outcome"], mine["overlap"], strict=True)
        ]
        yield str(name), rows, int(many)


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_outcomes_are_the_match_table_s_at_each_of_its_thresholds_and_ranges(kind: str) -> None:
    for _, evaluation in some(kind):
        matches = evaluation.matches
        for t, iou in enumerate(THRESHOLDS.tolist()):
            for a, area in enumerate(AREA_NAMES):
                one = outcome.outcome(evaluation.near, iou=iou, area=area)
                word = np.uint64(1) << bit(t, a)
                ignored = (matches.ignored & word) != 0
                assert one.ignored.tolist() == ignored.tolist()
                assert one.hit.tolist() == (((matches.matched & word) != 0) & ~ignored).tolist()
        at_50 = outcome.outcome(evaluation.near).pair
        truth = np.where(at_50 >= 0, evaluation.nearby.truth[at_50], -1)
        assert truth.tolist() == matches.truth_at_50.tolist()


def test_thresholds_are_the_best_of_every_cut() -> None:
    for _, evaluation in some():
        found = evaluation.thresholds().set_index("class")
        for name, rows, truths in by_class(evaluation):
            best = (0.0, math.nan)
            for cut in sorted({score for score, _, _ in rows}, reverse=True):
                above = [hit for score, hit, _ in rows if score >= cut]
                f1 = 2 * sum(above) / (len(above) + truths)
                if f1 > best[0]:
                    best = (f1, cut)
            assert found.loc[name, "truths"] == truths
            assert found.loc[name, "F1"] == pytest.approx(best[0], abs=1e-12)
            assert found.loc[name, "confidence"] == pytest.approx(best[1], abs=0, nan_ok=True)
        every = evaluation.threshold_data()
        assert found.loc["all", "F1"] >= evaluation.confidence_data()["F1"].max() - 1e-12
        assert len(every) == sum(len({score for score, _, _ in rows}) for _, rows, _ in by_class(evaluation))


def test_olrp_is_the_least_error_over_every_cut() -> None:
    for _, evaluation in some():
        found = evaluation.olrp(iou=0.6).set_index("class")
        values = []
        for name, rows, truths in by_class(evaluation, 0.6):
            best, parts = 1.0, (math.nan, math.nan, 1.0)
            for cut in sorted({score for score, _, _ in rows}, reverse=True):
                hits = [overlap for score, hit, overlap in rows if score >= cut and hit]
                many = sum(score >= cut for score, _, _ in rows)
                if hits:
                    loose = sum(1 - overlap for overlap in hits)
                    missed, ghosts = truths - len(hits), many - len(hits)
                    error = (loose / 0.4 + ghosts + missed) / (len(hits) + ghosts + missed)
                    if math.isnan(parts[0]) or error < best - 1e-12:
                        best, parts = error, (loose / len(hits), ghosts / many, missed / truths)
            assert found.loc[name, "oLRP"] == pytest.approx(best, abs=1e-9)
            assert found.loc[name, ["localization", "FP", "FN"]].tolist() == pytest.approx(
                list(parts), abs=1e-9, nan_ok=True
            )
            values.append(best)
        assert found.loc["all", "oLRP"] == pytest.approx(np.mean(values), abs=1e-9)


def test_calibration_is_what_its_formulas_say() -> None:
    for _, evaluation in some():
        found = evaluation.calibration(bins=4)
        everything, errors = [], []
        for _, rows, _ in by_class(evaluation):
            everything += rows
            errors.append(gap(rows, 25, lambda hit, overlap: overlap if hit else 0.0))
        assert found.d_ece == pytest.approx(gap(everything, 4, lambda hit, _: float(hit)), abs=1e-12)
        assert found.laece == pytest.approx(np.nanmean(errors), abs=1e-12)
        assert found.by_class["LaECE"].tolist() == pytest.approx(errors, abs=1e-12)
        assert found.table["detections"].sum() == len(everything)
        assert found.chart._repr_svg_().startswith("<svg")


def gap(rows: list[tuple[float, bool, float]], bins: int, aim) -> float:
    """Σ share · |mean confidence − mean aim|; a bin holds its upper edge."""
    total = 0.0
    for place in range(bins):
        low, high = np.linspace(0, 1, bins + 1)[place : place + 2]
        mine = [one for one in rows if (low < one[0] or place == 0) and one[0] <= high]
        if mine:
            confidence = np.mean([score for score, _, _ in mine])
            total += len(mine) * abs(confidence - np.mean([aim(hit, overlap) for _, hit, overlap in mine]))
    return total / len(rows)


def test_a_perfectly_calibrated_detector_has_no_calibration_error_and_position_finds_what_is_hidden() -> None:
    """Half of all detections are right, all say 0.5; but those at the left are never right."""
    truth = {
        "images": [{"id": n, "width": 100, "height": 100} for n in range(1, 41)],
        "categories": [{"id": 1, "name": "it"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [70, 40, 20, 20], "area": 400, "iscrowd": 0}
            for n in range(1, 41)
        ],
    }
    results = [
        {"image_id": n, "category_id": 1, "bbox": [x, 40, 20, 20], "score": 0.5}
        for n in range(1, 41)
        for x in (5, 70)
    ]
    found = evaluate_coco(truth, results).calibration(position=True)
    assert found.d_ece == pytest.approx(0)
    assert found.d_ece_position == pytest.approx(0.5)
    assert evaluate_coco(truth, results).calibration().d_ece_position is None


def test_sizes_are_matched_as_coco_matches_its_ranges() -> None:
    sides = (0.0, 20.0, 60.0, 1e5)
    for kind in ("bbox", "segm"):
        for (truth, results), evaluation in some(kind):
            with contextlib.redirect_stdout(io.StringIO()):
                coco = COCO()
                coco.dataset = copy.deepcopy(truth)
                coco.createIndex()
                reference = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), kind)
                reference.params.areaRng = [[a**2, b**2] for a, b in itertools.pairwise(sides)]
                reference.params.areaRngLbl = ["a", "b", "c"]
                reference.evaluate()
                reference.accumulate()
            precision = reference.eval["precision"][0, :, :, :, 2]
            wanted = [one[one > -1].mean() if (one > -1).any() else math.nan for one in np.moveaxis(precision, 2, 0)]
            assert evaluation.by_size(sides=sides)["AP"].tolist() == pytest.approx(wanted, abs=1e-12, nan_ok=True)


def test_sizes_of_coco_s_ranges_are_its_ap50_whatever_the_kind_and_protocol() -> None:
    for seed in SEEDS:
        problem = problems.make(seed=seed, kind="segm", images=5, classes=3, truths=7, detections=20)
        boxed = problem[0], [{**one, "bbox": [0.0, 0.0, 40.0, 40.0]} for one in problem[1]]
        federated = test_lvis.federated(problem, seed)
        for one in (
            evaluate_coco(*problem, "boundary"),
            evaluate_coco(*boxed, "segm"),
            evaluate_lvis(*federated, "segm"),
        ):
            precision = one.accumulated().precision[0, :, :, 1:, -1]
            wanted = [of[of > -1].mean() if (of > -1).any() else math.nan for of in np.moveaxis(precision, 2, 0)]
            found = one.by_size(sides=(0.0, 32.0, 96.0, 1e5))["AP"].tolist()
            assert found == pytest.approx(wanted, abs=1e-12, nan_ok=True)


@pytest.fixture(scope="module")
def detector() -> Evaluation:
    """A generated problem with mistakes of every kind."""
    return evaluate_coco(*problems.make(seed=4, images=12, classes=4, truths=8, detections=30, score_steps=1000))


def test_every_error_leads_to_its_rows(detector: Evaluation) -> None:
    for part in (detector, detector.where(confidence=0.4), detector.where(images=detector.images.id[:5])):
        table = part.errors().set_index("error")
        assert (table["count"] > 0).all() and (table["dAP"].drop("both") >= 0).all()
        for kind in ERRORS:
            rows = part.error_detections(kind)
            assert len(rows) == table.loc[kind, "count"]
            assert rows["image"].isin(part.images.id).all() and (rows["file_name"] != "").all()
        assert len(part.error_detections("false positives")) == table.loc[list(KINDS), "count"].sum()
        shown = part.error_detections("classification")
        assert (shown["class"] != shown["truth_class"]).all() and (shown["overlap"] >= 0.5).all()
        shown = part.error_detections("localization")
        assert (shown["class"] == shown["truth_class"]).all() and shown["overlap"].between(0.1, 0.5).all()
        assert (part.error_detections("background")["truth"] == -1).all()
        assert part.error_detections("missed")["truth_class"].isin(part.per_class()["class"]).all()


def test_classes_left_out_of_a_part_are_still_seen_in_its_images(detector: Evaluation) -> None:
    whole, names = detector.errors(per_class=True), list(detector.class_names.values())
    for name in names:
        part = detector.where(classes=[name]).errors().set_index("error")
        mine = whole[whole["class"] == name].set_index("error")
        assert part["count"].tolist() == mine["count"].tolist()
        gain = mine["dAP"].copy()
        gain[[*KINDS, "missed"]] = gain[[*KINDS, "missed"]].clip(lower=0)
        np.testing.assert_allclose(part["dAP"], gain, rtol=0, atol=1e-12)


def test_mended_false_negatives_and_positives_together_leave_nothing_to_gain(detector: Evaluation) -> None:
    perfect_recall = detector.errors().set_index("error").loc["false negatives", "dAP"]
    assert 0 < perfect_recall <= 1 - detector.summary()["AP50"]


def test_pairs_count_what_per_image_counts(detector: Evaluation) -> None:
    rows = detector.pairs(confidence=0.3)
    table = detector.per_image(confidence=0.3).set_index("image")
    for what in ("TP", "FP"):
        counts = rows[rows["outcome"] == what].groupby("image").size()
        assert table[what][table[what] > 0].sort_index().tolist() == counts.sort_index().tolist()
    hits = rows[rows["outcome"] == "TP"]
    assert (hits["class"] == hits["truth_class"]).all() and (hits["overlap"] >= 0.5).all()
    assert hits["truth"].is_unique and hits["error"].isna().all()
    assert rows[rows["outcome"] == "FP"]["error"].notna().all()
    truths, detections = detector.records()
    first = hits.iloc[0]
    assert detections.score[first["detection"]] == first["score"]
    assert truths.id[first["truth_row"]] == first["truth"]


def test_curves_by_size_crowding_and_score_account_for_every_truth(detector: Evaluation) -> None:
    totals = detector.per_class()
    hits = int((detector.pairs()["outcome"] == "TP").sum())
    for frame in (detector.by_crowding(), detector.by_crowding(by="neighbours", of_class=True)):
        assert frame["truths"].sum() == totals["truths"].sum()
        assert frame["found"].sum() == hits
    assert detector.by_crowding(confidence=0.9)["found"].sum() < hits
    histogram = detector.score_histogram(bins=7)
    assert histogram["TP"].sum() == hits
    assert histogram["FP"].sum() == (detector.pairs()["outcome"] == "FP").sum()


def test_crowded_truths_are_those_that_lie_on_each_other() -> None:
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "it"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "bbox": box, "area": 100, "iscrowd": 0}
            for n, box in enumerate([[0, 0, 10, 10], [5, 0, 10, 10], [90, 90, 10, 10]], 1)
        ],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": [90, 90, 10, 10], "score": 0.9}]
    frame = evaluate_coco(truth, results).by_crowding()
    assert frame[frame["truths"] > 0][["low", "truths", "recall"]].to_numpy().tolist() == [[0, 1, 1], [0.3, 2, 0]]


def test_figures_show_themselves(detector: Evaluation) -> None:
    whole = detector.explained()._repr_svg_()
    assert whole.startswith("<svg") and whole.count("<svg") == 1
    for one in (
        explain_charts.errors(detector.errors()),
        explain_charts.crowding(detector.by_crowding(by="neighbours"), by="neighbours"),
    ):
        assert one._repr_svg_().startswith("<svg")


def test_nothing_to_explain_is_explained_too() -> None:
    for truths, detections in ((0, 4), (3, 0), (0, 0)):
        empty = evaluate_coco(*problems.make(seed=1, images=3, classes=2, truths=truths, detections=detections))
        assert len(empty.errors()) == len(ERRORS)
        assert len(empty.pairs()) == len(empty.matches)
        assert len(empty.thresholds()) == 3 and len(empty.olrp()) == 3
        assert math.isnan(empty.calibration().laece)
    assert empty.explained()._repr_svg_().startswith("<svg")


def test_what_cannot_be_answered_is_refused(detector: Evaluation) -> None:
    with pytest.raises(NotFound, match="no error 'typo'"):
        detector.error_detections("typo")
    with pytest.raises(Invalid, match="background < iou"):
        detector.errors(iou=0.3, background=0.4)
    with pytest.raises(Invalid, match=r"0\.1 ≤ background"):
        detector.errors(background=0.01)
    with pytest.raises(Invalid, match="no ranges of sizes"):
        detector.by_size(sides=(32.0, 0.0))
    with pytest.raises(NotFound, match="no crowding by"):
        detector.by_crowding(by="moon")
    truth, results = problems.make(seed=1, images=3, classes=2, truths=3, detections=4)
    unsized = evaluate_coco(
        truth | {"images": [{"id": one["id"], "file_name": "x.png"} for one in truth["images"]]}, results
    )
    with pytest.raises(Invalid, match="no known size"):
        unsized.calibration(position=True)
