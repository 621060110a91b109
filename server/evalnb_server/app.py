"""The composition root of the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import RedirectResponse

import evalnb
from evalnb.cli.supervision.runfile import RunDirectory
from evalnb.runs.opened import Opened
from evalnb.settings import Settings
from evalnb.store import open_store
from evalnb_server import monitoring, openapi, problems
from evalnb_server.answers import answers
from evalnb_server.deps import signed_in
from evalnb_server.limits import BodyLimit
from evalnb_server.monitoring.collect import StoreCollector
from evalnb_server.realtime.hub import Hub
from evalnb_server.realtime.router import router as live
from evalnb_server.realtime.router import sockets
from evalnb_server.routers import (
    agreement,
    aliases,
    comparisons,
    datasets,
    evaluations,
    health,
    images,
    jobs,
    members,
    metrics,
    models,
    predictions,
    projects,
    reports,
    reviews,
    runs,
    session,
    tiles,
    tokens,
    uploads,
    users,
)
from evalnb_server.routers import annotations as shapes
from evalnb_server.serving import Predictor
from evalnb_server.tiles import Gallery, Signer
from evalnb_server.uploads.protocol import Tus


def create_app(settings: Settings) -> FastAPI:
    """The API over the store of ``settings``. The store is opened when the server starts, not when this is called.

    Every route asks who calls, but health (so that a probe needs no secret), signing in, and the documentation (which
    says nothing that is not in the source). What a caller may see, each route asks ``access``.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.token = RunDirectory(settings.home).api_token()
        app.state.store = open_store(settings)
        app.state.metrics.registry.register(StoreCollector(app.state.store))
        app.state.evaluations = Opened(app.state.store)
        app.state.signer = Signer(RunDirectory(settings.home).path)
        app.state.gallery = Gallery(app.state.store)
        app.state.hub = Hub(app.state.store, app.state.gallery)
        app.state.predictor = Predictor(app.state.store, app.state.metrics, app.state.gallery)
        yield
        app.state.predictor.close()
        app.state.hub.close()
        app.state.gallery.close()
        app.state.store.close()

    app = FastAPI(
        title="evalnb",
        version=evalnb.__version__,
        summary="Datasets, annotations, predictions and evaluations of computer-vision models.",
        docs_url="/api/docs",
        swagger_ui_oauth2_redirect_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
    )
    app.add_middleware(Tus)
    app.add_middleware(BodyLimit)
    app.state.metrics = monitoring.Metrics()
    monitoring.install(app, app.state.metrics)
    problems.install(app)
    openapi.install(app)
    app.include_router(health.router, prefix="/api")
    app.include_router(session.door, prefix="/api")
    app.include_router(tiles.shown, prefix="/api")
    guarded = APIRouter(prefix="/api", dependencies=[Depends(signed_in)], responses=answers(401, 403, 422, 503))
    for noun in (
        session,
        users,
        tokens,
        members,
        projects,
        datasets,
        images,
        reviews,
        shapes,
        models,
        runs,
        evaluations,
        comparisons,
        agreement,
        jobs,
        reports,
        tiles,
        aliases,
        predictions,
        metrics,
        uploads,
    ):
        guarded.include_router(noun.router)
    guarded.include_router(live)
    app.include_router(guarded)
    # A socket proves who opens it by its first message.
    app.include_router(sockets, prefix="/api")

    @app.get("/", include_in_schema=False)
    @app.get("/api", include_in_schema=False)
    def documentation() -> RedirectResponse:
        """A person who opens the address lands on the documentation."""
        return RedirectResponse("/api/docs")

    return app
