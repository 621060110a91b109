"""Whether the API can do its work."""

from typing import Literal

from evalnb.wire.base import Wire


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
