"""Signing in and out, and who one is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from evalnb import accounts
from evalnb.accounts import Caller
from evalnb.wire.http import (
    LoginItem,
    LoginList,
    OwnPassword,
    SessionInfo,
    SessionProject,
    SignInByPassword,
    SignInByToken,
)
from evalnb_server import access, identity
from evalnb_server.answers import READ, Id, answers
from evalnb_server.deps import OneSession, OpenStore, Reader, Who

door = APIRouter(tags=["session"])
"""What nobody needs to have signed in for."""
router = APIRouter(tags=["session"])


@door.post("/session", responses=answers(400, 401, 403, 413, 422, 429, 503), operation_id="session_sign_in")
def sign_in(
    body: SignInByPassword | SignInByToken, store: OpenStore, request: Request, response: Response
) -> SessionInfo:
    """Sign in by name and password, or at one's own machine by the token that `evalnb up` shows.

    The sign-in is in the cookie; `csrf` of the answer goes into the header X-Evalnb-Csrf of what changes anything.
    """
    identity.refuse_strangers_origin(request)
    address, agent = identity.client_address(request), request.headers.get("user-agent", "")
    if isinstance(body, SignInByPassword):
        entered = accounts.sign_in(store, body.name, body.password, address=address, agent=agent)
    else:
        entered = accounts.sign_in_here(store, body.token, request.app.state.token, address=address, agent=agent)
    identity.signed_in(request, response, entered)
    # Whoever was signed in with this browser before is so no more.
    with store.database.transaction() as session:
        accounts.end(session, request.cookies.get(identity.COOKIE))
        return _info(session, entered.caller)


@router.get("/session", operation_id="session_get", responses=READ)
def who_am_i(who: Reader, session: OneSession) -> SessionInfo:
    """Who the caller is, what its proof reaches, and which projects it sees."""
    return _info(session, who)


@router.delete("/session", status_code=204, operation_id="session_sign_out", responses=READ)
def sign_out(who: Reader, session: OneSession, request: Request, response: Response) -> None:
    """End this sign-in. A bearer token is ended by `DELETE /api/tokens/{token_id}`."""
    accounts.leave(session, who)
    identity.signed_out(request, response)


@router.put(
    "/session/password",
    status_code=204,
    operation_id="session_change_password",
    responses=answers(400, 401, 403, 413, 422, 429, 503),
)
def change_password(who: Who, store: OpenStore, request: Request, body: OwnPassword) -> None:
    """Change one's own password. Every other sign-in of the account ends."""
    access.person(who)
    accounts.change_own_password(store, who, body.current, body.new, address=identity.client_address(request))


@router.get("/sessions", operation_id="sessions_list", responses=READ)
def sign_ins(who: Reader, session: OneSession) -> LoginList:
    """Where the caller is signed in."""
    access.person(who)
    items = [
        LoginItem.of(one, current=who.via == "session" and one.id == who.proof_id)
        for one in accounts.logins(session, who.user_id)
    ]
    return LoginList(items=items)


@router.delete("/sessions/{login_id}", status_code=204, operation_id="sessions_end", responses=READ)
def end_sign_in(who: Who, session: OneSession, login_id: Id) -> None:
    """End one of the caller's own sign-ins."""
    access.person(who)
    accounts.end_login(session, who.user_id, login_id)


def _info(session: OneSession, who: Caller) -> SessionInfo:
    return SessionInfo(
        user_id=who.user_id,
        name=who.name,
        owner=who.owner and who.project_id is None,
        scope=who.scope,
        via=who.via,
        csrf=who.csrf,
        has_password=accounts.account(session, who.user_id).has_password,
        projects=[
            SessionProject(id=project.id, name=project.name, role=role)
            for project, role in accounts.projects_of(session, who)
        ],
    )
