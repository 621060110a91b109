"""API tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from evalnb import accounts
from evalnb.wire.http import TokenItem, TokenMade, TokenPage, TokenWanted
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.get("", operation_id="tokens_list", responses=READ)
def page(
    who: Who,
    session: OneSession,
    everyone: Annotated[bool, Query(description="Those of every account; for owners.")] = False,
    after: After = 0,
    limit: Limit = 100,
) -> TokenPage:
    """The caller's own API tokens, by id, without their secrets."""
    access.person(who)
    if everyone:
        access.owner(who)
    mine = None if everyone else who.user_id
    found, last = cut(accounts.tokens(session, mine, after=after, limit=limit + 1), limit)
    return TokenPage(items=[TokenItem.of(one) for one in found], next=last.id if last else None)


@router.post("", status_code=201, operation_id="tokens_create", responses=WRITE)
def make(who: Who, session: OneSession, body: TokenWanted) -> TokenMade:
    """Make an API token that stands for the caller, as far as its scope. Its secret is in this answer alone."""
    access.person(who)
    if body.project_id is not None:
        access.project(session, who, body.project_id)
    made = accounts.new_token(
        session, who.user_id, body.name, scope=body.scope, project_id=body.project_id, days=body.days
    )
    return TokenMade(token=TokenItem.of(made.record), secret=made.secret)


@router.delete("/{token_id}", status_code=204, operation_id="tokens_revoke", responses=READ)
def revoke(who: Who, session: OneSession, token_id: Id) -> None:
    """End a token at once: one's own, or for owners any. A token may end itself."""
    access.token(session, who, token_id)
    accounts.revoke_token(session, token_id)
