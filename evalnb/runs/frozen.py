"""A match table as one file of arrays: what an evaluation needs besides its run, as it was when it was matched.

Truths are edited later; the ones that were matched are therefore kept with the matches. Nothing is pickled.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import orjson

from evalnb.core import masks
from evalnb.core.matching import Matches
from evalnb.core.records import Truths
from evalnb.core.slices import Slice
from evalnb.errors import Invalid
from evalnb.runs.columns import Images, Problem

VERSION = 2
_APART = ("kind", "protocol", "group", "sigmas")
_TRUTH_COLUMNS = ("id", "image", "class_id", "box", "area", "crowd")


def freeze(
    matches: Matches, truths: Truths, images: Images, class_names: dict[int, str], problems: tuple[Problem, ...]
) -> bytes:
    """An uncompressed .npz."""
    notes: dict[str, Any] = {
        "version": VERSION,
        "kind": matches.kind,
        "protocol": matches.protocol,
        "group": None if matches.group is None else matches.group.tolist(),
        "sigmas": None if matches.sigmas is None else matches.sigmas.tolist(),
        "file_names": list(images.name),
        "tags": [sorted(one) for one in images.tags],
        "class_names": {str(key): name for key, name in class_names.items()},
        "problems": [[one.source, one.index, one.field, one.what] for one in problems],
        "masks": None if truths.masks is None else [[list(one.size), masks.to_string(one)] for one in truths.masks],
    }
    arrays = {f"match_{one.name}": getattr(matches, one.name) for one in fields(matches) if one.name not in _APART}
    arrays |= {f"truth_{name}": getattr(truths, name) for name in _TRUTH_COLUMNS}
    # The matches' own columns may have the same name as the truths'; the prefixes keep them apart.
    arrays["image_size"] = images.size
    arrays["notes"] = np.frombuffer(orjson.dumps(notes), dtype=np.uint8)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def thaw(blob: bytes) -> tuple[Matches, Truths, Images, dict[int, str], tuple[Problem, ...]]:
    """What ``freeze`` wrote; Invalid for a file of a later version."""
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        notes = orjson.loads(arrays["notes"].tobytes())
        if notes["version"] > VERSION:
            raise Invalid(
                f"the match table is of version {notes['version']}, this evalnb reads {VERSION}",
                remedy="update evalnb, or evaluate the run again",
            )
        matches = Matches(
            kind=notes["kind"],
            protocol=notes.get("protocol", "coco"),
            group=None if notes.get("group") is None else np.array(notes["group"], dtype=np.int8),
            sigmas=None if notes.get("sigmas") is None else np.array(notes["sigmas"]),
            **{one.name: arrays[f"match_{one.name}"] for one in fields(Matches) if one.name not in _APART},
        )
        shapes = notes["masks"]
        truths = Truths(
            **{name: arrays[f"truth_{name}"] for name in _TRUTH_COLUMNS},
            masks=None if shapes is None else [masks.from_string(text, size) for size, text in shapes],
        )
        images = Images(
            id=matches.images,
            name=tuple(notes["file_names"]),
            tags=tuple(frozenset(one) for one in notes["tags"]),
            size=arrays["image_size"],
        )
    class_names = {int(key): name for key, name in notes["class_names"].items()}
    return matches, truths, images, class_names, tuple(Problem(*one) for one in notes["problems"])


def part_to_json(part: Slice) -> dict[str, Any]:
    """A slice as JSON can hold it."""
    return {
        "tags": sorted(part.tags),
        "classes": None if part.classes is None else sorted(part.classes),
        "areas": None if part.areas is None else sorted(part.areas),
        "images": None if part.images is None else sorted(part.images),
        "text": part.text,
    }


def part_from_json(value: Mapping[str, Any]) -> Slice:
    """The slice that ``part_to_json`` wrote."""

    def some(key: str) -> Any:
        return None if value[key] is None else frozenset(value[key])

    return Slice(
        tags=frozenset(value["tags"]),
        classes=some("classes"),
        areas=some("areas"),
        images=some("images"),
        text=value["text"],
    )
