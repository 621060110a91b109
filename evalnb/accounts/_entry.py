"""Coming in: by password, by the home's token, by a cookie, by an API token."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from evalnb.accounts import _passwords, _people, _throttle
from evalnb.accounts._secrets import TOKEN_PREFIX, digest, new_secret
from evalnb.core.accounts import AccountRecord, Caller, LoginRecord
from evalnb.errors import Invalid, NotFound, Unauthorized
from evalnb.store import Store
from evalnb.store.repositories import accounts as rows
from evalnb.store.repositories import proofs

IDLE = timedelta(days=7)
"""A sign-in ends when it was not used for so long …"""
MOST = timedelta(days=30)
"""… and after this in any case."""

_SIGN_IN = "sign in again, or ask an owner of this evalnb for an account"


@dataclass(frozen=True, slots=True)
class Entered:
    """A sign-in that has just been made."""

    caller: Caller
    secret: str
    """For the cookie, and for nothing else."""


def sign_in(store: Store, name: str, password: str, *, address: str, agent: str = "") -> Entered:
    """Sign in by name and password.

    Unauthorized, in one wording and after the same time, for a wrong name, a wrong password and an account that is
    shut out; Throttled where too many attempts have failed. Opens transactions of its own: a failure is to be counted
    although the request fails, and no lock is held while the password is compared.
    """
    key = _people.key_of(name[: _people.LONGEST_NAME])
    with store.database.transaction() as session:
        _throttle.admit(session, key, address)
        found = rows.find(session, key)
        known = None if found is None else rows.password_hash(session, found.id)
    if not _passwords.fits(password, known) or found is None or known is None or found.disabled:
        raise Unauthorized("the name or the password is wrong", remedy="try again; an owner can set a new password")
    renewed = _passwords.rehashed(password) if _passwords.outdated(known) else None
    with store.database.transaction() as session:
        _throttle.pardon(session, key, address)
        now = rows.get(session, found.id, locked=True)
        if now.disabled or rows.password_hash(session, found.id) != known:
            raise Unauthorized("the account was changed just now", remedy=_SIGN_IN)
        if renewed is not None:
            rows.change(session, found.id, password_hash=renewed)
        return enter(session, now, address=address, agent=agent)


def sign_in_here(store: Store, given: str, expected: str, *, address: str, agent: str = "") -> Entered:
    """Sign the person at this machine in, by the home's own token; Unauthorized for anything else."""
    with store.database.transaction() as session:
        who = by_home(session, given, expected, author=store.settings.author)
        return enter(session, rows.get(session, who.user_id, locked=True), address=address, agent=agent)


def enter(session: Session, account: AccountRecord, *, address: str, agent: str = "") -> Entered:
    """A new sign-in of the account, by whatever has proved it. Its secret is always new: none can be planted."""
    proofs.forget_ended(session)
    secret = new_secret()
    login = proofs.add_login(
        session, account.id, digest(secret), idle=IDLE, most=MOST, address=address[:64], agent=agent[:200]
    )
    return Entered(_signed_in(account, login.id, secret), secret)


def by_session(session: Session, secret: str) -> Caller:
    """Whose cookie it is; Unauthorized where it has ended, was revoked or never was. Its end moves on."""
    found = proofs.login(session, digest(secret), idle=IDLE)
    if found is None:
        raise Unauthorized("the sign-in has ended", remedy=_SIGN_IN)
    login, account = found
    return _signed_in(account, login.id, secret)


def by_token(session: Session, secret: str) -> Caller:
    """Whose API token it is; Unauthorized where it has expired, was revoked or never was."""
    found = proofs.token(session, digest(secret)) if secret.startswith(TOKEN_PREFIX) else None
    if found is None:
        raise Unauthorized(
            "the token is not valid",
            remedy="make one with `evalnb token new`, or send the home's own (EVALNB_HOME/run/api-token)",
        )
    token, account, lives = found
    if not lives:
        raise Unauthorized(
            f"the token {token.name!r} has expired on {token.expires_at:%Y-%m-%d}",
            remedy="make a new one with `evalnb token new`",
        )
    return Caller(
        user_id=account.id,
        name=account.name,
        owner=account.owner,
        scope=token.scope,
        via="token",
        project_id=token.project_id,
        proof_id=token.id,
    )


def by_home(session: Session, given: str, expected: str, *, author: str) -> Caller:
    """The owner at this machine, by the home's own token (``expected``); Unauthorized for anything else."""
    # In constant time, and on bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unauthorized(
            "the token is not this home's",
            remedy="send the one that `evalnb up` shows (EVALNB_HOME/run/api-token)",
        )
    account = _people.local_owner(session, author)
    if account.disabled:
        raise Unauthorized(f"the account {account.name!r} is shut out, and with it the home's token", remedy=_SIGN_IN)
    return Caller(user_id=account.id, name=account.name, owner=account.owner, scope="admin", via="home")


def still(session: Session, who: Caller) -> Caller:
    """The caller as it is now, for a connection that lasts; Unauthorized where its proof or its account has ended."""
    try:
        account = rows.get(session, who.user_id)
    except NotFound:
        account = None
    alive = who.proof_id is None or (
        proofs.login_lives(session, who.proof_id)
        if who.via == "session"
        else proofs.token_lives(session, who.proof_id)
    )
    if account is None or account.disabled or not alive:
        raise Unauthorized("the sign-in has ended", remedy=_SIGN_IN)
    return replace(who, name=account.name, owner=account.owner)


def leave(session: Session, who: Caller) -> None:
    """End the caller's own sign-in."""
    if who.via == "session" and who.proof_id is not None:
        proofs.end_login(session, who.proof_id, account_id=who.user_id)


def end(session: Session, secret: str | None) -> None:
    """End the sign-in of that cookie, if it is one."""
    if secret:
        proofs.end_secret(session, digest(secret))


def logins(session: Session, account_id: int) -> list[LoginRecord]:
    """Where the account is signed in, the last used first."""
    return proofs.logins(session, account_id)


def end_login(session: Session, account_id: int, login_id: int) -> None:
    """End one sign-in of the account; NotFound where it has none of that id."""
    if not proofs.end_login(session, login_id, account_id=account_id):
        raise NotFound(f"you have no sign-in {login_id}", remedy="list your sign-ins to see their ids")


def change_own_password(store: Store, who: Caller, current: str | None, new: str, *, address: str) -> None:
    """Change the caller's own password, and end its other sign-ins.

    Invalid unless ``current`` is the password there is, if there is one; wrong ones are throttled as a sign-in's are.
    """
    key = _people.key_of(who.name)
    with store.database.transaction() as session:
        _throttle.admit(session, key, address)
        known = rows.password_hash(session, who.user_id)
    if known is not None and not _passwords.fits(current or "", known):
        raise Invalid("`current` is not your password", remedy="write the password that you sign in with now")
    with store.database.transaction() as session:
        _throttle.pardon(session, key, address)
        keep = who.proof_id if who.via == "session" else None
        _people.set_password(session, who.user_id, new, keep_login=keep)


def csrf_of(secret: str) -> str:
    """What an unsafe request of this cookie must say in X-Evalnb-Csrf: only who reads our answers can know it.

    Made from the secret, so that nothing more is kept; one way, so that a page that leaks it leaks no sign-in.
    """
    made = hmac.new(secret.encode(), b"evalnb csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _signed_in(account: AccountRecord, login_id: int, secret: str) -> Caller:
    return Caller(
        user_id=account.id,
        name=account.name,
        owner=account.owner,
        scope="admin",
        via="session",
        csrf=csrf_of(secret),
        proof_id=login_id,
    )
