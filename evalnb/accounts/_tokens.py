"""API tokens: for kernels and programs. Each has a scope and an end, and is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from evalnb.accounts._secrets import TOKEN_PREFIX, digest, new_secret
from evalnb.core.accounts import Scope, TokenRecord
from evalnb.errors import Invalid, NotFound
from evalnb.store.repositories import proofs

DEFAULT_DAYS = 90
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that has just been made."""

    record: TokenRecord
    secret: str
    """Shown now and never again."""


def new_token(
    session: Session,
    account_id: int,
    name: str,
    *,
    scope: Scope = "read",
    project_id: int | None = None,
    days: float = DEFAULT_DAYS,
) -> NewToken:
    """A token of the account. It reaches what the account reaches, at most as ``scope`` says, for ``days`` days."""
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise Invalid(f"{name[:120]!r} is no name for a token", remedy="say in 1 to 100 characters what it is for")
    if not 0 < days <= MOST_DAYS:
        raise Invalid(f"a token cannot live for {days:g} days", remedy=f"choose up to {MOST_DAYS} days")
    secret = TOKEN_PREFIX + new_secret()
    record = proofs.add_token(
        session,
        account_id,
        digest(secret),
        name=name,
        hint=secret[: len(TOKEN_PREFIX) + 4],
        scope=scope,
        project_id=project_id,
        lifetime=timedelta(days=days),
    )
    return NewToken(record, secret)


def tokens(session: Session, account_id: int | None = None, *, after: int = 0, limit: int = 100) -> list[TokenRecord]:
    """The tokens of an account (or of every one) whose ids exceed ``after``, by id; expired ones among them."""
    return proofs.tokens(session, account_id, after=after, limit=limit)


def token(session: Session, token_id: int) -> TokenRecord:
    """The token of that id, expired or not; NotFound otherwise."""
    found = proofs.token_of_id(session, token_id)
    if found is None:
        raise NotFound(f"there is no token {token_id}", remedy="`evalnb token list` shows those there are")
    return found


def revoke_token(session: Session, token_id: int) -> None:
    """End a token at once; NotFound where there is none of that id."""
    if not proofs.revoke_token(session, token_id):
        raise NotFound(f"there is no token {token_id}", remedy="`evalnb token list` shows those there are")
