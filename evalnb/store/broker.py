"""The broker by URL: a Redis or Valkey that rings for jobs."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from evalnb.errors import Invalid, Unavailable

OLDEST = (6, 2)


def connect(url: str, *, patience_s: float | None = None) -> redis.Redis:
    """A client for ``redis://…``, ``rediss://…``, ``unix:///path`` or Celery's ``redis+socket:///path``.

    With ``patience_s`` nothing waits longer than that for the broker, and nothing is tried twice.
    """
    address = f"unix://{url.removeprefix('redis+socket://')}" if url.startswith("redis+socket://") else url
    address = address.replace("?virtual_host=", "?db=")
    try:
        if patience_s is not None:
            return redis.Redis.from_url(
                address,
                socket_connect_timeout=patience_s,
                socket_timeout=patience_s,
                retry=Retry(NoBackoff(), 0),
            )
        return redis.Redis.from_url(address, socket_connect_timeout=5)
    except ValueError as error:
        raise Invalid(
            f"{url!r} is not a broker's address ({error})",
            remedy="write redis://host:6379/0, or redis+socket:///path/to/socket",
        ) from error


def check(url: str) -> str:
    """The server's version; Unavailable unless it answers and is Redis ≥ 6.2 or Valkey."""
    client = connect(url)
    client.set_retry(Retry(NoBackoff(), 0))
    try:
        about = client.info("server")
    except redis.exceptions.RedisError as error:
        raise Unavailable(
            f"the broker does not answer at {url.rpartition('@')[2]} ({error})",
            remedy="start it, or correct EVALNB_BROKER_URL",
        ) from error
    finally:
        client.close()
    version = str(about["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Unavailable(
            f"the broker at {url.rpartition('@')[2]} is Redis {version}",
            remedy="evalnb needs Redis 6.2 or later, or any Valkey; upgrade it, or unset EVALNB_BROKER_URL",
        )
    return str(about.get("valkey_version", version))
