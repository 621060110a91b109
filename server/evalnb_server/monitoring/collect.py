"""Numbers that are looked up when Prometheus asks: jobs, workers, connections."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool

from evalnb import jobs
from evalnb.errors import EvalnbError
from evalnb.store import Store


class StoreCollector(Collector):
    """Asks the database and the broker. One that does not answer is told as down and does not take the rest along."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """The families, each with its values of this moment."""
        up = GaugeMetricFamily("evalnb_up", "1 where the part answers.", labels=["part"])
        for part, look in (("database", self._jobs), ("broker", self._workers)):
            try:
                found = look()
                up.add_metric([part], 1)
            except EvalnbError:
                found = []
                up.add_metric([part], 0)
            yield from found
        yield up
        yield from self._pool()

    def describe(self) -> list[Metric]:
        """Nothing: a description must not open a transaction."""
        return []

    def _jobs(self) -> list[Metric]:
        with self._store.database.transaction() as session:
            counts, oldest_s = jobs.counts(session)
        states = GaugeMetricFamily("evalnb_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        for (kind, state), count in sorted(counts.items()):
            states.add_metric([kind, state], count)
        return [
            states,
            GaugeMetricFamily(
                "evalnb_jobs_oldest_queued_seconds", "How long the oldest queued job has waited.", value=oldest_s
            ),
        ]

    def _workers(self) -> list[Metric]:
        alive = jobs.workers(self._store)
        return [
            GaugeMetricFamily("evalnb_workers", "Workers that show signs of life.", value=len(alive)),
            GaugeMetricFamily("evalnb_worker_slots", "Jobs that they may run at once.", value=_sum(alive, "slots")),
            GaugeMetricFamily("evalnb_worker_slots_busy", "Jobs that they run now.", value=_sum(alive, "busy")),
        ]

    def _pool(self) -> Iterator[Metric]:
        pool = self._store.database.engine.pool
        if not isinstance(pool, QueuePool):
            return
        yield GaugeMetricFamily(
            "evalnb_database_connections_in_use",
            "Connections of this process that a transaction holds.",
            value=pool.checkedout(),
        )
        yield GaugeMetricFamily(
            "evalnb_database_connections_idle", "Connections of this process that wait.", value=pool.checkedin()
        )


def _sum(alive: list[jobs.WorkerRecord], field: str) -> int:
    return sum(int(getattr(one, field)) for one in alive)
