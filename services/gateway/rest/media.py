"""Pictures: upload, description, download."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.chassis.errors import Invalid, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.gateway.application.media import parse_focus
from services.gateway.container import Gateway
from services.gateway.http.conditional import conditional_response, entity_tags
from services.gateway.http.openapi import FILE_SCHEMA, request_body, responses
from services.gateway.http.reading import params_with_files
from services.gateway.presentation.entities import posts
from services.gateway.rest.dependencies import Id

MediaWriter = Annotated[Caller, Depends(require_user("write:media"))]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}(\.[A-Za-z0-9]{1,8})?")
_IMMUTABLE = "public, max-age=31536000, immutable"


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about pictures."""
    router = APIRouter(tags=["media"])
    media_attachment = responses(description="A MediaAttachment, which is ready at once.")
    form = request_body(
        "multipart/form-data",
        file=FILE_SCHEMA,
        description="string",
        focus={"type": "string", "example": "0.0,-0.5"},
    )

    @router.post("/api/v1/media", openapi_extra=form, responses=media_attachment)
    @router.post("/api/v2/media", openapi_extra=form, responses=media_attachment)
    async def upload(request: Request, caller: MediaWriter) -> OrjsonResponse:
        """Upload a picture of at most 16 MiB: JPEG, PNG, GIF, WebP or HEIC."""
        async with params_with_files(request, files=1) as body:
            file = body.file("file")
            if file is None:
                raise Invalid("Validation failed: File can't be blank")
            picture = await gateway.uploads.upload_attachment(
                caller, file, body.string("description"), parse_focus(body.get("focus"))
            )
        return OrjsonResponse(posts.attachment(picture, gateway.urls))

    @router.get("/api/v1/media/{id}", responses=media_attachment)
    async def attachment(id: Id, caller: MediaWriter) -> OrjsonResponse:
        """A picture of the caller."""
        picture = await gateway.media.attachment(id, caller)
        return OrjsonResponse(posts.attachment(picture, gateway.urls))

    described = request_body(description="string", focus="string")

    @router.put("/api/v1/media/{id}", openapi_extra=described, responses=media_attachment)
    @router.patch("/api/v1/media/{id}", openapi_extra=described, responses=media_attachment)
    async def describe(request: Request, id: Id, caller: MediaWriter) -> OrjsonResponse:
        """Change the description and the focal point of a picture."""
        async with params_with_files(request, files=1) as body:
            picture = await gateway.uploads.describe(
                caller, id, body.optional_string("description"), parse_focus(body.get("focus"))
            )
        return OrjsonResponse(posts.attachment(picture, gateway.urls))

    @router.get("/media/{name}", responses=responses(description="The picture.", media="image/*"))
    async def file(request: Request, name: str) -> Response:
        """The bytes of a picture. A name never changes its content, so it is cached forever."""
        if not _NAME.fullmatch(name):
            raise NotFound("There is no such picture.")
        headers = {"cache-control": _IMMUTABLE, "etag": f'"{name}"'}
        reply = await gateway.media.file(name, known=_is_cached_by_client(request, name))
        if reply.status == 304:  # the media service knows whether it still exists
            return Response(status_code=304, headers=headers)
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("image/") or "svg" in kind:
            kind = "application/octet-stream"
        return conditional_response(request, Response(reply.body, media_type=kind, headers=headers))

    return router


def _is_cached_by_client(request: Request, name: str) -> bool:
    """Whether the client has the picture already."""
    known = entity_tags(request, "if-none-match")
    named = known is not None and not known.any and known.resembles(name)
    return named and entity_tags(request, "if-match") is None
