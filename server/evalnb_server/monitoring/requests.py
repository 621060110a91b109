"""An id for every request, one line in the log for each, and its place in the numbers."""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextvars import ContextVar
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evalnb_server.monitoring.metrics import Metrics

HEADER = "X-Request-Id"

# What may stand in a log line and a header as it came: no spaces, quotes, breaks, or anything long.
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_QUIET = {"/api/health", "/api/health/live", "/api/health/ready", "/api/metrics"}

_id: ContextVar[str] = ContextVar("evalnb_request_id", default="")
_access = logging.getLogger("evalnb.access")


def current_id() -> str:
    """The id of the request that is being answered here; empty outside of one."""
    return _id.get()


def install(app: FastAPI, metrics: Metrics) -> None:
    """Watch every request of ``app`` from outside of everything else it does, its last-resort error page included."""
    build = app.build_middleware_stack
    # Starlette puts added middleware inside its handler of unexpected errors: those requests would go uncounted.
    app.build_middleware_stack = lambda: _Watch(build(), metrics)  # type: ignore[method-assign]


class _Watch:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _given(scope) or uuid.uuid4().hex
        began, status, sent = time.perf_counter(), 0, 0

        async def tell(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (HEADER.lower().encode(), request_id.encode())]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        mark = _id.set(request_id)
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, tell)
        finally:
            self._metrics.in_flight.dec()
            took = time.perf_counter() - began
            # Nothing was sent: the client had gone before there was an answer.
            self._count(scope, status or 499, took, sent)
            _id.reset(mark)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        mark = _id.set(_given(scope) or uuid.uuid4().hex)
        self._metrics.sockets.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._metrics.sockets.dec()
            _id.reset(mark)

    def _count(self, scope: Scope, status: int, took: float, sent: int) -> None:
        # A client may invent methods and paths; neither becomes a label.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _template(scope)
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(method, route).observe(took)
        client: Any = scope.get("client")
        _access.log(
            logging.DEBUG if route in _QUIET and status < 400 else logging.INFO,
            "%s %s %d",
            scope["method"],
            # Never the query: a signature in it is a key.
            scope["path"],
            status,
            extra={
                "fields": {
                    "method": scope["method"],
                    "path": scope["path"],
                    "route": route,
                    "status": status,
                    "took_ms": round(1000 * took, 2),
                    "bytes": sent,
                    "client": client[0] if client else "",
                }
            },
        )


def _template(scope: Scope) -> str:
    path: str = getattr(scope.get("route"), "path_format", "")
    if not path:
        return "unknown"
    # FastAPI keeps a router's routes as the router names them, without the /api that it is included under.
    return f"/api{path}" if scope["path"].startswith("/api") and not path.startswith("/api") else path


def _given(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            return text if _SANE.fullmatch(text) else ""
    return ""
