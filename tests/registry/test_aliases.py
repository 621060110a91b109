"""Aliases: what a name stands for, who answers for a key, and which of two versions its outcomes favour."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select, update

from evalnb.core.outcomes import Tally, compare, rate
from evalnb.errors import Invalid, NotFound
from evalnb.project import Project
from evalnb.registry import aliases
from evalnb.registry.aliases import Served
from evalnb.store import Store
from evalnb.store.repositories import models, projects
from evalnb.store.tables import ServedPredictionRow


def versions(store: Store, project: str = "main", count: int = 2) -> tuple[int, list[int]]:
    with store.database.transaction() as session:
        project_id = projects.opened(session, project)
        made = [
            models.add(
                session,
                project_id,
                "detector",
                architecture="yolo11n",
                sha256="0" * 64,
                class_names=["bolt"],
                metrics={},
                job_id=None,
                extra={},
            )
            for _ in range(count)
        ]
    return project_id, made


def test_an_alias_moves_and_remembers_where_it_was(store: Store) -> None:
    project, (one, two) = versions(store)
    with store.database.transaction() as session:
        first = aliases.point(session, project, "production", one, author="ada")
        again = aliases.point(session, project, "production", one, author="bob", note="the same")
        split = aliases.point(session, project, "production", one, challenger_id=two, share=0.25, author="bob")
        assert again.id == first.id
        assert (split.champion_id, split.challenger_id, split.share) == (one, two, 0.25)
        aliases.remove(session, project, "production", author="ada", note="retired")
        with pytest.raises(NotFound, match="no alias 'production'"):
            aliases.get(session, project, "production")
        told = [
            (each.champion_id, each.challenger_id, each.author)
            for each in aliases.history(session, project, "production")
        ]
        assert told == [(None, None, "ada"), (one, two, "bob"), (one, None, "ada")]
        assert aliases.all(session, project) == []
        # Brought back, it is the same alias with the same history.
        assert aliases.point(session, project, "production", two, author="ada").alias_id == first.alias_id


def test_what_an_alias_cannot_be(store: Store) -> None:
    project, (one, two) = versions(store)
    elsewhere, (foreign,) = versions(store, "elsewhere", 1)
    with store.database.transaction() as session:
        for name in ("", "A", "a b", "../x", "-a", "a" * 64):
            with pytest.raises(Invalid, match="cannot be an alias"):
                aliases.point(session, project, name, one, author="ada")
        for share in (0.0, 1.0, -0.1, 1.5, math.nan):
            with pytest.raises(Invalid, match="share"):
                aliases.point(session, project, "a", one, challenger_id=two, share=share, author="ada")
        with pytest.raises(Invalid, match="challenge itself"):
            aliases.point(session, project, "a", one, challenger_id=one, author="ada")
        with pytest.raises(Invalid, match="nobody to go to"):
            aliases.point(session, project, "a", one, share=0.5, author="ada")
        for champion, challenger in ((foreign, None), (one, foreign), (10**9, None)):
            with pytest.raises(NotFound, match="no model version"):
                aliases.point(session, project, "a", champion, challenger_id=challenger, author="ada")
        assert aliases.all(session, project) == [] and aliases.all(session, elsewhere) == []


def test_a_notebook_points_an_alias_by_its_project(store: Store) -> None:
    project = Project(store, "main")
    _, (one, two) = versions(store)
    mine, other = models_of(store, one), models_of(store, two)
    assert project.alias("production", mine).challenger_id is None
    split = project.alias("production", mine, challenger=other, share=0.2, note="on trial")
    assert (split.champion_id, split.challenger_id, split.share, split.author) == (one, two, 0.2, "tester")


def models_of(store: Store, version_id: int) -> models.ModelVersion:
    with store.database.transaction() as session:
        return models.get(session, version_id)


def test_a_key_stays_with_its_version_and_a_larger_share_only_adds(store: Store) -> None:
    project, (one, two) = versions(store)
    keys = [f"camera-{n}" for n in range(4000)]
    chosen: list[set[str]] = []
    with store.database.transaction() as session:
        for share in (0.1, 0.3, 0.8):
            alias = aliases.point(session, project, "a", one, challenger_id=two, share=share, author="ada")
            mine = {key for key in keys if aliases.choose(alias, key) == two}
            assert mine == {key for key in keys if aliases.choose(alias, key) == two}
            assert abs(len(mine) / len(keys) - share) < 0.03
            chosen.append(mine)
    assert chosen[0] < chosen[1] < chosen[2]


def serve(
    store: Store, change_id: int, version_id: int, outcomes: list[float | None], keys: list[str | None]
) -> None:
    served = [Served(uuid4(), change_id, version_id, key, 1, 2.0) for key in keys]
    with store.database.transaction() as session:
        aliases.record(session, served)
        for one, outcome in zip(served, outcomes, strict=True):
            if outcome is not None:
                aliases.say_outcome(session, one.id, outcome)


def test_outcomes_decide_between_two_versions_in_one_sentence(store: Store) -> None:
    project, (one, two) = versions(store)
    with store.database.transaction() as session:
        alias = aliases.point(session, project, "a", one, challenger_id=two, share=0.5, author="ada")
        said = aliases.outcomes(session, project, "a").sentence
        assert said.endswith("nothing can be compared until both have outcomes.")
    serve(store, alias.id, one, [1.0] * 56 + [0.0] * 14 + [None] * 5, [None] * 75)
    serve(store, alias.id, two, [1.0] * 48 + [0.0] * 32, [None] * 80)
    with store.database.transaction() as session:
        found = aliases.outcomes(session, project, "a")
    # Newcombe 1998, table II, method 10: 56/70 − 48/80 = +0.2000 (0.0524 to 0.3339).
    assert found.served == (75, 80)
    assert found.comparison.difference.value == pytest.approx(-0.2)
    assert found.comparison.difference.low == pytest.approx(-0.3339, abs=2e-4)
    assert found.comparison.difference.high == pytest.approx(-0.0524, abs=2e-4)
    assert found.sentence == (
        "detector v2 was right in 60.0% of 80, detector v1 was right in 80.0% of 70: 20.0 points less, between -33.4 "
        "and -5.2 points at 95% confidence, so detector v1 is the better one."
    )
    # Pointed elsewhere, the count begins anew.
    with store.database.transaction() as session:
        aliases.point(session, project, "a", one, challenger_id=two, share=0.6, author="ada")
        assert aliases.outcomes(session, project, "a").served == (0, 0)


def test_the_last_word_on_a_prediction_counts(store: Store) -> None:
    project, (one, _) = versions(store)
    mine = uuid4()
    with store.database.transaction() as session:
        alias = aliases.point(session, project, "a", one, author="ada")
        aliases.record(session, [Served(mine, alias.id, one, "k", 0, 1.0)])
        aliases.say_outcome(session, mine, True)
        aliases.say_outcome(session, mine, 0.25)
        found = aliases.outcomes(session, project, "a")
        assert found.comparison.champion.value == 0.25
        assert found.sentence == "detector v1 scored 0.250 on average over 1; it has no challenger."
        assert aliases.project_of(session, mine) == project
        for wrong in (-0.1, 1.1, math.nan):
            with pytest.raises(Invalid):
                aliases.say_outcome(session, mine, wrong)
        with pytest.raises(NotFound):
            aliases.say_outcome(session, uuid4(), True)


def test_outcomes_of_one_key_count_as_belonging_together(store: Store) -> None:
    """Ten cameras with fifty equal outcomes each say what ten outcomes say, not five hundred."""
    project, (one, two) = versions(store)
    with store.database.transaction() as session:
        alias = aliases.point(session, project, "a", one, challenger_id=two, author="ada")
    keys: list[str | None] = [f"camera-{n // 50}" for n in range(500)]
    serve(store, alias.id, one, [float(n // 50 < 6) for n in range(500)], keys)
    serve(store, alias.id, two, [float(n // 50 < 8) for n in range(500)], keys)
    with store.database.transaction() as session:
        found = aliases.outcomes(session, project, "a").comparison
    assert (found.champion.value, found.challenger.value) == (0.6, 0.8)
    assert not found.decided
    plain = compare(Tally(500, 500, 300, 300, 300, 500, False), Tally(500, 500, 400, 400, 400, 500, False))
    assert plain.decided


def test_the_intervals_hold_their_level() -> None:
    """By simulation: 95 % intervals cover the true difference about so often, also near 1 and with clusters."""
    rng = np.random.default_rng(3)
    for p, q, n, size in ((0.5, 0.55, 40, 1), (0.97, 0.94, 60, 1), (0.8, 0.7, 25, 8)):
        covered = 0
        for _ in range(1500):
            both = []
            for mean in (p, q):
                # Units differ among themselves: their own chance of being right is drawn around the mean.
                chance = rng.beta(mean * 3, (1 - mean) * 3, n) if size > 1 else np.full(n, mean)
                y = rng.binomial(size, chance).astype(float)
                both.append(
                    Tally(n, n * size, float(y.sum()), float(y @ y), float(y.sum() * size), n * size**2, False)
                )
            difference = compare(*both).difference
            covered += difference.low <= q - p <= difference.high
        assert 0.93 <= covered / 1500 <= 0.99, (p, q, n, size)


def test_few_outcomes_say_little_and_nothing_says_nothing() -> None:
    nothing = Tally(0, 0, 0, 0, 0, 0, False)
    one = Tally(1, 1, 1, 1, 1, 1, False)
    assert math.isnan(rate(nothing).value)
    assert rate(one).low < 0.25 and rate(one).high == 1.0
    assert rate(Tally(1, 30, 30, 900, 900, 900, False)) == rate(Tally(1, 5, 5, 25, 25, 25, True))
    assert math.isnan(compare(one, nothing).difference.value) and not compare(one, nothing).decided


def test_old_answers_without_an_outcome_go_and_the_others_stay(store: Store) -> None:
    project, (first, _) = versions(store)
    with store.database.transaction() as session:
        change = aliases.point(session, project, "live", first, author="ada")
        kept, old, said = uuid4(), uuid4(), uuid4()
        aliases.record(session, [Served(one, change.id, first, None, 1, 5.0) for one in (kept, old, said)])
        aliases.say_outcome(session, said, 1.0)
        days = store.settings.served_days
        for one, age in ((kept, days - 1), (old, days + 1), (said, days + 1)):
            session.execute(
                update(ServedPredictionRow)
                .where(ServedPredictionRow.id == one)
                .values(at=datetime.now(UTC) - timedelta(days=age))
            )
    assert aliases.prune(store) == 1
    assert aliases.prune(store) == 0
    with store.database.transaction() as session:
        assert set(session.scalars(select(ServedPredictionRow.id))) == {kept, said}


def test_an_answer_whose_outcome_is_being_said_is_not_removed(store: Store) -> None:
    project, (first, _) = versions(store)
    one = uuid4()
    with store.database.transaction() as session:
        change = aliases.point(session, project, "live", first, author="ada")
        aliases.record(session, [Served(one, change.id, first, None, 1, 5.0)])
        session.execute(update(ServedPredictionRow).values(at=datetime.now(UTC) - timedelta(days=1000)))
    with store.database.transaction() as session:
        aliases.say_outcome(session, one, 1.0)
        assert aliases.prune(store) == 0
    with store.database.transaction() as session:
        assert session.scalars(select(ServedPredictionRow.outcome)).all() == [1.0]
