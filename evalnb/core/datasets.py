"""The records of a dataset and of what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evalnb.core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """One dataset of a project."""

    id: int
    project_id: int
    taxonomy_id: int
    name: str
    source: Mapping[str, Any] = field(default_factory=dict)
    """What the source said beside images, annotations and categories; for export."""
    created_at: datetime | None = None
    complete: bool = True
    """False while an import into it is under way or was interrupted; the same import again takes it up."""


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """How much a dataset holds."""

    dataset: DatasetRecord
    images: int
    annotations: int
    """Deleted ones are not counted."""
    per_class: Mapping[str, int]
    """Annotations by class name, in the taxonomy's order; classes without any stand with 0."""


@dataclass(frozen=True, slots=True)
class DatasetContents:
    """A dataset with everything that its own page names."""

    dataset: DatasetRecord
    taxonomy: Taxonomy
    images: int
    per_class: Mapping[int, int]
    """Annotations by class id, deleted ones left out; classes without any are absent."""
    per_tag: Mapping[str, int]
    """Images by tag, in the order of tags."""


@dataclass(frozen=True, slots=True)
class DatasetCounts:
    """A dataset with how much is in it, as a list shows it."""

    dataset: DatasetRecord
    project: str
    """The project's name."""
    images: int
    annotations: int
    """Deleted ones left out."""
    classes: int
