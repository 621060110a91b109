"""Projects as a whole: renamed, and taken away with all that is in them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from evalnb.registry.datasets import idle, meant, named
from evalnb.store.repositories import jobs, projects


def rename(session: Session, project_id: int, name: str) -> None:
    """Call it otherwise; Conflict where another project has that name."""
    projects.rename(session, project_id, named(name))


def remove(session: Session, project_id: int, *, name: str) -> None:
    """Delete a project: its datasets, models, aliases, runs, evaluations, jobs and reports.

    ``name`` is what the caller takes it for: Conflict where it is called otherwise by now, or while a job is at work
    in it.
    """
    record = projects.get(session, project_id)
    meant("project", record.name, name)
    idle(jobs.open_on(session, project_id=project_id), f"project {record.name!r}")
    projects.remove(session, project_id)
