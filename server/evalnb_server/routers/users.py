"""Accounts, for owners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from evalnb import accounts
from evalnb.wire.accounts import NewPassword, NewUser, UserChange, UserItem, UserPage
from evalnb_server import access
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/users", tags=["users"])

UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("")
def page(
    who: Who,
    session: OneSession,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> UserPage:
    """Every account, by id. For owners."""
    access.owner(who)
    found = accounts.accounts(session, after=after, limit=limit + 1)
    items = [UserItem.of(one) for one in found[:limit]]
    return UserPage(items=items, next=items[-1].id if len(found) > limit else None)


@router.post("", status_code=201)
def add(who: Who, session: OneSession, body: NewUser) -> UserItem:
    """Make an account. For owners."""
    access.owner(who)
    return UserItem.of(accounts.add_account(session, body.name, password=body.password, owner=body.owner))


@router.get("/{user_id}")
def one(who: Who, session: OneSession, user_id: UserId) -> UserItem:
    """One account: one's own, or for owners any."""
    return UserItem.of(access.user(session, who, user_id))


@router.patch("/{user_id}")
def change(who: Who, session: OneSession, user_id: UserId, body: UserChange) -> UserItem:
    """Shut an account out or let it in, make it an owner or not. For owners."""
    access.user(session, who, user_id)
    access.owner(who)
    return UserItem.of(accounts.change_account(session, user_id, disabled=body.disabled, owner=body.owner))


@router.put("/{user_id}/password", status_code=204)
def set_password(who: Who, session: OneSession, user_id: UserId, body: NewPassword) -> None:
    """Give an account a new password, and sign it out everywhere. For owners; yours is `/api/session/password`."""
    access.user(session, who, user_id)
    access.owner(who)
    accounts.set_password(session, user_id, body.password)
