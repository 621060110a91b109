"""One image: what is known of it, its pixels, and a run's predictions on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from evalnb.core.images import ImageRecord
from evalnb.core.slices import Slice
from evalnb.errors import NotFound
from evalnb.registry import pixels
from evalnb.store import Store
from evalnb.store.repositories import datasets, images, predictions
from evalnb.store.repositories import edits as log
from evalnb.wire.http import MOST_INT, ImageDetail, ImagePredictions
from evalnb_server import access
from evalnb_server.answers import READ, Id, answers
from evalnb_server.deps import OneSession, OpenStore, Who
from evalnb_server.media import UNCHANGED, media
from evalnb_server.narrowing import Part
from evalnb_server.tiles import Gallery

router = APIRouter(prefix="/images", tags=["images"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_REFUSED = {**UNCHANGED, **answers(401, 403, 404, 415, 422, 503)}
_SHOWN = {"image/jpeg": _BINARY, "image/png": _BINARY, "image/webp": _BINARY}


@router.get("/{image_id}", operation_id="images_get", responses=READ)
def get(session: OneSession, who: Who, image_id: Id, wanted: Part) -> ImageDetail:
    """An image, its place in its dataset, or in a slice of it that has the image, and its neighbours there."""
    image = access.image(session, who, image_id)
    dataset = datasets.get(session, image.dataset_id)
    part = wanted if images.within(session, dataset.id, wanted, image.id) else Slice()
    place = images.place_of(session, dataset.id, part, image.id)
    around = images.by_place(session, dataset.id, part, max(place - 1, 0), 3)
    ids = [one.id for one in around]
    at = ids.index(image.id)
    return ImageDetail(
        id=image.id,
        dataset_id=dataset.id,
        project_id=dataset.project_id,
        dataset=dataset.name,
        file_name=image.file_name,
        width=image.width,
        height=image.height,
        tags=list(image.tags),
        index=place,
        among=images.count(session, dataset.id, part),
        previous=ids[at - 1] if at else None,
        next=ids[at + 1] if at + 1 < len(ids) else None,
        annotations=log.shape_count(session, image.id),
        seq=log.sequence(session, image.id),
    )


@router.get(
    "/{image_id}/pixels",
    operation_id="images_pixels",
    response_class=Response,
    responses={200: {"description": "The pixels.", "content": _SHOWN}, **_REFUSED},
)
def painted(request: Request, store: OpenStore, who: Who, image_id: Id) -> Response:
    """The image as a browser paints it: its own bytes where browsers know the format, else PNG or JPEG."""
    image = _seen(store, who, image_id)

    gallery: Gallery = request.app.state.gallery
    return media(
        request,
        lambda: gallery.painted(image),
        etag=pixels.identity(image),
        fixed=image.sha256 is not None,
        name=image.file_name,
    )


@router.get(
    "/{image_id}/thumbnail",
    operation_id="images_thumbnail",
    response_class=Response,
    responses={200: {"description": "A JPEG.", "content": {"image/jpeg": _BINARY}}, **_REFUSED},
)
def thumbnail(
    request: Request,
    store: OpenStore,
    who: Who,
    image_id: Id,
    size: Annotated[int, Query(ge=16, le=1024, description="Pixels of the longer side, at most.")] = 256,
) -> Response:
    """A small JPEG of the image."""
    image = _seen(store, who, image_id)

    def make() -> tuple[bytes, str]:
        gallery: Gallery = request.app.state.gallery
        return gallery.thumbnail(image, size), "image/jpeg"

    return media(
        request,
        make,
        etag=f"{pixels.identity(image)}-{size}",
        fixed=image.sha256 is not None,
        name=f"{image.file_name.rpartition('.')[0] or image.file_name}-{size}.jpg",
    )


@router.get("/{image_id}/predictions", operation_id="images_predictions", responses=READ)
def predicted(
    session: OneSession,
    who: Who,
    image_id: Id,
    run: Annotated[int, Query(ge=1, le=MOST_INT, description="The id of a run on the image's dataset.")],
) -> ImagePredictions:
    """What a run predicts on the image."""
    image = access.image(session, who, image_id)
    of = access.run(session, who, run)
    if of.dataset_id != image.dataset_id:
        raise NotFound(f"run {run} is not on the dataset of image {image_id}", remedy="use a run on its dataset")
    found = predictions.of_image(session, run, image_id)
    return ImagePredictions(
        image_id=image_id,
        run_id=run,
        boxes=found.box.tolist(),
        scores=found.score.tolist(),
        class_ids=found.class_id.tolist(),
        rles=None if found.rles is None else list(found.rles),
    )


def _seen(store: Store, who: Who, image_id: int) -> ImageRecord:
    # Its own short transaction: pixels take a while, and hold no connection meanwhile.
    with store.database.transaction() as session:
        return access.image(session, who, image_id)
