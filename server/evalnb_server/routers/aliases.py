"""Aliases: the names that programs predict under."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.orm import Session

from evalnb.core.outcomes import Rate, Tally
from evalnb.registry import aliases
from evalnb.registry.aliases import AliasChange
from evalnb.store.repositories import models
from evalnb.store.repositories.models import ModelVersion
from evalnb.wire.http import (
    AliasChangeItem,
    AliasDetail,
    AliasItem,
    AliasPage,
    AliasWanted,
    Arm,
    OutcomesComparison,
    VersionName,
)
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, Id
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/projects/{project_id}/aliases", tags=["aliases"])

AliasName = Annotated[str, Path(pattern=r"^[^\x00]*$", max_length=200)]


@router.get("", operation_id="aliases_list", responses=READ)
def page(session: OneSession, who: Who, project_id: Id) -> AliasPage:
    """What the project's aliases stand for."""
    access.project(session, who, project_id)
    return AliasPage(items=[_item(session, one) for one in aliases.all(session, project_id)])


@router.get("/{alias}", operation_id="aliases_get", responses=READ)
def get(session: OneSession, who: Who, project_id: Id, alias: AliasName) -> AliasDetail:
    """What an alias stands for, and ever stood for."""
    access.project(session, who, project_id)
    return _detail(session, aliases.get(session, project_id, alias))


@router.put("/{alias}", operation_id="aliases_put", responses=WRITE)
def put(session: OneSession, who: Who, project_id: Id, alias: AliasName, asked: AliasWanted) -> AliasDetail:
    """Let an alias stand for a version, or split its traffic between two. Made where there is none."""
    access.project(session, who, project_id, role="admin")
    access.version(session, who, asked.champion_id)
    if asked.challenger_id is not None:
        access.version(session, who, asked.challenger_id)
    made = aliases.point(
        session,
        project_id,
        alias,
        asked.champion_id,
        challenger_id=asked.challenger_id,
        share=asked.share,
        note=asked.note,
        author=who.name,
    )
    return _detail(session, made)


@router.delete("/{alias}", operation_id="aliases_delete", status_code=204, responses=READ)
def delete(session: OneSession, who: Who, project_id: Id, alias: AliasName) -> Response:
    """Take an alias away. Its history stays, and the same name may come back."""
    access.project(session, who, project_id, role="admin")
    aliases.remove(session, project_id, alias, author=who.name)
    return Response(status_code=204)


@router.get("/{alias}/outcomes", operation_id="aliases_outcomes", responses=READ)
def outcomes(session: OneSession, who: Who, project_id: Id, alias: AliasName) -> OutcomesComparison:
    """Champion and challenger by the outcomes said since the alias was changed last, with an interval."""
    access.project(session, who, project_id)
    found = aliases.outcomes(session, project_id, alias)
    comparison = found.comparison
    challenger = (
        None
        if found.challenger is None
        else _arm(found.challenger, found.served[1], found.tallies[1], comparison.challenger)
    )
    return OutcomesComparison(
        champion=_arm(found.champion, found.served[0], found.tallies[0], comparison.champion),
        challenger=challenger,
        difference=comparison.difference.value,
        low=comparison.difference.low,
        high=comparison.difference.high,
        level=comparison.level,
        decided=comparison.decided,
        since=found.alias.at,
        sentence=found.sentence,
    )


def version_name(one: ModelVersion) -> VersionName:
    """A version as answers name it."""
    return VersionName(id=one.id, model=one.name, number=one.number)


def _arm(version: ModelVersion, served: int, tally: Tally, mean: Rate) -> Arm:
    return Arm(
        version=version_name(version),
        served=served,
        outcomes=tally.outcomes,
        units=tally.units,
        mean=mean.value,
        low=mean.low,
        high=mean.high,
    )


def _detail(session: Session, alias: AliasChange) -> AliasDetail:
    changes = [
        AliasChangeItem(
            champion_id=one.champion_id,
            challenger_id=one.challenger_id,
            share=one.share,
            note=one.note,
            author=one.author,
            at=one.at,
        )
        for one in aliases.history(session, alias.project_id, alias.alias)
    ]
    return AliasDetail(alias=_item(session, alias), history=changes)


def _item(session: Session, alias: AliasChange) -> AliasItem:
    assert alias.champion_id is not None  # get() and all() give no other
    challenger = None if alias.challenger_id is None else models.get(session, alias.challenger_id)
    return AliasItem(
        name=alias.alias,
        project_id=alias.project_id,
        champion=version_name(models.get(session, alias.champion_id)),
        challenger=None if challenger is None else version_name(challenger),
        share=alias.share,
        note=alias.note,
        author=alias.author,
        since=alias.at,
    )
