"""The record of one image of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image as the dataset knows it. Its pixels are a blob (``sha256``) or a file in place (``uri``)."""

    id: int
    """evalnb's own id: ascending in the order of the source, which is the order that every list keeps."""
    dataset_id: int
    source_key: str
    """The source's id as text; see ``core.sources.key_of``."""
    file_name: str
    uri: str | None
    """The absolute path (or fsspec URL) of a file left in place."""
    sha256: str | None
    """The blob's content hash."""
    width: int
    """Pixels, after EXIF orientation."""
    height: int
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the source said; written back on export."""
