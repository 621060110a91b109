"""Aliases, their changes, and what was predicted under them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, Text, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from evalnb.core.outcomes import Tally
from evalnb.errors import NotFound
from evalnb.store.tables import AliasChangeRow, ModelAliasRow, ServedPredictionRow


@dataclass(frozen=True, slots=True)
class AliasChange:
    """What an alias has stood for since ``at``, until its next change."""

    id: int
    alias_id: int
    project_id: int
    alias: str
    """The alias's name."""
    champion_id: int | None
    """None: the alias was taken away."""
    challenger_id: int | None
    share: float
    """The challenger's share of the traffic, 0 to 1."""
    note: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """One answered prediction, to be kept."""

    id: UUID
    change_id: int
    version_id: int
    key: str | None
    detections: int
    took_ms: float


def locked(session: Session, project_id: int, name: str) -> int:
    """The id of the alias of that name, made where there is none; its row stays locked, so that changes queue."""
    session.execute(upsert(ModelAliasRow).values(project_id=project_id, name=name).on_conflict_do_nothing())
    return session.scalars(
        select(ModelAliasRow.id)
        .where(ModelAliasRow.project_id == project_id, ModelAliasRow.name == name)
        .with_for_update()
    ).one()


def change(
    session: Session,
    alias_id: int,
    *,
    champion_id: int | None,
    challenger_id: int | None,
    share: float,
    note: str,
    author: str,
) -> None:
    """Let the alias stand for something else from now on."""
    session.execute(
        insert(AliasChangeRow).values(
            alias_id=alias_id,
            champion_id=champion_id,
            challenger_id=challenger_id,
            share=share,
            note=note,
            author=author,
        )
    )


def current(session: Session, project_id: int, name: str) -> AliasChange | None:
    """The newest change of the alias of that name; None where there never was one."""
    chosen = _changes().where(ModelAliasRow.project_id == project_id, ModelAliasRow.name == name)
    row = session.execute(chosen.order_by(AliasChangeRow.id.desc()).limit(1)).one_or_none()
    return None if row is None else _record(row)


def get(session: Session, project_id: int, name: str) -> AliasChange:
    """What the alias stands for now; NotFound, saying which ones are near, if it stands for nothing."""
    found = current(session, project_id, name)
    if found is not None and found.champion_id is not None:
        return found
    names = [one.alias for one in all(session, project_id)]
    near = difflib.get_close_matches(name, names, n=3) or names[:5]
    raise NotFound(
        f"the project has no alias {name!r}",
        remedy=f"use one of {', '.join(map(repr, near))}" if near else "give a model version an alias first",
    )


def all(session: Session, project_id: int) -> list[AliasChange]:
    """What the project's aliases stand for now, by name."""
    newest = (
        _changes()
        .where(ModelAliasRow.project_id == project_id)
        .ext(distinct_on(AliasChangeRow.alias_id))
        .order_by(AliasChangeRow.alias_id, AliasChangeRow.id.desc())
    )
    found = [_record(row) for row in session.execute(newest)]
    return sorted((one for one in found if one.champion_id is not None), key=lambda one: one.alias)


def history(session: Session, project_id: int, name: str, *, limit: int = 100) -> list[AliasChange]:
    """The alias's changes, newest first."""
    chosen = _changes().where(ModelAliasRow.project_id == project_id, ModelAliasRow.name == name)
    return [_record(row) for row in session.execute(chosen.order_by(AliasChangeRow.id.desc()).limit(limit))]


def record(session: Session, served: Sequence[Served]) -> None:
    """Keep what was answered."""
    if served:
        session.execute(
            insert(ServedPredictionRow),
            [
                {
                    "id": one.id,
                    "change_id": one.change_id,
                    "version_id": one.version_id,
                    "key": one.key,
                    "detections": one.detections,
                    "took_ms": one.took_ms,
                }
                for one in served
            ],
        )


def project_of(session: Session, prediction_id: UUID) -> int:
    """The project that a served prediction belongs to; NotFound if there is none of that id."""
    found = session.scalar(
        select(ModelAliasRow.project_id)
        .join(AliasChangeRow, AliasChangeRow.alias_id == ModelAliasRow.id)
        .join(ServedPredictionRow, ServedPredictionRow.change_id == AliasChangeRow.id)
        .where(ServedPredictionRow.id == prediction_id)
    )
    if found is None:
        raise NotFound(f"there is no prediction {prediction_id}", remedy="use the id that /api/predict answered with")
    return found


def set_outcome(session: Session, prediction_id: UUID, outcome: float) -> None:
    """Say what became of a prediction. Said again, the last word counts. NotFound if there is none of that id."""
    done = session.scalar(
        update(ServedPredictionRow)
        .where(ServedPredictionRow.id == prediction_id)
        .values(outcome=outcome, outcome_at=func.now())
        .returning(ServedPredictionRow.id)
    )
    if done is None:
        raise NotFound(f"there is no prediction {prediction_id}", remedy="use the id that /api/predict answered with")


def prune(session: Session, *, days: float, limit: int) -> int:
    """Remove at most ``limit`` answers that are older than ``days`` and have no outcome; how many went.

    What somebody said the outcome of stays for ever. One whose outcome is being said right now is passed over.
    """
    row = ServedPredictionRow
    old = row.at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, days * 86_400)
    due = select(row.id).where(row.outcome.is_(None), old).limit(limit).with_for_update(skip_locked=True)
    return len(session.scalars(delete(row).where(row.id.in_(due)).returning(row.id)).all())


def served_count(session: Session, change_id: int) -> dict[int, int]:
    """Model version → how many kept predictions it answered under this change."""
    rows = session.execute(
        select(ServedPredictionRow.version_id, func.count())
        .where(ServedPredictionRow.change_id == change_id)
        .group_by(ServedPredictionRow.version_id)
    )
    return {version: count for version, count in rows}


def tallies(session: Session, change_id: int) -> Mapping[int, Tally]:
    """Model version → its outcomes under this change, summed in the database over the units they come in."""
    row = ServedPredictionRow
    unit = (
        select(
            row.version_id,
            func.count().label("n"),
            func.sum(row.outcome).label("y"),
            func.bool_or((row.outcome > 0) & (row.outcome < 1)).label("scores"),
        )
        .where(row.change_id == change_id, row.outcome.is_not(None))
        .group_by(row.version_id, row.key, func.coalesce(row.key, cast(row.id, Text)))
        .subquery()
    )
    summed = select(
        unit.c.version_id,
        func.count(),
        func.sum(unit.c.n),
        func.sum(unit.c.y),
        func.sum(unit.c.y * unit.c.y),
        func.sum(unit.c.y * unit.c.n),
        func.sum(unit.c.n * unit.c.n),
        func.bool_or(unit.c.scores),
    ).group_by(unit.c.version_id)
    return {
        version: Tally(int(units), int(n), float(y), float(yy), float(yn), float(nn), bool(scores))
        for version, units, n, y, yy, yn, nn, scores in session.execute(summed)
    }


def _changes() -> Select[AliasChangeRow, int, str]:
    return select(AliasChangeRow, ModelAliasRow.project_id, ModelAliasRow.name).join(
        ModelAliasRow, ModelAliasRow.id == AliasChangeRow.alias_id
    )


def _record(row: Row[AliasChangeRow, int, str]) -> AliasChange:
    made, project_id, name = row
    return AliasChange(
        id=made.id,
        alias_id=made.alias_id,
        project_id=project_id,
        alias=name,
        champion_id=made.champion_id,
        challenger_id=made.challenger_id,
        share=made.share,
        note=made.note,
        author=made.author,
        at=made.at,
    )
