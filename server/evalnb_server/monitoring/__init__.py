"""What the server tells of itself: an id for every request, one line for each, and numbers for Prometheus."""

from evalnb_server.monitoring.metrics import Metrics
from evalnb_server.monitoring.requests import current_id, install

__all__ = ["Metrics", "current_id", "install"]
