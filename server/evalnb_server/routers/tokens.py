"""API tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from evalnb import accounts
from evalnb.wire.accounts import TokenItem, TokenMade, TokenPage, TokenWanted
from evalnb_server import access
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.get("")
def page(
    who: Who,
    session: OneSession,
    everyone: Annotated[bool, Query(description="Those of every account; for owners.")] = False,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> TokenPage:
    """The caller's own API tokens, by id, without their secrets."""
    access.person(who)
    if everyone:
        access.owner(who)
    found = accounts.tokens(session, None if everyone else who.user_id, after=after, limit=limit + 1)
    items = [TokenItem.of(one) for one in found[:limit]]
    return TokenPage(items=items, next=items[-1].id if len(found) > limit else None)


@router.post("", status_code=201)
def make(who: Who, session: OneSession, body: TokenWanted) -> TokenMade:
    """Make an API token that stands for the caller, as far as its scope. Its secret is in this answer alone."""
    access.person(who)
    if body.project_id is not None:
        access.project(session, who, body.project_id)
    made = accounts.new_token(
        session, who.user_id, body.name, scope=body.scope, project_id=body.project_id, days=body.days
    )
    return TokenMade(token=TokenItem.of(made.record), secret=made.secret)


@router.delete("/{token_id}", status_code=204)
def revoke(who: Who, session: OneSession, token_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> None:
    """End a token at once: one's own, or for owners any. A token may end itself."""
    access.token(session, who, token_id)
    accounts.revoke_token(session, token_id)
