"""Who is a member of which project, and as what."""

from __future__ import annotations

from sqlalchemy.orm import Session

from evalnb.core.accounts import AccountRecord, Caller, MembershipRecord, Role
from evalnb.core.projects import ProjectRecord
from evalnb.errors import NotFound
from evalnb.store.repositories import accounts as rows
from evalnb.store.repositories import projects


def role_of(session: Session, who: Caller, project_id: int) -> Role | None:
    """What the caller may do in the project, by its membership, its ownership and the reach of its proof; or None."""
    if who.project_id not in (None, project_id):
        return None
    return who.capped("admin" if who.owner else rows.role(session, who.user_id, project_id))


def projects_of(session: Session, who: Caller) -> list[tuple[ProjectRecord, Role]]:
    """The projects that the caller sees, by name, each with what it may do there."""
    if who.owner:
        held: list[tuple[ProjectRecord, Role]] = [(one, "admin") for one in projects.all(session)]
    else:
        held = projects.joined(session, who.user_id)
    seen = [(one, who.capped(role)) for one, role in held if who.project_id in (None, one.id)]
    return [(one, role) for one, role in seen if role is not None]


def memberships(session: Session, account_id: int) -> list[MembershipRecord]:
    """What the account is a member of, by the projects' names."""
    return rows.memberships(session, account_id)


def project_named(session: Session, name: str) -> ProjectRecord:
    """The project of that name; NotFound says which ones are near."""
    return projects.named(session, name)


def members(session: Session, project_id: int) -> list[MembershipRecord]:
    """The project's members, by name. Owners reach every project and are not among them unless somebody put them."""
    return rows.members(session, project_id)


def set_member(session: Session, account: AccountRecord, project_id: int, role: Role) -> MembershipRecord:
    """Make the account a member of the project, or change its role there."""
    rows.set_role(session, account.id, project_id, role)
    return _member(session, account.id, project_id)


def change_member(session: Session, account_id: int, project_id: int, role: Role) -> MembershipRecord:
    """Give a member another role; NotFound where the account is no member."""
    _member(session, account_id, project_id)
    rows.set_role(session, account_id, project_id, role)
    return _member(session, account_id, project_id)


def drop_member(session: Session, account_id: int, project_id: int) -> None:
    """End a membership; NotFound where there is none."""
    if not rows.remove(session, account_id, project_id):
        raise _no_member(account_id, project_id)


def _member(session: Session, account_id: int, project_id: int) -> MembershipRecord:
    found = rows.membership(session, account_id, project_id)
    if found is None:
        raise _no_member(account_id, project_id)
    return found


def _no_member(account_id: int, project_id: int) -> NotFound:
    return NotFound(
        f"account {account_id} is no member of project {project_id}", remedy="list the members to see who is"
    )
