"""Numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from evalnb.errors import Forbidden
from evalnb_server.deps import Who

router = APIRouter(tags=["monitoring"])


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"description": "The numbers.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, who: Who) -> Response:
    """Requests, jobs, workers, batches, connections and the process itself, as Prometheus reads them.

    For an owner's token, of any scope: the numbers are about every project at once.
    """
    if not who.owner or who.project_id is not None:
        raise Forbidden(
            f"{who.name} may not see the numbers of all projects together",
            remedy="use an owner's token that is not bound to a project; the scope read is enough",
        )
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
