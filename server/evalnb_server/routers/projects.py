"""Projects: the outermost rooms; everything else belongs to one."""

from __future__ import annotations

from fastapi import APIRouter

from evalnb import accounts
from evalnb.registry import projects as registry
from evalnb.store.repositories import projects
from evalnb.store.repositories.projects import ProjectCounts
from evalnb.wire.http import NewProject, ProjectItem, ProjectPage, Renamed
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, CalledNow, Id, Limit, cut
from evalnb_server.deps import OneSession, Who

router = APIRouter(prefix="/projects", tags=["projects"])


@router.get("", operation_id="projects_list", responses=READ)
def page(session: OneSession, who: Who, after: After = 0, limit: Limit = 100) -> ProjectPage:
    """The projects that the caller is a member of, by id; an owner sees all."""
    among = [one.id for one, _ in accounts.projects_of(session, who)]
    found, last = cut(projects.page(session, among=among, after=after, limit=limit + 1), limit)
    return ProjectPage(items=[_item(one) for one in found], next=last.id if last else None)


@router.post("", operation_id="projects_create", status_code=201, responses=WRITE)
def create(session: OneSession, who: Who, asked: NewProject) -> ProjectItem:
    """Make a project. Owners only."""
    access.owner(who)
    return _item(projects.counted(session, projects.create(session, asked.name)))


@router.get("/{project_id}", operation_id="projects_get", responses=READ)
def get(session: OneSession, who: Who, project_id: Id) -> ProjectItem:
    """One project."""
    access.project(session, who, project_id)
    return _item(projects.counted(session, project_id))


@router.patch("/{project_id}", operation_id="projects_rename", responses=WRITE)
def rename(session: OneSession, who: Who, project_id: Id, asked: Renamed) -> ProjectItem:
    """Call a project otherwise. Its admins only."""
    access.project(session, who, project_id, role="admin")
    registry.rename(session, project_id, asked.name)
    return _item(projects.counted(session, project_id))


@router.delete("/{project_id}", operation_id="projects_delete", status_code=204, responses=WRITE)
def remove(session: OneSession, who: Who, project_id: Id, name: CalledNow) -> None:
    """Delete a project with all that is in it. Its admins only."""
    access.project(session, who, project_id, role="admin")
    registry.remove(session, project_id, name=name)


def _item(one: ProjectCounts) -> ProjectItem:
    return ProjectItem(id=one.id, name=one.name, datasets=one.datasets, models=one.models, created_at=one.created_at)
