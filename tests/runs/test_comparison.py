"""Two evaluations of the same images, and many: what differs, how surely, and what may not be compared."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import evalnb as ev
from benchmarks.population import Population, draw
from evalnb.core import metrics
from evalnb.core.resampling import Strength, Units, benjamini_hochberg, difference, holm, simultaneous
from evalnb.errors import Invalid
from evalnb.runs.evaluation import Evaluation
from tests.runs.drawn import evaluations

MIDDLING = Population()


@pytest.fixture(scope="module")
def two() -> tuple[Evaluation, Evaluation]:
    """A detector and a worse one on 150 images."""
    better, worse = evaluations(draw(MIDDLING, 150, 3, better=(0.8, 0.0)))
    return better, worse


def test_a_better_detector_is_called_better(two: tuple[Evaluation, Evaluation]) -> None:
    one = two[0].compare(two[1], replicates=200)
    ap = one.numbers.iloc[0]
    assert 0 < ap["low"] < ap["difference"] < ap["high"] and ap["p"] < 0.05
    assert one.sentence.startswith(f"This one is better: AP {ap['this']:.3f} against {ap['other']:.3f} on 150 images")
    assert two[1].compare(two[0], replicates=200).sentence.startswith("This one is worse")
    assert one.wins > one.losses and one.wins + one.losses <= 150
    assert one.warning is None
    assert "<svg" in one._repr_html_() and one.sentence in repr(one)


def test_the_other_way_round_is_the_same_with_its_sign_turned(two: tuple[Evaluation, Evaluation]) -> None:
    one, back = two[0].compare(two[1], replicates=50), two[1].compare(two[0], replicates=50)
    for mine, theirs in ((one.numbers, back.numbers), (one.classes, back.classes), (one.slices, back.slices)):
        np.testing.assert_allclose(mine["difference"], -theirs["difference"])
        np.testing.assert_allclose(mine["low"], -theirs["high"])
        np.testing.assert_allclose(mine["p"], theirs["p"])


def test_an_evaluation_does_not_differ_from_itself(two: tuple[Evaluation, Evaluation]) -> None:
    one = two[0].compare(two[0], replicates=50)
    assert set(one.numbers["difference"]) == {0} and set(one.numbers["p"]) == {1}
    assert "score the same" in one.sentence and one.wins == one.losses == 0


def test_pairs_are_drawn_together_whatever_the_order_of_the_images(two: tuple[Evaluation, Evaluation]) -> None:
    other = two[1]
    turned = len(other.images.id) - 1 - other.matches.image
    images = other.images
    backwards = dataclasses.replace(
        other,
        matches=dataclasses.replace(
            other.matches,
            image=turned.astype(np.int32),
            images=other.matches.images[::-1].copy(),
            truth_image=(len(images.id) - 1 - other.matches.truth_image).astype(np.int32),
        ),
        images=dataclasses.replace(images, id=images.id[::-1].copy(), name=images.name[::-1], tags=images.tags[::-1]),
    )
    plain, moved = two[0].compare(other, replicates=60), two[0].compare(backwards, replicates=60)
    assert moved.numbers["low"].tolist() == pytest.approx(plain.numbers["low"].tolist(), abs=1e-9)
    assert moved.images["difference"].tolist() == plain.images["difference"].tolist()


def test_slices_are_compared_on_their_own_images(two: tuple[Evaluation, Evaluation]) -> None:
    one = two[0].compare(two[1], replicates=50)
    frame = one.slices.set_index("tag")
    assert list(frame.index) == ["day", "night"] and frame["images"].sum() == 150
    night = [each.where(tag="night").summary()["AP"] for each in two]
    assert frame.loc["night", ["this", "other"]].tolist() == night
    assert frame.loc["night", "detectable"] > one.numbers["detectable"].iloc[0]
    assert two[0].compare(two[1], by="d", replicates=50).slice_tags() == ["night"]


def test_a_class_that_only_one_names_has_no_difference(two: tuple[Evaluation, Evaluation]) -> None:
    renamed = dataclasses.replace(two[1], class_names={**two[1].class_names, 5: "lorry"})
    frame = two[0].compare(renamed, replicates=30).classes.set_index("class")
    assert math.isnan(frame.loc["class 5", "difference"]) and math.isnan(frame.loc["lorry", "p_adjusted"])
    assert frame.loc["class 4", "p_adjusted"] >= frame.loc["class 4", "p"]


def test_different_images_are_refused_with_the_way_out(two: tuple[Evaluation, Evaluation]) -> None:
    some = two[1].where(images=range(20))
    with pytest.raises(Invalid, match=r"different images \(150 and 20, 20 of them in both\).*where\(images="):
        two[0].compare(some)
    shared = set(two[0].images.id) & set(range(20))
    assert two[0].where(images=shared).compare(some, replicates=20).warning == "only 20 images"
    with pytest.raises(Invalid, match="evaluate both on the same dataset"):
        two[0].where(images=range(20, 30)).compare(some)
    with pytest.raises(Invalid, match="same area"):
        two[0].where(area="small").compare(two[1])
    with pytest.raises(Invalid, match="no spread"):
        two[0].compare(two[1], replicates=1)


def test_two_images_prove_nothing(two: tuple[Evaluation, Evaluation]) -> None:
    both = [one.where(images=[0, 1], classes=["class 5"]) for one in two]
    one = both[0].compare(both[1], replicates=40)
    assert one.numbers["p"].min() > 0.05 or one.numbers["p"].isna().all()
    assert one.sentence.startswith(("No difference is shown", "Too few images", "The two score", "Nothing can"))


def test_p_is_even_and_intervals_hold_when_two_detectors_are_equal() -> None:
    found = []
    for at in range(160):
        drawn = draw(Population(classes=5), 60, [5, at], better=(0.0, 0.0))
        units = Units.among(60)
        (weights,) = units.weights(80, seed=at)
        mine, theirs = (metrics.replicates(one, weights).numbers[:, 0] for one in drawn.matches)
        values = [metrics.summary(one)["AP"] for one in drawn.matches]
        strength = Strength.of(metrics.bearing(drawn.matches[0])[:, 0], 60)
        found.append(difference(values[0] - values[1], mine - theirs, strength, 0.95))
    p = np.array([one.p for one in found])
    # Kolmogorov's bound for 160 draws, at 1 in 1,000.
    assert np.abs(np.sort(p) - (np.arange(160) + 0.5) / 160).max() < 1.95 / np.sqrt(160)
    assert (p < 0.05).mean() <= 0.09
    held = np.mean([one.low <= 0 <= one.high for one in found])
    assert held == np.mean(p > 0.05) and 0.91 <= held <= 0.99


def test_what_is_detectable_is_found_four_times_of_five() -> None:
    # Normal replicates of a known error: a true difference of the detectable size is found as often as promised.
    rng, strength = np.random.default_rng(0), Strength(factor=1.0, freedom=1e6)
    one = difference(0.0, rng.normal(0, 0.01, 200_000), strength, 0.95)
    assert one.detectable == pytest.approx((1.960 + 0.842) * 0.01, rel=0.01)
    found = np.abs(rng.normal(one.detectable, 0.01, 100_000)) > 1.960 * 0.01
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_adjustments_are_those_of_the_papers() -> None:
    # Benjamini and Hochberg 1995, section 4: fifteen tests, of which the first four stand at 0.05.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    assert (benjamini_hochberg(np.array(p)) <= 0.05).sum() == 4
    assert (holm(np.array(p)) <= 0.05).sum() == 3
    shuffled = np.array([0.02, np.nan, 0.01])
    assert benjamini_hochberg(shuffled).tolist() == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert holm(shuffled).tolist() == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)


def test_all_differences_stay_together_as_often_as_promised() -> None:
    rng, outside = np.random.default_rng(1), 0
    for _ in range(400):
        values = rng.normal(0, 1, 10)
        replicates = rng.normal(0, 1, (400, 10))
        reach, p = simultaneous(values, replicates, 1.0, 0.95)
        away = np.abs(values) / replicates.std(axis=0, ddof=1)
        outside += bool((away > reach).any())
        assert ((p < 0.05) <= (away > 0.99 * reach)).all() and ((away > 1.01 * reach) <= (p < 0.06)).all()
    assert 0.02 <= outside / 400 <= 0.09


def test_many_runs_are_ranked_and_ties_are_said() -> None:
    names = ("low", "same", "<b>high</b>")
    runs = dict(zip(names, evaluations(draw(MIDDLING, 150, 6, better=(0.0, 0.0, 1.4))), strict=True))
    one = ev.compare_many(runs, replicates=150)
    assert one.table["run"].iloc[0] == "<b>high</b>" and one.table["rank"].tolist() == [1, 2, 3]
    assert one.table[["best_rank", "worst_rank"]].to_numpy().tolist() == [[1, 1], [2, 3], [2, 3]]
    assert "better than every other run" in one.sentence and one.sentence in repr(one)
    alone = runs["low"].interval("AP", replicates=150)
    row = one.table.set_index("run").loc["low"]
    assert (row["value"], row["low"], row["high"]) == (alone.value, alone.low, alone.high)
    # Claims that hold together are more careful than one that stands alone.
    pair = one.pairs.set_index(["this", "other"]).loc[("<b>high</b>", "low")]
    single = runs["<b>high</b>"].compare(runs["low"], replicates=150).numbers.iloc[0]
    assert pair["difference"] == single["difference"] and pair["low"] < single["low"]
    assert "<b>high" not in one._repr_html_()
    tied = ev.compare_many({name: runs[name] for name in names[:2]}, replicates=60)
    assert "cannot be told from" in tied.sentence and tied.table["worst_rank"].tolist() == [2, 2]
    with pytest.raises(Invalid, match="compare two or more"):
        ev.compare_many({"low": runs["low"]})
    with pytest.raises(Invalid, match="different images"):
        ev.compare_many({"low": runs["low"], "few": runs["same"].where(images=[1, 2])})
