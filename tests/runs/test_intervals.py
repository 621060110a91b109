"""Intervals say how sure a number is; drawn populations, whose truth is known, say whether they are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.population import Drawn, Population, draw
from evalnb.core import metrics
from evalnb.core.matching import Matches
from evalnb.core.resampling import NOTHING, Strength, Units, interval, t_probability, t_quantile
from evalnb.errors import Invalid, NotFound
from evalnb.runs.columns import Images
from evalnb.runs.evaluation import Evaluation
from evalnb.runs.files import evaluate_coco
from tests.parity import problems
from tests.runs.drawn import evaluations

MIDDLING = Population()


def test_the_same_seed_draws_the_same_interval() -> None:
    (one,) = evaluations(draw(MIDDLING, 60, 1))
    again = Evaluation(one.matches, one.class_names, one.images, one.records)
    assert one.interval("AP", replicates=60) == again.interval("AP", replicates=60)
    assert one.interval("AP", replicates=60) != one.interval("AP", replicates=60, seed=1)


def test_weights_count_every_unit_as_often_as_it_was_drawn() -> None:
    keep = np.array([True, False, True, True, True])
    units = Units.among(5, keep, np.array([7, 7, 7, 3, 3]))
    (weights,) = units.weights(500, seed=0)
    assert units.count == 2 and (weights[:, 1] == 0).all()
    assert (weights[:, 0] == weights[:, 2]).all() and (weights[:, 3] == weights[:, 4]).all()
    assert (weights[:, 0] + weights[:, 3] == 2).all()
    assert weights[:, 0].mean() == pytest.approx(1, abs=0.1)


def test_pieces_of_weights_are_small_and_the_same_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    units = Units.among(30)
    (whole,) = units.weights(50, seed=3)
    monkeypatch.setattr("evalnb.core.resampling._MOST_WEIGHTS", 300)
    pieces = list(units.weights(50, seed=3))
    assert [len(one) for one in pieces] == [10] * 5
    assert (np.concatenate(pieces) == whole).all()


def test_wallace_s_t_is_student_s() -> None:
    # Tabulated two-sided 95 % points of Student's t.
    for freedom, point in ((2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (1e9, 1.960)):
        assert t_quantile(0.975, freedom) == pytest.approx(point, rel=0.045 if freedom < 5 else 0.003)
        assert t_probability(t_quantile(0.975, freedom), freedom) == pytest.approx(0.05)
    assert t_quantile(0.975, 0) == math.inf and t_probability(5.0, 0) == 1


def test_few_images_of_each_class_widen_an_interval() -> None:
    many, few = Strength.of(np.full(80, 400), 5000), Strength.of(np.array([3, 4, 40]), 100)
    assert many.factor == pytest.approx(1, abs=0.01) and few.factor > 1.2
    assert few.reach(0.975) > 1.15 * many.reach(0.975)
    # One class alone is a sample of as many as bear it: m / (m - 1) and m - 1 degrees.
    assert Strength.of(np.array([5]), 50) == Strength(factor=pytest.approx(1.25), freedom=pytest.approx(4))
    assert interval(0.5, np.full(9, 0.5), Strength.of(np.array([1]), 50), 0.95) == NOTHING


def test_replicates_lie_high_and_the_interval_does_not() -> None:
    (one,) = evaluations(draw(Population(classes=20), 150, 2))
    found = one.interval("AP", replicates=200)
    assert found.bias > 0.5 * found.standard_error
    assert found.low < found.value < found.high
    assert (found.low + found.high) / 2 == pytest.approx(found.value, abs=0.3 * found.standard_error)


def test_groups_of_alike_images_widen_an_interval() -> None:
    drawn = draw(Population(scene_spread=1.2, images_per_scene=10), 300, 4)
    (one,) = evaluations(drawn)
    alone = one.interval("AR100", replicates=200)
    for by in ("scene:", dict(enumerate(drawn.scene.tolist())), drawn.scene):
        grouped = one.interval("AR100", replicates=200, by=by)
        assert grouped.groups == 30 and alone.groups is None
        assert grouped.standard_error > 1.3 * alone.standard_error


def test_groups_must_be_of_these_images() -> None:
    drawn = draw(MIDDLING, 12, 1)
    (one,) = evaluations(drawn)
    with pytest.raises(NotFound, match="begins with 'camera'"):
        one.interval(by="camera")
    with pytest.raises(Invalid, match="image 11 has no group"):
        one.interval(by=dict.fromkeys(range(11)))
    with pytest.raises(Invalid, match="3 groups for 12 images"):
        one.interval(by=[1, 2, 3])
    two = tuple(frozenset({"scene:1", "scene:2"}) for _ in range(12))
    both = Evaluation(
        one.matches, one.class_names, Images(one.images.id, one.images.name, two, one.images.size), one.records
    )
    with pytest.raises(Invalid, match="of 'scene:1' and of 'scene:2'"):
        both.interval(by="scene")
    with pytest.raises(NotFound, match="no number 'mAP'"):
        one.interval("mAP")
    with pytest.raises(Invalid, match="95"):
        one.interval(level=95)


def test_a_slice_draws_only_its_own_images() -> None:
    (one,) = evaluations(draw(MIDDLING, 200, 8))
    part = one.where(tag="night")
    found = part.interval("AP", replicates=100)
    assert found.images == part.image_count() < 60
    assert found.standard_error > 1.3 * one.interval("AP", replicates=100).standard_error
    assert found.value == part.summary()["AP"]


def test_a_class_that_vanishes_is_left_out_and_warned_of() -> None:
    (one,) = evaluations(draw(Population(classes=12, truths_per_image=2, rarest=0.004), 60, 4))
    frame = one.class_intervals(replicates=150).set_index("class")
    bearing = metrics.bearing(one.matches)[:, 0]
    made = one.where(classes=["class 0"]).interval("AP", replicates=150)
    assert 0 < bearing[0] < 10 and made.replicates < 150
    assert frame.loc["class 0", "warning"] == f"its truths are in only {bearing[0]} images"
    assert frame.loc["class 11", "warning"] is None
    assert frame["value"].tolist() == one.per_class()["AP"].tolist()
    # No replicate that lacks the class may count as an AP of -1 or 0 of it.
    assert frame.loc["class 0", "low"] >= 0


def test_small_samples_are_warned_of_and_shown_so() -> None:
    (one,) = evaluations(draw(MIDDLING, 8, 1))
    found = one.interval("AP", replicates=50)
    assert (
        found.warning == "only 8 images" and "only 8 images" in repr(found) and "only 8 images" in found._repr_html_()
    )
    nothing = one.where(images=[0]).interval("AP", replicates=50)
    assert math.isnan(nothing.low) and "too small" in nothing._repr_html_()
    (good,) = evaluations(draw(MIDDLING, 100, 1))
    shown = good.interval("AP", replicates=50)
    assert shown.warning is None
    assert repr(shown) == f"AP {shown.value:.3f} [{shown.low:.3f}, {shown.high:.3f}]"
    assert good.intervals(replicates=50)["number"].tolist() == list(good.summary())


def coverage(images: int, datasets: int, replicates: int, population: Population) -> dict[str, float]:
    """The share of drawn datasets whose interval holds what datasets of this size give on average."""
    drawn: list[Drawn] = [draw(population, images, [1, at]) for at in range(datasets)]
    more = [draw(population, images, [2, at]).matches[0] for at in range(datasets)]
    values = np.array([ap_of(one.matches[0]) for one in drawn])
    truth = np.concatenate([values, [ap_of(one) for one in more]]).mean()
    held = {"centred": 0, "plain": 0}
    for at, one in enumerate(drawn):
        units = Units.among(images)
        (weights,) = units.weights(replicates, seed=at)
        found = metrics.replicates(one.matches[0], weights).numbers[:, 0]
        strength = Strength.of(metrics.bearing(one.matches[0])[:, 0], units.count)
        low, high = np.quantile(found, [0.025, 0.975])
        mine = interval(values[at], found, strength, 0.95)
        held["centred"] += mine.low <= truth <= mine.high
        held["plain"] += low <= truth <= high
    return {name: many / datasets for name, many in held.items()}


def ap_of(matches: Matches) -> float:
    return metrics.summary(matches)["AP"]


def test_intervals_of_95_percent_hold_the_truth_in_93_to_97_of_100_datasets() -> None:
    held = coverage(images=60, datasets=250, replicates=100, population=Population(classes=12))
    assert 0.93 <= held["centred"] <= 0.97, held
    # What the usual interval does on the same datasets: the test can tell.
    assert held["plain"] < 0.93, held


def test_one_area_range_and_keypoints_have_intervals_too() -> None:
    (one,) = evaluations(draw(MIDDLING, 80, 1))
    small = one.where(area="small").intervals(replicates=60).set_index("number")
    assert small.loc["AP", "value"] == one.summary()["APs"]
    assert small.loc["AP", ["low", "high"]].tolist() == small.loc["APs", ["low", "high"]].tolist()
    assert math.isnan(small.loc["APm", "low"]) and small.loc["APm", "warning"] is None
    problem = problems.make(seed=3, kind="keypoints", images=12, classes=1, truths=6, detections=8, crowd=0.0)
    frame = evaluate_coco(*problem, "keypoints").intervals(replicates=60)
    assert frame["number"].tolist() == ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]
    assert (frame["low"] <= frame["value"])[frame["value"] > -1].all()
