"""The API's own description, as FastAPI draws it, made true where FastAPI cannot know better."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from evalnb_server.answers import answers

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_AS_JSON = {"content": {"application/problem+json": {"schema": _PROBLEM}}}
_UNREAD = answers(400, 413)
"""What any body may be refused with before a route sees it."""


def operation_id(route: APIRoute) -> str:
    """What an operation is called in clients where its route does not say: noun_verb."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def install(app: FastAPI) -> None:
    """Describe the API as it is."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _corrected(
                get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to change it


def _corrected(schema: dict[str, Any]) -> dict[str, Any]:
    for path in schema["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                for status, answer in _UNREAD.items():
                    operation["responses"].setdefault(str(status), {"description": answer["description"], **_AS_JSON})
            for answer in operation.get("responses", {}).values():
                content = answer.get("content", {})
                # Refusals have a type of their own, whatever the route's is.
                for kind in [kind for kind, body in content.items() if body.get("schema") == _PROBLEM]:
                    content["application/problem+json"] = content.pop(kind)
    return schema
