"""Who is a member of a project, and as what."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb import accounts
from evalnb.wire.http import MemberItem, MemberList, NewMember, RoleChange
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, Id
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/projects/{project_id}/members", tags=["members"])


@router.get("", operation_id="members_list", responses=READ)
def members(who: Who, session: OneSession, project_id: Id) -> MemberList:
    """The project's members, by name."""
    access.project(session, who, project_id)
    return MemberList(items=[MemberItem.of(one) for one in accounts.members(session, project_id)])


@router.post("", status_code=201, operation_id="members_add", responses=WRITE)
def add(who: Who, session: OneSession, project_id: Id, body: NewMember) -> MemberItem:
    """Make the account of that name a member; for admins. One that is a member already gets the role."""
    access.project(session, who, project_id, role="admin")
    return MemberItem.of(accounts.set_member(session, accounts.named(session, body.name), project_id, body.role))


@router.put("/{user_id}", operation_id="members_change", responses=WRITE)
def change(who: Who, session: OneSession, project_id: Id, user_id: Id, body: RoleChange) -> MemberItem:
    """Give a member another role; for admins."""
    access.project(session, who, project_id, role="admin")
    return MemberItem.of(accounts.change_member(session, user_id, project_id, body.role))


@router.delete("/{user_id}", status_code=204, operation_id="members_remove", responses=READ)
def remove(who: Who, session: OneSession, project_id: Id, user_id: Id) -> None:
    """End a membership; for admins, and for the member itself."""
    access.project(session, who, project_id, role="viewer" if user_id == who.user_id else "admin")
    accounts.drop_member(session, user_id, project_id)
