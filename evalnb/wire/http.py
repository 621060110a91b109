"""What the HTTP API answers."""

from datetime import datetime
from typing import Literal

from evalnb.wire.base import Wire


class Problem(Wire):
    """RFC 9457 (application/problem+json): a refusal. ``detail`` is what happened, ``remedy`` what to do now."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str
    request_id: str = ""
    """What the log calls the request; also in the header X-Request-Id."""


class HealthCheck(Wire):
    """One thing that the API needs, looked at just now."""

    name: Literal["database", "migrations", "broker", "worker"]
    ok: bool
    required: bool
    """Whether the API is down without it. Without a worker it serves; jobs wait."""
    detail: str
    took_ms: float


class Health(Wire):
    """``ok``; ``degraded`` (it serves, but jobs wait); or ``down``, with HTTP status 503."""

    status: Literal["ok", "degraded", "down"]
    version: str
    checks: list[HealthCheck]


class Alive(Wire):
    """The process answers. Says nothing of what it needs: see ``Health``."""

    status: Literal["ok"]
    version: str
    uptime_s: float


class DatasetItem(Wire):
    """A dataset as a list shows it."""

    id: int
    project: str
    name: str
    images: int
    annotations: int
    classes: int
    complete: bool
    """False while an import into it has not ended."""
    created_at: datetime | None


class DatasetPage(Wire):
    """Datasets by id. ``next`` is the ``after`` of the next page, or None on the last one."""

    items: list[DatasetItem]
    next: int | None
