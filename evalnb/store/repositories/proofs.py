"""How accounts prove themselves: sign-ins, API tokens, and failures to sign in. Secrets come as SHA-256 alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from evalnb.core.accounts import AccountRecord, LoginRecord, Scope, TokenRecord
from evalnb.store.repositories import accounts
from evalnb.store.tables import AccountRow, LoginRow, SignInFailureRow, TokenRow

_TOUCH = timedelta(minutes=1)
"""A proof's last use is written at most this often: reading must not cost a write every time."""


# Sign-ins


def add_login(
    session: Session, account_id: int, digest: bytes, *, idle: timedelta, most: timedelta, address: str, agent: str
) -> LoginRecord:
    """Keep a sign-in that ends after ``idle`` without use, and after ``most`` in any case."""
    row = session.scalars(
        insert(LoginRow)
        .values(
            account_id=account_id,
            digest=digest,
            expires_at=func.now() + idle,
            ends_at=func.now() + most,
            address=address,
            agent=agent,
        )
        .returning(LoginRow)
    ).one()
    return _login(row)


def login(session: Session, digest: bytes, *, idle: timedelta) -> tuple[LoginRecord, AccountRecord] | None:
    """The living sign-in of that digest, with its account (not disabled); its end moves on. None otherwise."""
    row = session.execute(
        select(LoginRow, AccountRow, LoginRow.seen_at < func.now() - _TOUCH)
        .join(AccountRow, AccountRow.id == LoginRow.account_id)
        .where(LoginRow.digest == digest, LoginRow.expires_at > func.now(), AccountRow.disabled_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    found, account, stale = row
    if stale:
        moved = {"seen_at": func.now(), "expires_at": func.least(func.now() + idle, LoginRow.ends_at)}
        _touch(session, LoginRow, found.id, moved)
    return _login(found), accounts.record(account)


def login_lives(session: Session, login_id: int) -> bool:
    """Whether the sign-in has neither ended nor been revoked."""
    found = session.scalar(select(LoginRow.id).where(LoginRow.id == login_id, LoginRow.expires_at > func.now()))
    return found is not None


def logins(session: Session, account_id: int) -> list[LoginRecord]:
    """Where the account is signed in, the last used first."""
    rows = session.scalars(
        select(LoginRow)
        .where(LoginRow.account_id == account_id, LoginRow.expires_at > func.now())
        .order_by(LoginRow.seen_at.desc(), LoginRow.id.desc())
        .execution_options(populate_existing=True)
    )
    return [_login(row) for row in rows]


def end_login(session: Session, login_id: int, *, account_id: int) -> bool:
    """End one sign-in of the account; whether there was one."""
    ended = delete(LoginRow).where(LoginRow.id == login_id, LoginRow.account_id == account_id)
    return session.execute(ended.returning(LoginRow.id)).first() is not None


def end_secret(session: Session, digest: bytes) -> None:
    """End the sign-in of that digest, if there is one."""
    session.execute(delete(LoginRow).where(LoginRow.digest == digest))


def end_logins(session: Session, account_id: int, *, but: int | None = None) -> None:
    """End every sign-in of the account, ``but`` one."""
    session.execute(delete(LoginRow).where(LoginRow.account_id == account_id, LoginRow.id != (but or 0)))


def forget_ended(session: Session) -> None:
    """Delete the sign-ins that have ended by themselves, and failures of more than a day ago."""
    session.execute(delete(LoginRow).where(LoginRow.expires_at <= func.now()))
    session.execute(delete(SignInFailureRow).where(SignInFailureRow.last_at < func.now() - timedelta(days=1)))


# API tokens


def add_token(
    session: Session,
    account_id: int,
    digest: bytes,
    *,
    name: str,
    hint: str,
    scope: Scope,
    project_id: int | None,
    lifetime: timedelta,
) -> TokenRecord:
    """Keep a token."""
    row = session.scalars(
        insert(TokenRow)
        .values(
            account_id=account_id,
            project_id=project_id,
            digest=digest,
            name=name,
            hint=hint,
            scope=scope,
            expires_at=func.now() + lifetime,
        )
        .returning(TokenRow)
    ).one()
    return _token(row, accounts.get(session, account_id).name)


def token(session: Session, digest: bytes) -> tuple[TokenRecord, AccountRecord, bool] | None:
    """The token of that digest with its account (not disabled), and whether it has not expired; then it is noted that
    it is used now. None where there is none."""
    stale = or_(TokenRow.used_at.is_(None), TokenRow.used_at < func.now() - _TOUCH)
    row = session.execute(
        select(TokenRow, AccountRow, TokenRow.expires_at > func.now(), stale)
        .join(AccountRow, AccountRow.id == TokenRow.account_id)
        .where(TokenRow.digest == digest, AccountRow.disabled_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    found, account, lives, unnoted = row
    if lives and unnoted:
        _touch(session, TokenRow, found.id, {"used_at": func.now()})
    return _token(found, account.name), accounts.record(account), lives


def token_of_id(session: Session, token_id: int) -> TokenRecord | None:
    """The token of that id, expired or not; None where there is none."""
    row = session.execute(
        select(TokenRow, AccountRow.name)
        .join(AccountRow, AccountRow.id == TokenRow.account_id)
        .where(TokenRow.id == token_id)
    ).one_or_none()
    return None if row is None else _token(*row)


def token_lives(session: Session, token_id: int) -> bool:
    """Whether the token has neither expired nor been revoked."""
    found = session.scalar(select(TokenRow.id).where(TokenRow.id == token_id, TokenRow.expires_at > func.now()))
    return found is not None


def tokens(session: Session, account_id: int | None = None, *, after: int = 0, limit: int = 100) -> list[TokenRecord]:
    """The tokens of an account (or of every one) whose ids exceed ``after``, by id."""
    chosen = select(TokenRow, AccountRow.name).join(AccountRow, AccountRow.id == TokenRow.account_id)
    if account_id is not None:
        chosen = chosen.where(TokenRow.account_id == account_id)
    rows = session.execute(
        chosen.where(TokenRow.id > after).order_by(TokenRow.id).limit(limit),
        execution_options={"populate_existing": True},
    )
    return [_token(row, name) for row, name in rows]


def revoke_token(session: Session, token_id: int) -> bool:
    """Delete a token; whether there was one."""
    return session.execute(delete(TokenRow).where(TokenRow.id == token_id).returning(TokenRow.id)).first() is not None


# Failures


@dataclass(frozen=True, slots=True)
class Failures:
    """How often signing in has failed, and how long ago the last time was."""

    count: int
    ago_s: float


def failures(session: Session, name_key: str, address: str) -> Failures:
    """Of that name from that address; the count is locked until the transaction ends."""
    statement = insert(SignInFailureRow).values(name_key=name_key, address=address, failures=0)
    session.execute(statement.on_conflict_do_nothing())
    count, ago = session.execute(
        select(
            SignInFailureRow.failures,
            func.extract("epoch", func.clock_timestamp() - SignInFailureRow.last_at),
        )
        .where(SignInFailureRow.name_key == name_key, SignInFailureRow.address == address)
        .with_for_update()
    ).one()
    return Failures(count, float(ago))


def count_failure(session: Session, name_key: str, address: str, *, step: int = 1) -> None:
    """One more now; ``step`` -1 takes one back."""
    values: dict[str, Any] = {"failures": func.greatest(SignInFailureRow.failures + literal(step), 0)}
    if step > 0:
        values["last_at"] = func.clock_timestamp()
    session.execute(
        update(SignInFailureRow)
        .where(SignInFailureRow.name_key == name_key, SignInFailureRow.address == address)
        .values(**values),
        execution_options={"synchronize_session": False},
    )


def forgive(session: Session, name_key: str, address: str) -> None:
    """Forget the failures of that name from that address."""
    session.execute(
        delete(SignInFailureRow).where(SignInFailureRow.name_key == name_key, SignInFailureRow.address == address)
    )


def _touch(session: Session, row: type[LoginRow] | type[TokenRow], id: int, values: dict[str, Any]) -> None:
    """Note a use, unless another request is just doing so: nobody waits for that."""
    free = select(row.id).where(row.id == id).with_for_update(skip_locked=True).scalar_subquery()
    session.execute(
        update(row).where(row.id == free).values(**values), execution_options={"synchronize_session": False}
    )


def _login(row: LoginRow) -> LoginRecord:
    return LoginRecord(
        id=row.id,
        account_id=row.account_id,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
    )


def _token(row: TokenRow, account: str) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        account_id=row.account_id,
        account=account,
        name=row.name,
        hint=row.hint,
        scope=cast("Scope", row.scope),
        project_id=row.project_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
