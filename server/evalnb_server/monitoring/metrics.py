"""The numbers that /api/metrics shows. Names end in their unit; routes are templates: no id becomes a label."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

# From a tile that is known (a millisecond) to a model that must be loaded first (tens of seconds).
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One set for one application: two in a process (as tests have) do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "evalnb_http_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "evalnb_http_request_seconds",
            "From a request's first byte to its answer's last.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "evalnb_http_requests_in_flight", "Requests that are being answered now.", registry=self.registry
        )
        self.sockets = Gauge("evalnb_websockets_open", "WebSockets that are open now.", registry=self.registry)
        self.batch_size = Histogram(
            "evalnb_predict_batch_images",
            "Images that a model was given at once.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "evalnb_predict_batch_seconds", "What a model took for a batch.", buckets=_SECONDS, registry=self.registry
        )
        self.waiting = Gauge(
            "evalnb_predict_waiting_images", "Images that wait for a batch now.", registry=self.registry
        )
        self.predictions = Counter(
            "evalnb_predict_requests",
            "Images that were asked about, by what became of them: answered, full, late, gone or failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.models = Gauge("evalnb_predict_models_loaded", "Models that are in memory now.", registry=self.registry)
        self.model_starts = Counter(
            "evalnb_predict_model_starts", "Processes that were started to hold a model.", registry=self.registry
        )
