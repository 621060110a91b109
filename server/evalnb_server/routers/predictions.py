"""Predictions under an alias, and what became of them."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import ClientDisconnect

from evalnb.errors import Cancelled, TooLarge
from evalnb.registry import aliases
from evalnb.wire.http import MOST_INT, DetectionItem, OutcomeKept, OutcomeSaid, Predicted
from evalnb_server import access
from evalnb_server.answers import WRITE, answers
from evalnb_server.deps import OneSession, Who
from evalnb_server.routers.aliases import version_name
from evalnb_server.serving import Predictor
from evalnb_server.serving.predictor import Asked, Prediction

router = APIRouter(tags=["serving"])

MOST_BYTES = 64 << 20
"""The largest image file that is predicted on."""
_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The image's file: JPEG, PNG, WebP, TIFF, BMP or GIF. Empty with `image_id`.",
        "required": False,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/predict/{alias}",
    operation_id="predict",
    responses=answers(400, 401, 403, 404, 409, 413, 415, 422, 503, 504),
    openapi_extra=_BODY,
)
async def predict(
    request: Request,
    who: Who,
    alias: Annotated[str, Path(pattern=r"^[^\x00]*$", max_length=200)],
    project: Annotated[int, Query(ge=1, le=MOST_INT, description="The project's id.")],
    key: Annotated[
        str | None,
        Query(
            pattern=r"^[^\x00]*$",
            max_length=200,
            description="Who or what the image is of; one key is always answered by one version.",
        ),
    ] = None,
    image_id: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="An image of a dataset, instead of a body.")
    ] = None,
    confidence: Annotated[float, Query(ge=0, le=1, description="Of detections, at least.")] = 0.25,
    max_detections: Annotated[int, Query(ge=1, le=1000)] = 100,
    deadline_ms: Annotated[
        int, Query(ge=1, le=120_000, description="When the answer is of no more use; then 504.")
    ] = 30_000,
) -> Predicted:
    """Detect objects in an image, by whichever version the alias stands for.

    Images that come together are answered together. 503 with Retry-After where too many wait; 504 where the deadline
    passes; whoever hangs up is dropped from the queue.
    """
    predictor: Predictor = request.app.state.predictor
    asked = Asked(
        project_id=project,
        alias=alias,
        key=key,
        confidence=confidence,
        most=max_detections,
        deadline=time.monotonic() + deadline_ms / 1000,
        image_id=image_id,
    )
    body = await _read(request)
    gone = asyncio.ensure_future(_gone(request))
    try:
        return _answer(await predictor.predict(who, asked, body, gone))
    finally:
        gone.cancel()


@router.post("/predictions/{prediction_id}/outcome", operation_id="outcomes_say", responses=WRITE)
def say(session: OneSession, who: Who, prediction_id: UUID, said: OutcomeSaid) -> OutcomeKept:
    """Say whether a prediction was right: true, false, or a score from 0 to 1. Said again, the last word counts."""
    with access.as_if_absent("prediction", prediction_id, remedy="use the id that /api/predict answered with"):
        access.enter(session, who, aliases.project_of(session, prediction_id), "annotator")
    aliases.say_outcome(session, prediction_id, said.outcome)
    return OutcomeKept(id=prediction_id, outcome=float(said.outcome))


async def _read(request: Request) -> bytes:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                raise TooLarge(
                    f"the image is larger than {MOST_BYTES >> 20} MB", remedy="scale it down, or save it as JPEG"
                )
    except ClientDisconnect as error:
        raise Cancelled("the client went away while it sent its image", remedy="send it again") from error
    return bytes(content)


async def _gone(request: Request) -> None:
    # The body is read: the next thing that comes from the client is that it goes.
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(made: Prediction) -> Predicted:
    names = made.version.class_names
    found = made.detected
    return Predicted(
        id=made.id,
        alias=made.alias.alias,
        version=version_name(made.version),
        arm="challenger" if made.version.id == made.alias.challenger_id else "champion",
        width=made.width,
        height=made.height,
        detections=[
            DetectionItem(box=box, score=score, class_name=names[index])
            for box, score, index in zip(found.box, found.score, found.class_index, strict=True)
        ],
        took_ms=round(1000 * made.took_s, 2),
        batch=found.batch,
    )
