"""Accounts, for owners."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb import accounts
from evalnb.wire.http import NewPassword, NewUser, UserChange, UserItem, UserPage
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", operation_id="users_list", responses=READ)
def page(
    who: Who,
    session: OneSession,
    after: After = 0,
    limit: Limit = 100,
) -> UserPage:
    """Every account, by id. For owners."""
    access.owner(who)
    found, last = cut(accounts.accounts(session, after=after, limit=limit + 1), limit)
    return UserPage(items=[UserItem.of(one) for one in found], next=last.id if last else None)


@router.post("", status_code=201, operation_id="users_create", responses=WRITE)
def add(who: Who, session: OneSession, body: NewUser) -> UserItem:
    """Make an account. For owners."""
    access.owner(who)
    return UserItem.of(accounts.add_account(session, body.name, password=body.password, owner=body.owner))


@router.get("/{user_id}", operation_id="users_get", responses=READ)
def one(who: Who, session: OneSession, user_id: Id) -> UserItem:
    """One account: one's own, or for owners any."""
    return UserItem.of(access.user(session, who, user_id))


@router.patch("/{user_id}", operation_id="users_change", responses=WRITE)
def change(who: Who, session: OneSession, user_id: Id, body: UserChange) -> UserItem:
    """Shut an account out or let it in, make it an owner or not. For owners."""
    access.user(session, who, user_id)
    access.owner(who)
    return UserItem.of(accounts.change_account(session, user_id, disabled=body.disabled, owner=body.owner))


@router.put("/{user_id}/password", status_code=204, operation_id="users_set_password", responses=WRITE)
def set_password(who: Who, session: OneSession, user_id: Id, body: NewPassword) -> None:
    """Give an account a new password, and sign it out everywhere. For owners; yours is `/api/session/password`."""
    access.user(session, who, user_id)
    access.owner(who)
    accounts.set_password(session, user_id, body.password)
