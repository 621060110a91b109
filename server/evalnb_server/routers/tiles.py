"""Deep Zoom tiles of images, by cookie, token, or a signed address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials

from evalnb.accounts import Caller
from evalnb.core.images import ImageRecord
from evalnb.core.tiling import OVERLAP, SIDE, Tiling
from evalnb.registry import pixels, pyramids
from evalnb.registry.gallery import refuse_unready
from evalnb.registry.pyramids import Standing
from evalnb.wire.http import MOST_INT, SignedTiles, TilesDescription
from evalnb_server.answers import Id, answers
from evalnb_server.deps import Who, bearer_security, cookie_security, signed_in
from evalnb_server.media import UNCHANGED, media
from evalnb_server.tiles import Gallery, Signer
from evalnb_server.tiles.signing import Signature

router = APIRouter(prefix="/images", tags=["tiles"])
"""For whoever signs in as everywhere."""
shown = APIRouter(prefix="/images", tags=["tiles"])
"""For whoever has a signed address, too."""

Format = Literal["jpg", "png", "webp"]
_MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_TILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The tile.", "content": {mime: _BINARY for mime in _MIME.values()}},
    **UNCHANGED,
    **answers(401, 403, 404, 409, 415, 422, 503),
}
_Place = Annotated[int, Path(ge=0, le=2**24)]


def _gallery(request: Request) -> Gallery:
    gallery: Gallery = request.app.state.gallery
    return gallery


def _signer(request: Request) -> Signer:
    signer: Signer = request.app.state.signer
    return signer


OpenGallery = Annotated[Gallery, Depends(_gallery)]


def _viewed(
    request: Request,
    gallery: OpenGallery,
    image_id: Id,
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_security)],
    _session: Annotated[str | None, Security(cookie_security)],
    expires: Annotated[int | None, Query(ge=0, le=MOST_INT)] = None,
    by: Annotated[str | None, Query(max_length=60)] = None,
    signature: Annotated[str | None, Query(max_length=60)] = None,
) -> tuple[Caller, ImageRecord]:
    """Who looks, and at what. A signature goes before a cookie: it is what the address was made for."""
    if signature is not None and expires is not None and by is not None:
        signed_by = _signer(request).caller(Signature(expires, by, signature), image_id)
        return gallery.seen_by_signature(signed_by, image_id)
    who = signed_in(request, _token, _session)
    return who, gallery.seen(who, image_id)


Viewed = Annotated[tuple[Caller, ImageRecord], Depends(_viewed)]


@router.get("/{image_id}/dzi", responses=answers(404))
def dzi(gallery: OpenGallery, who: Who, image_id: Id) -> TilesDescription:
    """How the image is cut into tiles. Of a large image looked at for the first time, this asks for the job."""
    image = gallery.seen(who, image_id)
    return _description(image, gallery.standing(image, author=who.name))


@router.post("/{image_id}/pyramid", responses=answers(404))
def pyramid(gallery: OpenGallery, who: Who, image_id: Id) -> TilesDescription:
    """Ask for a large image's tiles now, again too where making them has failed or was cancelled."""
    image = gallery.seen(who, image_id, role="annotator")
    return _description(image, gallery.standing(image, author=who.name, again=True))


@router.get("/{image_id}/signed", responses=answers(404))
def signed(gallery: OpenGallery, request: Request, who: Who, image_id: Id) -> SignedTiles:
    """Addresses of the image's tiles that an <img> can load, for an hour, while the caller stays signed in."""
    image = gallery.seen(who, image_id)
    given = _signer(request).sign(who, image.id)
    query = given.query()
    return SignedTiles(
        expires_at=datetime.fromtimestamp(given.expires, UTC),
        query=query,
        url=f"{_url(image)}&{query}",
        xml=f"/api/images/{image.id}/dzi.xml?{query}",
    )


@shown.get(
    "/{image_id}/dzi.xml",
    response_class=Response,
    responses={
        200: {"description": "Deep Zoom's own XML.", "content": {"application/xml": {"schema": {"type": "string"}}}},
        **answers(401, 403, 404, 409, 415, 422, 503),
    },
)
def dzi_xml(gallery: OpenGallery, viewed: Viewed) -> Response:
    """The description as viewers load it. Its tiles lie beside it, under ``dzi_files``; a query is taken over."""
    who, image = viewed
    refuse_unready(gallery.standing(image, author=who.name), image.file_name)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" TileSize="{SIDE}" Overlap="{OVERLAP}" '
        f'Format="jpg"><Size Width="{image.width}" Height="{image.height}"/></Image>'
    )
    return Response(text, media_type="application/xml", headers={"Cache-Control": "private, no-cache"})


@shown.get("/{image_id}/tiles/{level}/{x}_{y}.{kind}", response_class=Response, responses=_TILE)
def tile(
    request: Request,
    gallery: OpenGallery,
    viewed: Viewed,
    level: _Place,
    x: _Place,
    y: _Place,
    kind: Format,
    v: Annotated[str | None, Query(max_length=64, description="The image's version, as `url` has it.")] = None,
) -> Response:
    """One tile. With the ``v`` that the description gave, a browser may keep it for good."""
    who, image = viewed
    return _tile(request, gallery, who, image, (level, x, y), kind, v)


@shown.get("/{image_id}/dzi_files/{level}/{x}_{y}.{kind}", response_class=Response, responses=_TILE)
def tile_beside_xml(
    request: Request, gallery: OpenGallery, viewed: Viewed, level: _Place, x: _Place, y: _Place, kind: Format
) -> Response:
    """The same tile, where Deep Zoom's convention looks for it."""
    who, image = viewed
    return _tile(request, gallery, who, image, (level, x, y), kind, None)


def _tile(
    request: Request,
    gallery: Gallery,
    who: Caller,
    image: ImageRecord,
    place: tuple[int, int, int],
    kind: Format,
    version: str | None,
) -> Response:
    identity = pixels.identity(image)
    return media(
        request,
        lambda: (gallery.tile(image, *place, kind, author=who.name), _MIME[kind]),
        etag=pyramids.tile_etag(identity, *place, kind),
        fixed=image.sha256 is not None or version == identity[:16],
        name=f"{image.id}-{place[0]}-{place[1]}-{place[2]}.{kind}",
    )


def _url(image: ImageRecord) -> str:
    version = pixels.identity(image)[:16]
    return f"/api/images/{image.id}/tiles/{{level}}/{{x}}_{{y}}.{{format}}?v={version}"


def _description(image: ImageRecord, standing: Standing) -> TilesDescription:
    return TilesDescription(
        image_id=image.id,
        width=image.width,
        height=image.height,
        tile_size=SIDE,
        overlap=OVERLAP,
        last_level=Tiling(image.width, image.height).last_level,
        state=standing.state,
        job_id=None if standing.ready or standing.job is None else standing.job.id,
        progress=standing.done,
        reason="; ".join(standing.failure or ()),
        url=_url(image),
    )
