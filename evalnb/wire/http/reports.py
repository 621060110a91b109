"""Published reports over HTTP."""

from datetime import datetime

from pydantic import Field

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Key, example


class ReportItem(Wire):
    """A report that was published."""

    id: int
    project_id: int
    evaluation_id: int | None
    slug: str
    title: str
    live_url: str | None
    """Its page at Voila, while that runs."""
    created_at: datetime


class ReportPage(Wire):
    """Reports, the newest first. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[ReportItem]
    next: int | None


class NewReport(Received):
    """An evaluation to be published."""

    model_config = example(evaluation_id=1, title="Detector v3")

    evaluation_id: Key
    title: str = Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
    compare_to: Key | None = None
    """Another evaluation; by default the dataset's one before it."""
