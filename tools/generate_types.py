"""Write widgets/src/wire.gen.ts from the Pydantic shapes in evalnb.wire; ``--check`` fails when the file is stale.

Every module of evalnb.wire takes part; the package ``http`` is what OpenAPI describes (tools/generate_client.py). A
shape becomes an interface, a module-level union or tuple a type alias, and a module-level dict of shapes an interface
from its keys to them. Names are one space across modules.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import types
import typing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import evalnb.wire
from evalnb.wire.base import Received, Wire

TARGET = Path(__file__).parents[1] / "widgets" / "src" / "wire.gen.ts"
HEADER = "// Generated from evalnb/wire by `make generate`. Do not edit.\n"

_PLAIN: dict[Any, str] = {
    str: "string",
    UUID: "string",
    datetime: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "unknown",
}


def generate() -> str:
    """The text of wire.gen.ts."""
    writer = _Writer()
    for found in sorted(pkgutil.iter_modules(evalnb.wire.__path__), key=lambda one: one.name):
        if not found.ispkg:
            writer.read(importlib.import_module(f"evalnb.wire.{found.name}"))
    return HEADER + "".join(f"\n{block}" for block in writer.blocks())


class _Writer:
    def __init__(self) -> None:
        self._shapes: dict[str, type[Wire]] = {}
        self._aliases: dict[str, Any] = {}
        self._tables: dict[str, dict[str, type[Wire]]] = {}

    def read(self, module: types.ModuleType) -> None:
        """Collect what ``module`` itself defines."""
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            if inspect.isclass(value) and issubclass(value, Wire):
                if value.__module__ == module.__name__ and value not in (Wire, Received):
                    self._add(self._shapes, name, value)
            elif typing.get_origin(value) in (Annotated, Union, types.UnionType, tuple, Literal):
                if self._aliases.get(name) is not value:
                    self._add(self._aliases, name, value)
            elif isinstance(value, dict) and value and self._tables.get(name) is not value:
                self._add(self._tables, name, value)

    def _add(self, to: dict[str, Any], name: str, value: Any) -> None:
        if name in self._shapes or name in self._aliases or name in self._tables:
            raise SystemExit(f"two wire modules define {name!r}; rename one, TypeScript sees them side by side")
        to[name] = value

    def blocks(self) -> list[str]:
        """One declaration each, in the order they were read."""
        shapes = [self._interface(name, shape) for name, shape in self._shapes.items()]
        aliases = [
            f"export type {name} = {self._type(value, inside=name)};\n" for name, value in self._aliases.items()
        ]
        tables = [
            f"export interface {name} {{\n"
            + "".join(f"  {key}: {self._type(value)};\n" for key, value in table.items())
            + "}\n"
            for name, table in self._tables.items()
        ]
        return [*aliases, *shapes, *tables]

    def _interface(self, name: str, shape: type[Wire]) -> str:
        hints = typing.get_type_hints(shape, include_extras=True)
        lines = []
        for field, about in shape.model_fields.items():
            hint = hints[field]
            optional = issubclass(shape, Received) and not about.is_required() and not _is_tag(hint)
            if optional:  # left out, never null: one way to say nothing
                hint = _without_none(hint)
            lines.append(f"  {field}{'?' if optional else ''}: {self._type(hint)};\n")
        body = f" {{\n{''.join(lines)}}}\n" if lines else " extends Record<string, never> {}\n"
        return f"{_comment(shape.__doc__)}export interface {name}{body}"

    def _type(self, hint: Any, *, inside: str = "") -> str:
        for name, alias in self._aliases.items():
            if name != inside and alias == hint:
                return name
        if hint in _PLAIN:
            return _PLAIN[hint]
        if inspect.isclass(hint) and issubclass(hint, Wire):
            if self._shapes.get(hint.__name__) is not hint:
                raise SystemExit(f"{hint.__name__} is not a shape of evalnb.wire")
            return hint.__name__
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            return self._type(arguments[0], inside=inside)
        if origin is Literal:
            return " | ".join(json.dumps(one) for one in arguments)
        if origin in (Union, types.UnionType):
            return " | ".join(self._type(one) for one in arguments)
        if origin is list:
            return _list_of(self._type(arguments[0]))
        if origin is tuple:
            if arguments[-1] is Ellipsis:
                return _list_of(self._type(arguments[0]))
            return f"[{', '.join(self._type(one) for one in arguments)}]"
        if origin is dict and arguments[0] is str:
            return f"Record<string, {self._type(arguments[1])}>"
        raise SystemExit(f"no TypeScript for {hint!r}; teach tools/generate_types.py the type or use a plainer one")


def _is_tag(hint: Any) -> bool:
    return typing.get_origin(hint) is Literal and len(typing.get_args(hint)) == 1


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return hint
    return Union[tuple(one for one in typing.get_args(hint) if one is not type(None))]  # noqa: UP007


def _list_of(item: str) -> str:
    return f"({item})[]" if " | " in item else f"{item}[]"


def _comment(doc: str | None) -> str:
    lines = inspect.cleandoc(doc or "").splitlines()
    if len(lines) <= 1:
        return f"/** {lines[0]} */\n" if lines else ""
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def main() -> None:
    """Write the file, or check it."""
    text = generate()
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text() != text:
            raise SystemExit(f"{TARGET.name} is stale: run `make generate` and commit it")
        return
    TARGET.write_text(text)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
