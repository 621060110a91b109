"""Where the portal shows what a widget shows."""

from __future__ import annotations

from pathlib import Path

import orjson


def image_link(home: Path, project_id: int) -> str:
    """The address of the portal's page of an image, with ``{image_id}`` in it; empty while no portal runs there."""
    try:
        addresses: dict[str, str] = orjson.loads((home / "run" / "addresses.json").read_bytes())
    except FileNotFoundError:
        return ""
    portal = addresses.get("portal")
    return f"{portal.rstrip('/')}/projects/{project_id}/images/{{image_id}}" if portal else ""
