"""The record of a project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """The outermost room; everything else belongs to one."""

    id: int
    name: str
    created_at: datetime
