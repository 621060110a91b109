"""Accounts: made, changed, shut out; never deleted, since edits and jobs name them."""

from __future__ import annotations

import unicodedata

from sqlalchemy.orm import Session

from evalnb.accounts import _passwords
from evalnb.core.accounts import AccountRecord
from evalnb.errors import Conflict, Invalid, NotFound
from evalnb.store.repositories import accounts as rows
from evalnb.store.repositories import proofs

LONGEST_NAME = 64


def key_of(name: str) -> str:
    """The name as it is compared: Ada, ADA and ada are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def add_account(
    session: Session, name: str, *, password: str | None = None, owner: bool = False, local: bool = False
) -> AccountRecord:
    """A new account. Without a password it signs in by nothing until one is set, or by tokens that an owner hands it.

    Invalid for a name of control characters, or longer than 64; Conflict where the name is taken.
    """
    name = unicodedata.normalize("NFC", name)
    if not _usable(name):
        raise Invalid(
            f"{name[:80]!r} is no name for an account",
            remedy=f"write 1 to {LONGEST_NAME} printable characters without a space at either end",
        )
    hashed = None if password is None else _passwords.hashed(password, name=name)
    return rows.add(session, name, key_of(name), owner=owner, password_hash=hashed, local=local)


def account(session: Session, account_id: int) -> AccountRecord:
    """The account of that id; NotFound otherwise."""
    return rows.get(session, account_id)


def accounts(session: Session, *, after: int = 0, limit: int = 100) -> list[AccountRecord]:
    """The accounts whose ids exceed ``after``, by id."""
    return rows.page(session, after=after, limit=limit)


def named(session: Session, name: str) -> AccountRecord:
    """The account of that name, however it is capitalised; NotFound otherwise."""
    found = rows.find(session, key_of(name))
    if found is None:
        raise NotFound(f"there is no account {name!r}", remedy="`evalnb user list` shows those there are")
    return found


def local_owner(session: Session, author: str) -> AccountRecord:
    """Whom the home's token stands for: the person at this machine, named ``author``, made on first use.

    Where somebody else has that name the account gets a number behind it: a token on a disk must not raise an account
    that somebody signs in to by password.
    """
    found = rows.local(session)
    if found is not None:
        return found
    wanted = author if _usable(author) else "me"
    for number in range(1, 1000):
        name = wanted if number == 1 else f"{wanted[: LONGEST_NAME - 4]}-{number}"
        try:
            return add_account(session, name, owner=True, local=True)
        except Conflict:
            # The name is somebody's, or another request has just made this very account.
            found = rows.local(session)
            if found is not None:
                return found
    raise Conflict(f"every name like {wanted!r} is taken", remedy="set EVALNB_AUTHOR to another name")


def set_password(session: Session, account_id: int, password: str, *, keep_login: int | None = None) -> None:
    """Give the account a new password, and sign it out everywhere but in ``keep_login``."""
    found = rows.get(session, account_id, locked=True)
    rows.change(session, account_id, password_hash=_passwords.hashed(password, name=found.name))
    proofs.end_logins(session, account_id, but=keep_login)


def change_account(
    session: Session, account_id: int, *, disabled: bool | None = None, owner: bool | None = None
) -> AccountRecord:
    """Shut the account out (its sign-ins end at once, its tokens are refused) or let it in; make it an owner or not.

    Conflict where no owner would be left: nobody could let one in again.
    """
    owners = rows.lock_owners(session)
    found = rows.get(session, account_id, locked=True)
    if owners == [found.id] and (disabled or owner is False):
        raise Conflict(f"{found.name!r} is the only owner", remedy="make another account an owner first")
    values = {name: value for name, value in (("disabled", disabled), ("owner", owner)) if value is not None}
    if values:
        rows.change(session, account_id, **values)
    if disabled:
        proofs.end_logins(session, account_id)
    return rows.get(session, account_id)


def _usable(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable()
