"""Aliases: the names that programs predict under. One stands for a version, or splits its traffic between two.

The champion answers; a challenger, where there is one, answers its share of the keys instead. What an alias has ever
stood for is kept, so that outcomes are compared within one split and never across a change.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from evalnb.core.outcomes import OutcomeComparison, Tally, compare
from evalnb.errors import Invalid, NotFound
from evalnb.store import Store
from evalnb.store.repositories import aliases as rows
from evalnb.store.repositories import models
from evalnb.store.repositories.aliases import AliasChange, Served
from evalnb.store.repositories.models import ModelVersion

__all__ = [
    "AliasChange",
    "Outcomes",
    "Served",
    "all",
    "choose",
    "get",
    "history",
    "outcomes",
    "point",
    "project_of",
    "prune",
    "record",
    "remove",
    "say_outcome",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_NOTHING = Tally(0, 0, 0.0, 0.0, 0.0, 0.0, False)

all = rows.all
get = rows.get
history = rows.history
record = rows.record
project_of = rows.project_of
_AT_ONCE = 10_000


def prune(store: Store) -> int:
    """Remove answers older than EVALNB_SERVED_DAYS that nobody said the outcome of; how many went."""
    removed = 0
    while True:
        with store.database.transaction() as session:
            went = rows.prune(session, days=store.settings.served_days, limit=_AT_ONCE)
        removed += went
        if went < _AT_ONCE:
            return removed


def point(
    session: Session,
    project_id: int,
    name: str,
    champion_id: int,
    *,
    challenger_id: int | None = None,
    share: float | None = None,
    note: str = "",
    author: str,
) -> AliasChange:
    """Let the alias ``name`` stand for a model version, or split its traffic; what it stands for from now on.

    ``share`` is the challenger's part of the traffic, above 0 and below 1 (0.1 where none is given). Pointed at what
    it stands for already, nothing changes, and outcomes go on being counted together.

    NotFound if a version is not the project's; Invalid for a name that would not do in an address, a share out of
    bounds, or a challenger that is the champion.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} cannot be an alias",
            remedy="use up to 63 small letters, digits, dots, dashes and underscores, such as 'production'",
        )
    weight = _share(challenger_id, share)
    if challenger_id == champion_id:
        raise Invalid(
            f"model version {champion_id} would challenge itself", remedy="name another version, or no challenger"
        )
    for version_id in (champion_id, challenger_id):
        if version_id is not None:
            _own(session, project_id, version_id)
    alias_id = rows.locked(session, project_id, name)
    now = rows.current(session, project_id, name)
    if now is not None and (now.champion_id, now.challenger_id, now.share) == (champion_id, challenger_id, weight):
        return now
    rows.change(
        session,
        alias_id,
        champion_id=champion_id,
        challenger_id=challenger_id,
        share=weight,
        note=note,
        author=author,
    )
    return rows.get(session, project_id, name)


def remove(session: Session, project_id: int, name: str, *, author: str, note: str = "") -> None:
    """Take the alias away: predicting under it is refused from now on. Its history stays. NotFound without one."""
    alias_id = rows.get(session, project_id, name).alias_id
    rows.locked(session, project_id, name)
    rows.change(session, alias_id, champion_id=None, challenger_id=None, share=0.0, note=note, author=author)


def choose(alias: AliasChange, key: str) -> int:
    """The model version that answers for ``key``: always the same one for as long as the split stands.

    A larger share moves keys to the challenger and none back: a key's place in [0, 1) depends on the alias and the
    key alone.
    """
    assert alias.champion_id is not None  # get() gives no other
    if alias.challenger_id is None:
        return alias.champion_id
    digest = hashlib.sha256(f"{alias.alias_id}:{key}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2.0**64
    return alias.challenger_id if place < alias.share else alias.champion_id


def say_outcome(session: Session, prediction_id: UUID, outcome: bool | float) -> None:
    """Say whether a prediction was right: true, false, or a score from 0 to 1. The last word counts.

    NotFound for an unknown prediction, Invalid for a score out of bounds.
    """
    score = float(outcome)
    if not 0 <= score <= 1:
        raise Invalid(f"the outcome is {score:g}", remedy="give true, false, or a score from 0 to 1")
    rows.set_outcome(session, prediction_id, score)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of an alias's predictions since its last change."""

    alias: AliasChange
    champion: ModelVersion
    challenger: ModelVersion | None
    served: tuple[int, int]
    """How many predictions the champion and the challenger answered."""
    tallies: tuple[Tally, Tally]
    comparison: OutcomeComparison
    sentence: str
    """All of it, for a person."""


def outcomes(session: Session, project_id: int, name: str, *, level: float = 0.95) -> Outcomes:
    """Compare champion and challenger by the outcomes recorded since the alias was last changed. NotFound without
    the alias."""
    alias = rows.get(session, project_id, name)
    assert alias.champion_id is not None  # get() gives no other
    champion = models.get(session, alias.champion_id)
    challenger = None if alias.challenger_id is None else models.get(session, alias.challenger_id)
    counts, sums = rows.served_count(session, alias.id), rows.tallies(session, alias.id)
    both = [champion.id, challenger.id if challenger else -1]
    served = (counts.get(both[0], 0), counts.get(both[1], 0))
    tallies = (sums.get(both[0], _NOTHING), sums.get(both[1], _NOTHING))
    comparison = compare(*tallies, level=level)
    return Outcomes(
        alias=alias,
        champion=champion,
        challenger=challenger,
        served=served,
        tallies=tallies,
        comparison=comparison,
        sentence=_sentence(champion, challenger, tallies, comparison),
    )


def _share(challenger_id: int | None, share: float | None) -> float:
    if challenger_id is None:
        if share:
            raise Invalid(f"a share of {share:g} has nobody to go to", remedy="name a challenger, or no share")
        return 0.0
    weight = 0.1 if share is None else share
    if not 0 < weight < 1:
        raise Invalid(f"the challenger's share is {weight:g}", remedy="give a number between 0 and 1, such as 0.1")
    return weight


def _own(session: Session, project_id: int, version_id: int) -> None:
    if models.get(session, version_id).project_id != project_id:
        # In the words for one that does not exist: another project's versions are nobody's business.
        raise NotFound(f"there is no model version {version_id}", remedy="list the versions with project.models()")


def _sentence(
    champion: ModelVersion, challenger: ModelVersion | None, tallies: tuple[Tally, Tally], found: OutcomeComparison
) -> str:
    one = _title(champion)
    if challenger is None:
        return f"{one} {_did(found.champion.value, tallies[0])}; it has no challenger."
    other = _title(challenger)
    if math.isnan(found.difference.value):
        told = f"{one} {_did(found.champion.value, tallies[0])}, {other} {_did(found.challenger.value, tallies[1])}"
        return f"{told}; nothing can be compared until both have outcomes."
    points = 100 * found.difference.value
    way = "the same" if abs(points) < 0.05 else f"{abs(points):.1f} points {'more' if points > 0 else 'less'}"
    verdict = (
        f"so {other if found.difference.low > 0 else one} is the better one"
        if found.decided
        else "so nothing is decided"
    )
    return (
        f"{other} {_did(found.challenger.value, tallies[1])}, {one} {_did(found.champion.value, tallies[0])}: "
        f"{way}, between {100 * found.difference.low:+.1f} and {100 * found.difference.high:+.1f} points at "
        f"{found.level:.0%} confidence, {verdict}."
    )


def _did(value: float, tally: Tally) -> str:
    if not tally.outcomes:
        return "has no outcomes"
    if tally.scores:
        return f"scored {value:.3f} on average over {tally.outcomes:,}"
    return f"was right in {value:.1%} of {tally.outcomes:,}"


def _title(version: ModelVersion) -> str:
    return f"{version.name} v{version.number}"
