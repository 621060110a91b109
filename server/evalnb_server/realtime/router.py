"""The door of live editing: a ticket by HTTP, then the socket."""

from __future__ import annotations

from fastapi import APIRouter, Request, WebSocket

from evalnb.errors import Forbidden
from evalnb.wire.live import Ticket
from evalnb_server import identity
from evalnb_server.deps import Reader
from evalnb_server.realtime.hub import Hub
from evalnb_server.realtime.line import serve

router = APIRouter(prefix="/live", tags=["live"])
sockets = APIRouter(prefix="/live")


@router.post("/ticket")
def ticket(request: Request, who: Reader) -> Ticket:
    """A ticket for one WebSocket on /api/live, good once and for half a minute."""
    hub: Hub = request.app.state.hub
    return hub.tickets.issue(who)


@sockets.websocket("")
async def live(socket: WebSocket) -> None:
    """Live editing; evalnb/wire/live.py and docs/live.md say what is spoken."""
    try:
        identity.refuse_strangers_origin(socket)
    except Forbidden:
        # Before it is accepted: the browser sees HTTP 403.
        await socket.close()
        return
    await serve(socket.app.state.hub, socket)
