"""Accounts, and their roles in projects."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.core.accounts import AccountRecord, MembershipRecord, Role
from evalnb.errors import Conflict, NotFound
from evalnb.store.tables import AccountRow, MembershipRow, ProjectRow


def add(
    session: Session, name: str, key: str, *, owner: bool, password_hash: str | None, local: bool = False
) -> AccountRecord:
    """A new account; Conflict where the name (folded: ``key``) is taken."""
    row = session.scalars(
        insert(AccountRow)
        .values(name=name, name_key=key, owner=owner, password_hash=password_hash, local=local)
        # By the name, or because another request has just made the local one.
        .on_conflict_do_nothing()
        .returning(AccountRow)
    ).one_or_none()
    if row is None:
        raise Conflict(f"there is an account {name!r} already", remedy="choose another name, or enable that account")
    return record(row)


def get(session: Session, account_id: int, *, locked: bool = False) -> AccountRecord:
    """The account of that id, as it is now; NotFound otherwise. ``locked``: until the transaction ends."""
    row = session.get(AccountRow, account_id, populate_existing=True, with_for_update=True if locked else None)
    if row is None:
        raise NotFound(f"there is no account {account_id}", remedy="`evalnb user list` shows those there are")
    return record(row)


def find(session: Session, key: str) -> AccountRecord | None:
    """The account of that folded name, or None."""
    row = session.scalars(select(AccountRow).where(AccountRow.name_key == key)).one_or_none()
    return None if row is None else record(row)


def local(session: Session) -> AccountRecord | None:
    """The account that the home's own token stands for, or None."""
    row = session.scalars(select(AccountRow).where(AccountRow.local)).one_or_none()
    return None if row is None else record(row)


def page(session: Session, *, after: int = 0, limit: int = 100) -> list[AccountRecord]:
    """The accounts whose ids exceed ``after``, by id."""
    rows = session.scalars(select(AccountRow).where(AccountRow.id > after).order_by(AccountRow.id).limit(limit))
    return [record(row) for row in rows]


def password_hash(session: Session, account_id: int) -> str | None:
    """The argon2 string of the account's password, or None."""
    return session.scalar(select(AccountRow.password_hash).where(AccountRow.id == account_id))


def change(session: Session, account_id: int, **values: Any) -> None:
    """Write ``password_hash``, ``owner`` or ``local``; ``disabled``: since now, or not any more."""
    if "disabled" in values:
        values["disabled_at"] = func.coalesce(AccountRow.disabled_at, func.now()) if values.pop("disabled") else None
    session.execute(
        update(AccountRow).where(AccountRow.id == account_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def lock_owners(session: Session) -> list[int]:
    """The ids of the owners who are not disabled; nobody else changes who they are until the transaction ends."""
    chosen = select(AccountRow.id).where(AccountRow.owner, AccountRow.disabled_at.is_(None)).order_by(AccountRow.id)
    return list(session.scalars(chosen.with_for_update()))


# Memberships


def role(session: Session, account_id: int, project_id: int) -> Role | None:
    """The account's role in the project; None where it is no member."""
    found = session.scalar(
        select(MembershipRow.role).where(
            MembershipRow.account_id == account_id, MembershipRow.project_id == project_id
        )
    )
    return cast("Role | None", found)


def memberships(session: Session, account_id: int) -> list[MembershipRecord]:
    """What the account is a member of, by the projects' names."""
    return _memberships(session, MembershipRow.account_id == account_id)


def members(session: Session, project_id: int) -> list[MembershipRecord]:
    """The project's members, by name."""
    return _memberships(session, MembershipRow.project_id == project_id)


def membership(session: Session, account_id: int, project_id: int) -> MembershipRecord | None:
    """The account's membership of the project, or None."""
    here = and_(MembershipRow.account_id == account_id, MembershipRow.project_id == project_id)
    return next(iter(_memberships(session, here)), None)


def set_role(session: Session, account_id: int, project_id: int, role: Role) -> None:
    """Make the account a member, or change its role."""
    statement = insert(MembershipRow).values(account_id=account_id, project_id=project_id, role=role)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[MembershipRow.account_id, MembershipRow.project_id], set_={"role": role}
        )
    )


def remove(session: Session, account_id: int, project_id: int) -> bool:
    """End a membership; whether there was one."""
    gone = session.execute(
        delete(MembershipRow)
        .where(MembershipRow.account_id == account_id, MembershipRow.project_id == project_id)
        .returning(MembershipRow.role)
    )
    return gone.first() is not None


def _memberships(session: Session, chosen: Any) -> list[MembershipRecord]:
    rows = session.execute(
        select(MembershipRow, AccountRow.name, ProjectRow.name)
        .join(AccountRow, AccountRow.id == MembershipRow.account_id)
        .join(ProjectRow, ProjectRow.id == MembershipRow.project_id)
        .where(chosen)
        .order_by(ProjectRow.name, AccountRow.name),
        execution_options={"populate_existing": True},
    )
    return [
        MembershipRecord(
            account_id=row.account_id,
            account=account,
            project_id=row.project_id,
            project=project,
            role=cast("Role", row.role),
            since=row.created_at,
        )
        for row, account, project in rows
    ]


def record(row: AccountRow) -> AccountRecord:
    """The row as the rest of the house knows it."""
    return AccountRecord(
        id=row.id,
        name=row.name,
        owner=row.owner,
        local=row.local,
        has_password=row.password_hash is not None,
        disabled=row.disabled_at is not None,
        created_at=row.created_at,
    )
