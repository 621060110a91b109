"""Who may come in, and what for: accounts, passwords, sign-ins, API tokens, memberships.

``sign_in`` and ``enter`` make a secret for a cookie; ``by_session``, ``by_token`` and ``by_home`` turn what a request
carries into a ``Caller``; ``still`` asks later whether that caller may go on.
"""

from evalnb.accounts._entry import (
    MOST,
    Entered,
    by_home,
    by_session,
    by_token,
    change_own_password,
    csrf_of,
    end,
    end_login,
    enter,
    leave,
    logins,
    sign_in,
    sign_in_here,
    still,
)
from evalnb.accounts._members import change_member, drop_member, members, projects_of, role_of, set_member
from evalnb.accounts._people import account, accounts, add_account, change_account, local_owner, named, set_password
from evalnb.accounts._tokens import NewToken, new_token, revoke_token, token, tokens
from evalnb.core.accounts import (
    ROLES,
    SCOPES,
    AccountRecord,
    Caller,
    LoginRecord,
    MembershipRecord,
    Role,
    Scope,
    TokenRecord,
    reaches,
)

__all__ = [
    "MOST",
    "ROLES",
    "SCOPES",
    "AccountRecord",
    "Caller",
    "Entered",
    "LoginRecord",
    "MembershipRecord",
    "NewToken",
    "Role",
    "Scope",
    "TokenRecord",
    "account",
    "accounts",
    "add_account",
    "by_home",
    "by_session",
    "by_token",
    "change_account",
    "change_member",
    "change_own_password",
    "csrf_of",
    "drop_member",
    "end",
    "end_login",
    "enter",
    "leave",
    "local_owner",
    "logins",
    "members",
    "named",
    "new_token",
    "projects_of",
    "reaches",
    "revoke_token",
    "role_of",
    "set_member",
    "set_password",
    "sign_in",
    "sign_in_here",
    "still",
    "token",
    "tokens",
]
