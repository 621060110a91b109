"""Accounts over HTTP: signing in, who one is, users, tokens, members."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from evalnb.core.accounts import AccountRecord, LoginRecord, MembershipRecord, Role, Scope, TokenRecord
from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Key

AccountName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=64)]
Secret = Annotated[str, Field(min_length=1, max_length=256)]


class SignInByPassword(Received):
    """Sign in by name and password."""

    name: AccountName
    password: Secret


class SignInByToken(Received):
    """Sign in at one's own machine, by the token that `evalnb up` shows."""

    token: Secret


class SessionProject(Wire):
    """A project that the caller sees, and what it may do there."""

    id: int
    name: str
    role: Role


class SessionInfo(Wire):
    """Who the caller is."""

    user_id: int
    name: str
    owner: bool
    """Sees every project, makes projects, manages accounts. No token that is kept to one project does."""
    scope: Scope
    """How far the proof reaches: a sign-in's is always admin."""
    via: Literal["home", "session", "token"]
    csrf: str | None
    """What the header X-Evalnb-Csrf of every POST, PUT, PATCH and DELETE must say; null where no cookie is used."""
    has_password: bool
    projects: list[SessionProject]


class LoginItem(Wire):
    """A browser that the caller is signed in with."""

    id: int
    current: bool
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str

    @classmethod
    def of(cls, one: LoginRecord, *, current: bool) -> "LoginItem":
        """The record as it is answered."""
        return cls(
            id=one.id,
            current=current,
            created_at=one.created_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
            address=one.address,
            agent=one.agent,
        )


class LoginList(Wire):
    """Where the caller is signed in, the last used first."""

    items: list[LoginItem]


class OwnPassword(Received):
    """A new password of the caller's own."""

    current: Secret | None = None
    """The one there is; null where there is none yet."""
    new: Secret


class UserItem(Wire):
    """An account."""

    id: int
    name: str
    owner: bool
    local: bool
    """Whom the home's own token stands for."""
    has_password: bool
    disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, one: AccountRecord) -> "UserItem":
        """The record as it is answered."""
        return cls(
            id=one.id,
            name=one.name,
            owner=one.owner,
            local=one.local,
            has_password=one.has_password,
            disabled=one.disabled,
            created_at=one.created_at,
        )


class UserPage(Wire):
    """Accounts by id. ``next`` is the ``after`` of the next page, or None on the last one."""

    items: list[UserItem]
    next: int | None


class NewUser(Received):
    """An account to be made."""

    name: AccountName
    password: Secret | None = None
    owner: StrictBool = False


class UserChange(Received):
    """What is to be otherwise; what is left out stays."""

    disabled: StrictBool | None = None
    owner: StrictBool | None = None


class NewPassword(Received):
    """Another account's new password."""

    password: Secret


class TokenItem(Wire):
    """An API token, without its secret."""

    id: int
    user_id: int
    user: str
    name: str
    hint: str
    """How the secret begins."""
    scope: Scope
    project_id: int | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    """To the minute."""

    @classmethod
    def of(cls, one: TokenRecord) -> "TokenItem":
        """The record as it is answered."""
        return cls(
            id=one.id,
            user_id=one.account_id,
            user=one.account,
            name=one.name,
            hint=one.hint,
            scope=one.scope,
            project_id=one.project_id,
            created_at=one.created_at,
            expires_at=one.expires_at,
            used_at=one.used_at,
        )


class TokenPage(Wire):
    """Tokens by id. ``next`` is the ``after`` of the next page, or None on the last one."""

    items: list[TokenItem]
    next: int | None


class TokenWanted(Received):
    """A token to be made."""

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=100)]
    scope: Scope = "read"
    project_id: Key | None = None
    """The only project that it is to reach; null for all of the caller's."""
    days: Annotated[float, Field(strict=True, gt=0, le=366)] = 90


class TokenMade(Wire):
    """A token that has just been made."""

    token: TokenItem
    secret: str
    """Shown now and never again: `Authorization: Bearer …`."""


class MemberItem(Wire):
    """An account in a project."""

    user_id: int
    name: str
    role: Role
    since: datetime

    @classmethod
    def of(cls, one: MembershipRecord) -> "MemberItem":
        """The record as it is answered."""
        return cls(user_id=one.account_id, name=one.account, role=one.role, since=one.since)


class MemberList(Wire):
    """A project's members, by name."""

    items: list[MemberItem]


class NewMember(Received):
    """An account to be made a member, by its name."""

    name: AccountName
    role: Role


class RoleChange(Received):
    """A member's other role."""

    role: Role
