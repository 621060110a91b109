"""Who works here: accounts, their roles in projects, and what a caller may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Role = Literal["viewer", "annotator", "admin"]
"""What somebody may do in a project: look; also edit annotations and ask for work; also manage its members."""

Scope = Literal["read", "write", "admin"]
"""What a token may be used for. It caps the roles of whoever it stands for: read → viewer, write → annotator."""

ROLES: tuple[Role, ...] = get_args(Role)
"""Lowest first."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Narrowest first; the n-th caps at the n-th role."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One person (or program) who may sign in."""

    id: int
    name: str
    owner: bool
    """Sees every project, makes projects, manages accounts."""
    local: bool
    """Whom the home's own token stands for: the person at this machine."""
    has_password: bool
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """An account in a project."""

    account_id: int
    account: str
    project_id: int
    project: str
    role: Role
    since: datetime


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """One browser that is signed in."""

    id: int
    account_id: int
    created_at: datetime
    seen_at: datetime
    """To the minute."""
    expires_at: datetime
    """When it ends unless it is used before that."""
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One API token; its secret is shown once, when it is made, and nowhere kept."""

    id: int
    account_id: int
    account: str
    name: str
    hint: str
    """How the secret begins."""
    scope: Scope
    project_id: int | None
    """The only project that it reaches; None for every one of its account's."""
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    """To the minute."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and how far its proof reaches."""

    user_id: int
    name: str
    owner: bool
    scope: Scope
    via: Literal["home", "session", "token"]
    csrf: str | None = None
    """What the header X-Evalnb-Csrf of an unsafe request must say; None where no browser sends the proof unasked."""
    project_id: int | None = None
    """The only project that the proof reaches."""
    proof_id: int | None = None
    """The id of the session or of the token."""

    def may(self, scope: Scope) -> bool:
        """Whether the proof reaches as far as ``scope``."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    def capped(self, role: Role | None) -> Role | None:
        """``role``, or the highest one that the scope leaves of it."""
        return None if role is None else min(role, ROLES[SCOPES.index(self.scope)], key=ROLES.index)

    @property
    def governs(self) -> bool:
        """Whether it acts as an owner: with the flag, the whole scope, and for every project."""
        return self.owner and self.scope == "admin" and self.project_id is None


def reaches(role: Role, needed: Role) -> bool:
    """Whether ``role`` is at least ``needed``."""
    return ROLES.index(role) >= ROLES.index(needed)
