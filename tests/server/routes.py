"""The application's routes, and how to call one with objects of one's choice: read from the application itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

Things = Mapping[str, Any]
"""What a reference by that name stands for: {"dataset_id": 3, "slug": "the-house", …}."""


@dataclass(frozen=True)
class Route:
    """One operation of the description."""

    method: str
    path: str
    operation: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def safe(self) -> bool:
        return self.method in {"GET", "HEAD", "OPTIONS"}

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.operation.get("parameters", []) if one["in"] == place]

    def requests(self, things: Things) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each way to call it: the path, and the arguments for the client. A union in the body gives several."""
        path = self.path
        for one in self.parameters("path"):
            value = things.get(one["name"], None) or minimal(one["schema"], self.schemas, things)
            path = path.replace(f"{{{one['name']}}}", str(value))
        query = {
            one["name"]: things.get(one["name"], minimal(one["schema"], self.schemas, things))
            for one in self.parameters("query")
            if one.get("required") or one["name"] in things
        }
        content = self.operation.get("requestBody", {}).get("content", {})
        if not content:
            yield path, {"params": query}
            return
        for body in variants(content.get("application/json", {}).get("schema", {}), self.schemas, things):
            yield path, {"params": query, "json": body}

    def references(self, known: Collection[str]) -> set[str]:
        """Which of the ``known`` names it takes, wherever: in the path, the query or the body."""
        named = {one["name"] for place in ("path", "query") for one in self.parameters(place)}
        content = self.operation.get("requestBody", {}).get("content", {})
        for body in content.values():
            named |= properties(body.get("schema", {}), self.schemas)
        return named & set(known)


def routes(app: FastAPI) -> list[Route]:
    """Every operation that the description has."""
    described = app.openapi()
    schemas = described["components"]["schemas"]
    return [
        Route(method.upper(), path, operation, schemas)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def undescribed(app: FastAPI) -> set[str]:
    """What the description leaves out: WebSockets, mounts, hidden routes. As "kind path", without the prefix."""
    found: set[str] = set()

    def walk(some: list[Any]) -> None:
        for route in some:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                walk(inner.routes)
            elif not getattr(route, "include_in_schema", False) or not hasattr(route, "methods"):
                found.add(f"{type(route).__name__} {route.path}")

    walk(app.routes)
    return found


def variants(schema: Mapping[str, Any], schemas: Mapping[str, Any], things: Things) -> list[Any]:
    """One minimal value for each alternative at the top of the schema."""
    schema = resolved(schema, schemas)
    some = schema.get("oneOf") or schema.get("anyOf")
    return [minimal(one, schemas, things) for one in some] if some else [minimal(schema, schemas, things)]


def minimal(schema: Mapping[str, Any], schemas: Mapping[str, Any], things: Things) -> Any:
    """A value that the schema admits, with no more in it than it must have, and every reference that it may have."""
    schema = resolved(schema, schemas)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if "enum" in schema:
        return schema["enum"][0]
    if some := schema.get("anyOf") or schema.get("oneOf"):
        return minimal(some[0], schemas, things)
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", ()))
            return {
                name: things.get(name, None) or minimal(of, schemas, things)
                for name, of in schema.get("properties", {}).items()
                if name in required or name in things
            }
        case "array" if "prefixItems" in schema:
            return [minimal(one, schemas, things) for one in schema["prefixItems"]]
        case "array":
            return [minimal(schema["items"], schemas, things)] * schema.get("minItems", 0)
        case "integer" | "number":
            # As an integer: 0.0 is none for a strict reader.
            return int(max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1))
        case "boolean":
            return False
        case "string":
            known = {"uuid": "00000000-0000-4000-8000-000000000001", "date-time": "2026-01-01T00:00:00Z"}
            text = known.get(schema.get("format", ""), "a matter of some words")
            return text[: schema["maxLength"]] if "maxLength" in schema else text
        case _:
            return None


def properties(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    """The names of the body's properties, in any alternative of it."""
    schema = resolved(schema, schemas)
    named = set(schema.get("properties", {}))
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        named |= properties(one, schemas)
    return named


def resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema
