"""The doorbell. A ring wakes a worker at once; a lost ring costs seconds, since every worker also looks by itself.

Names in the broker carry the database's scope, so that two databases may share one broker.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import redis

from evalnb.core.jobs import WorkerRecord
from evalnb.errors import Unavailable
from evalnb.store import Store, broker
from evalnb.store.repositories import jobs as rows

if TYPE_CHECKING:
    from celery import Celery

LOOK = "evalnb.look"
"""The Celery task's name: look for work."""

_log = logging.getLogger(__name__)


def scope(store: Store) -> str:
    """What tells this store's database from others that use the same broker."""
    with store.database.transaction() as session:
        return rows.scope(session)


def application(store: Store) -> Celery:
    """The Celery application that rings and that workers run. Imports celery; ImportError without the extra."""
    return _application(store.broker_url, f"evalnb:{scope(store)}:bell")


@lru_cache(maxsize=8)
def _application(broker_url: str, queue: str) -> Celery:
    from celery import Celery

    app = Celery("evalnb", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=queue,
        task_ignore_result=True,
        # Acknowledged on arrival: the row, not the message, remembers unfinished work. With late acknowledgement
        # the broker would start every job again that outlives visibility_timeout (celery#5935).
        task_acks_late=False,
        # A ring waits in the broker for a worker that is free, not in one that is busy.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 30, "retry_on_timeout": True},
        task_publish_retry=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def ring(store: Store, job_id: UUID) -> bool:
    """Wake a worker, after the job's commit. False if that failed: workers find the row by themselves."""
    try:
        app = application(store)
    except ImportError:
        _log.debug("celery is not installed here; a worker will find job %s when it next looks", job_id)
        return False
    from kombu.exceptions import OperationalError

    try:
        # A ring is stale after a minute: whoever was to hear it has looked by then.
        app.send_task(LOOK, args=[str(job_id)], expires=60, retry=False)
    except OperationalError as error:
        _log.warning("the broker does not answer (%s); a worker will find job %s when it next looks", error, job_id)
        return False
    return True


def announce(store: Store, worker: WorkerRecord, *, ttl_s: float) -> None:
    """Say that a worker is alive, for ``ttl_s`` seconds. Unavailable if the broker does not answer."""
    said = {"host": worker.host, "pid": worker.pid, "slots": worker.slots, "busy": worker.busy, "kinds": worker.kinds}
    with _answering(store) as client:
        client.set(f"evalnb:{scope(store)}:worker:{worker.name}", orjson.dumps(said), px=int(ttl_s * 1000))


def retire(store: Store, name: str) -> None:
    """Say that a worker has left."""
    with _answering(store) as client:
        client.delete(f"evalnb:{scope(store)}:worker:{name}")


def workers(store: Store) -> list[WorkerRecord]:
    """The workers that were alive within the last seconds. Unavailable if the broker does not answer."""
    prefix = f"evalnb:{scope(store)}:worker:"
    found = []
    with _answering(store) as client:
        for key in sorted(client.scan_iter(match=prefix + "*", count=1000)):
            said: Any = client.get(key)
            if said is not None:  # It may have expired since the scan.
                fields = orjson.loads(said)
                name = key.decode().removeprefix(prefix)
                found.append(WorkerRecord(name=name, **{**fields, "kinds": tuple(fields["kinds"])}))
    return found


@contextmanager
def _answering(store: Store) -> Iterator[redis.Redis]:
    """A client whose failures read as Unavailable."""
    client = broker.connect(store.broker_url)
    try:
        yield client
    except redis.RedisError as error:
        raise Unavailable(
            f"the broker does not answer ({error})",
            remedy="start it, or correct EVALNB_BROKER_URL; `evalnb doctor` says more",
        ) from error
    finally:
        client.close()
