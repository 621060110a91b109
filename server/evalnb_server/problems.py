"""Refusals over HTTP: every error leaves as application/problem+json (RFC 9457) with the status of its class."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from evalnb.errors import Busy, EvalnbError, Throttled
from evalnb.wire.http import Problem
from evalnb_server.monitoring import current_id

_log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer with problems from now on."""

    @app.exception_handler(EvalnbError)
    def _refused(_request: Request, error: EvalnbError) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        if isinstance(error, Throttled | Busy):
            headers = {"Retry-After": str(math.ceil(error.retry_after_s))}
        return problem(error.status, error.happened, error.remedy, title=type(error).__name__, headers=headers)

    @app.exception_handler(RequestValidationError)
    def _malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return problem(422, wrong, "correct the request; /api/docs says what each route takes", title="Invalid")

    @app.exception_handler(DataError)
    def _unstorable(_request: Request, error: DataError) -> JSONResponse:
        # The shapes keep such values out; what they let through is still the value's fault, and nothing was written.
        return problem(422, f"a value cannot be stored ({error.orig})", "send another one", title="Invalid")

    @app.exception_handler(HTTPException)
    def _no_route(request: Request, error: HTTPException) -> JSONResponse:
        happened = f"{request.method} {request.url.path}: {error.detail}"
        return problem(error.status_code, happened, "/api/docs lists the routes", headers=error.headers)

    @app.exception_handler(Exception)
    def _fault(request: Request, error: Exception) -> JSONResponse:
        # The reason stays in the log: it may hold what the caller must not see.
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(
            500, "evalnb made a mistake", "its log (EVALNB_HOME/logs/api.log) says which; please report it"
        )


def problem(
    status: int, happened: str, remedy: str, *, title: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer that refuses with a status: what happened, and what to do now."""
    # 499 (Cancelled) is nginx's, and unknown to http.HTTPStatus.
    name = title or (HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "Error")
    body = Problem(title=name, status=status, detail=happened, remedy=remedy, request_id=current_id())
    return JSONResponse(body.model_dump(), status_code=status, headers=headers, media_type="application/problem+json")
