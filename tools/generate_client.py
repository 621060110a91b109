"""Write portal/lib/api.gen.ts, TypeScript's types of the HTTP API, from the API's own OpenAPI description.

``--check`` fails when the file is stale. Nothing is started for it: no server, no database.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from evalnb_server.app import create_app

from evalnb.settings import Settings

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "portal" / "lib" / "api.gen.ts"
HEADER = "// Generated from the API's OpenAPI description by `make generate`. Do not edit.\n"
# A default in a body is what the server takes where the client says nothing: the client need not say it.
OPTIONS = ("--default-non-nullable", "false")


def generate() -> str:
    """The text of api.gen.ts."""
    description = create_app(Settings.from_environment({})).openapi()
    with tempfile.TemporaryDirectory(prefix="evalnb-openapi-") as folder:
        source, out = Path(folder) / "openapi.json", Path(folder) / "api.gen.ts"
        source.write_text(json.dumps(_steady(description)))
        done = subprocess.run(
            [_program(), source, "--output", out, *OPTIONS],
            # Without a configuration of the house's own it would look for one upwards from here.
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"openapi-typescript refused the description:\n{done.stdout}{done.stderr}")
        return HEADER + out.read_text()


def _steady(description: dict[str, Any]) -> dict[str, Any]:
    """The description without what changes from release to release and no type depends on."""
    return {**description, "info": {"title": description["info"]["title"], "version": "0"}}


def _program() -> Path:
    for folder in (ROOT / "node_modules", ROOT / "portal" / "node_modules"):
        program = folder / ".bin" / "openapi-typescript"
        if program.exists():
            return program
    raise SystemExit("openapi-typescript is not installed: run `make setup` (npm ci)")


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
