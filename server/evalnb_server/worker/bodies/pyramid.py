"""Make the tiled pyramid of a large image; the result names its blob."""

from __future__ import annotations

from typing import Any

from evalnb.errors import Invalid
from evalnb.registry import pyramids
from evalnb_server.worker.work import Work


def pyramid(work: Work) -> dict[str, Any]:
    """Done at once where the same picture has a pyramid already."""
    image_id = work.arguments.get("image_id")
    if not isinstance(image_id, int):
        raise Invalid(f"a pyramid of the image {image_id!r} was asked for", remedy="give image_id, a number")
    made = pyramids.make(work.store, image_id, folder=work.folder, progress=work.progress, cancelled=work.cancelled)
    return {"image_id": image_id, "sha256": made.sha256, "bytes": made.bytes, "size": [made.width, made.height]}
