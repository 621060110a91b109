"""Projects over HTTP."""

from datetime import datetime

from evalnb.wire.base import Received, Wire
from evalnb.wire.http.base import Name, example


class ProjectItem(Wire):
    """A project as a list shows it."""

    id: int
    name: str
    datasets: int
    models: int
    created_at: datetime


class ProjectPage(Wire):
    """Projects by id. ``next`` is the ``after`` of the next page, or null on the last one."""

    items: list[ProjectItem]
    next: int | None


class NewProject(Received):
    """A project to be made."""

    model_config = example(name="warehouse")

    name: Name
