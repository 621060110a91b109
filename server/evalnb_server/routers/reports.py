"""Published reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from evalnb import reports
from evalnb.errors import NotFound
from evalnb.store import Store
from evalnb.store.repositories import evaluations
from evalnb.store.repositories import reports as rows
from evalnb.store.repositories.reports import ReportRecord
from evalnb.wire.http import NewReport, ReportItem, ReportPage
from evalnb_server import access
from evalnb_server.answers import READ, WRITE, After, Id, Limit, cut
from evalnb_server.deps import OneSession, OpenEvaluations, OpenStore, Who

router = APIRouter(tags=["reports"])

Slug = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]*$", max_length=80, description="The report's short name.")]

# A report says its own policy, too; ``sandbox`` without allow-same-origin keeps it from this origin's cookies.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-popups"
)


@router.get("/projects/{project_id}/reports", operation_id="reports_list", responses=READ)
def page(
    session: OneSession, store: OpenStore, who: Who, project_id: Id, after: After = 0, limit: Limit = 100
) -> ReportPage:
    """The project's reports, the newest first."""
    access.project(session, who, project_id)
    found, last = cut(rows.page(session, project_id, after=after, limit=limit + 1), limit)
    return ReportPage(items=[_item(store, one) for one in found], next=last.id if last else None)


@router.post("/projects/{project_id}/reports", operation_id="reports_publish", status_code=201, responses=WRITE)
def publish(store: OpenStore, who: Who, kept: OpenEvaluations, project_id: Id, asked: NewReport) -> ReportItem:
    """Freeze an evaluation into a report that no later edit changes; takes some seconds."""
    with store.database.transaction() as session:
        access.project(session, who, project_id, role="annotator")
        record = access.evaluation(session, who, asked.evaluation_id)
        if evaluations.origins(session, [record.run_id])[record.run_id].project_id != project_id:
            raise NotFound(
                f"evaluation {asked.evaluation_id} belongs to another project", remedy="publish it in its own"
            )
        if asked.compare_to is not None:
            access.evaluation(session, who, asked.compare_to)
    made = reports.publish(
        store,
        project_id,
        kept.evaluation(asked.evaluation_id),
        title=asked.title,
        compare_to=None if asked.compare_to is None else kept.evaluation(asked.compare_to),
    )
    with store.database.transaction() as session:
        return _item(store, rows.by_slug(session, made.slug, project_id=project_id))


@router.get("/reports/{slug}", operation_id="reports_get", responses=READ)
def get(session: OneSession, store: OpenStore, who: Who, slug: Slug) -> ReportItem:
    """A report: of several projects' with one name, the newest that the caller sees."""
    return _item(store, access.report(session, who, slug))


@router.get(
    "/reports/{slug}/page",
    operation_id="reports_page",
    response_class=Response,
    responses={200: {"description": "One page that needs nothing else.", "content": {"text/html": {}}}, **READ},
)
def static(store: OpenStore, who: Who, slug: Slug) -> Response:
    """The report's static page."""
    with store.database.transaction() as session:
        record = access.report(session, who, slug)
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    return Response(store.blobs.read(record.html_sha256), media_type="text/html", headers=headers)


def _item(store: Store, one: ReportRecord) -> ReportItem:
    return ReportItem(
        id=one.id,
        project_id=one.project_id,
        evaluation_id=one.evaluation_id,
        slug=one.slug,
        title=one.title,
        live_url=reports.live_url(store.settings.home, one.slug, one.project_id),
        created_at=one.created_at,
    )
