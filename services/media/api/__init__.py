"""The routes of media."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.responses import Response

from services.chassis.errors import Invalid, TooLarge
from services.chassis.http.preconditions import EntityTags
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_service, require_user
from services.contracts import limits
from services.contracts.posts import Attachment, AttachmentEdit, Claims, Portrait, Release
from services.media.application.attachments import AttachmentService, attachment_view
from services.media.domain import check_id, content_type, parse_focus
from services.media.examples import (
    A_FILE,
    ATTACHMENT,
    PICTURE,
    PORTRAIT,
    answers,
)

CACHE_CONTROL = "public, max-age=31536000, immutable"

A_PICTURE = answers(Attachment, "The picture.", ATTACHMENT, 401, 403, 404, 422)
AN_UPLOAD = answers(Attachment, "The picture.", ATTACHMENT, 401, 403, 413, 422, 503)
CLAIMED = answers(list[Attachment], "Those pictures, in order.", [ATTACHMENT], 401, 403, 422)
A_PORTRAIT = answers(Portrait, "The name of the file.", PORTRAIT, 401, 403, 413, 422, 503)

require_claimant = require_user("write:media", "write:statuses", "write:shop")
"""Lets in people whose token covers one of these: a post claims with its author's token."""


async def read_picture(request: Request) -> bytes:
    """The raw body, bounded. What says that it is too long is refused before it is read."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limits.PICTURE_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.PICTURE_BYTES:
            raise _too_large()
    if not body:
        raise Invalid("There is no picture in the request.")
    return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"A picture can have at most {limits.PICTURE_BYTES >> 20} MiB.")


PathId = Annotated[str, Path(max_length=40, examples=["116548273000001537"])]
FileName = Annotated[str, Path(max_length=100, examples=[ATTACHMENT["original"]])]
Uploader = Annotated[Caller, Depends(require_user("write:media"))]


def create_router(pool: AttachmentService) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_attachments(pool).routes)
    router.routes.extend(_files(pool).routes)
    return router


def _attachments(pool: AttachmentService) -> APIRouter:
    router = APIRouter(tags=["attachments"])

    @router.post("/attachments", responses=AN_UPLOAD, openapi_extra=PICTURE)
    async def upload(
        request: Request,
        caller: Uploader,
        description: Annotated[str, Query(max_length=20_000)] = "",
        focus: Annotated[str, Query(max_length=60, examples=["0.0,0.25"])] = "",
    ) -> OrjsonResponse:
        """Upload a picture for a post. JPEG, PNG, WebP, GIF (its first frame) or HEIC."""
        point = parse_focus(focus)
        data = await read_picture(request)
        return OrjsonResponse(
            attachment_view(await pool.upload(data, caller, description=description, focus=point))
        )

    @router.get("/attachments/{id}", responses=A_PICTURE)
    async def one(id: PathId, caller: Uploader) -> OrjsonResponse:
        """One's own picture."""
        return OrjsonResponse(attachment_view(await pool.get(id, caller)))

    @router.put("/attachments/{id}", responses=A_PICTURE)
    async def describe(
        id: PathId,
        edit: Annotated[AttachmentEdit, Body(examples=[{"description": "Boats in a harbour"}])],
        caller: Uploader,
    ) -> OrjsonResponse:
        """Describe one's own picture. A post that shows it already keeps what it has."""
        return OrjsonResponse(
            attachment_view(await pool.edit(id, caller, edit.description, edit.focus))
        )

    @router.post("/claims", responses=CLAIMED)
    async def claim(
        claims: Annotated[
            Claims, Body(examples=[{"post_id": "116548273934401537", "ids": [ATTACHMENT["id"]]}])
        ],
        caller: Annotated[Caller, Depends(require_claimant)],
    ) -> OrjsonResponse:
        """Have a post show one's own pictures. Again for the same post is fine."""
        taken = await pool.claim(claims.post_id, claims.ids, caller)
        return OrjsonResponse([attachment_view(attachment) for attachment in taken])

    @router.post(
        "/releases",
        dependencies=[Depends(require_service("posts"))],
        responses=answers(dict[str, str], "Released.", {}, 403, 422),
    )
    async def release(
        deleted: Annotated[Release, Body(examples=[{"post_id": "116548273934401537"}])],
    ) -> OrjsonResponse:
        """Let other posts show the pictures of one that its author deleted; until then, nobody.

        After a day without another post they are removed. A repeat changes nothing.
        """
        await pool.release(check_id(deleted.post_id))
        return OrjsonResponse({})

    return router


def _files(pool: AttachmentService) -> APIRouter:
    router = APIRouter(tags=["files"])

    @router.post(
        "/portraits",
        responses=A_PORTRAIT,
        openapi_extra=PICTURE,
    )
    async def portrait(
        request: Request,
        kind: Literal["avatar", "header"],
        caller: Annotated[Caller, Depends(require_user("write:accounts"))],
    ) -> OrjsonResponse:
        """Upload an avatar or header; it is used once the profile names it."""
        return OrjsonResponse(
            {"name": await pool.upload_profile_image(await read_picture(request), kind, caller)}
        )

    @router.get(
        "/files/{name}",
        dependencies=[Depends(require_service("gateway"))],
        response_class=Response,
        responses=A_FILE,
    )
    async def file(name: FileName, request: Request) -> Response:
        """A file by its name, which nobody can guess, while its picture is shown."""
        mime = content_type(name)
        await pool.check_visible(name)
        headers = {"etag": f'"{name}"', "cache-control": CACHE_CONTROL}
        if EntityTags.of(request.headers.get("if-none-match", "")).resembles(name):
            return Response(status_code=304, headers=headers)
        return Response(await pool.file(name), media_type=mime, headers=headers)

    return router
