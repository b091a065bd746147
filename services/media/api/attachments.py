"""The routes of attachments."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import normalize_or_missing
from services.contracts.posts import Attachment, AttachmentEdit, PictureClaims, PictureRelease
from services.media.api.bodies import PICTURE_BODY, read_picture
from services.media.application.attachments import AttachmentService, attachment_view
from services.media.application.removal import AttachmentRemoval
from services.media.domain.attachments import NO_SUCH_PICTURE
from services.media.domain.descriptions import parse_focus

PathId = Annotated[str, Path(max_length=40, examples=["116548273000001537"])]
Uploader = Annotated[Caller, Depends(require_user("write:media"))]
Claimant = Annotated[Caller, Depends(require_user("write:media", "write:statuses", "write:shop"))]
"""A post or product claims its pictures with the token of its author."""

_ATTACHMENT = responses(Attachment, "The picture.", 401, 403, 404, 422)
_UPLOADED = responses(Attachment, "The picture.", 401, 403, 413, 422, 503)
_CLAIMED = responses(list[Attachment], "The pictures, in the given order.", 401, 403, 422)
_RELEASED = responses(dict[str, Any], "The pictures are released.", 403, 422)


def create_router(attachments: AttachmentService, removal: AttachmentRemoval) -> APIRouter:
    """Return the routes of attachments."""
    router = APIRouter(tags=["attachments"])

    @router.post("/attachments", responses=_UPLOADED, openapi_extra=PICTURE_BODY)
    async def upload_attachment(
        request: Request,
        caller: Uploader,
        description: Annotated[str, Query(max_length=20_000)] = "",
        focus: Annotated[str, Query(max_length=60, examples=["0.0,0.25"])] = "",
    ) -> OrjsonResponse:
        """Upload a picture for a post. JPEG, PNG, WebP, GIF (its first frame) or HEIC."""
        point = parse_focus(focus)
        data = await read_picture(request)
        attachment = await attachments.upload(data, caller, description=description, focus=point)
        return OrjsonResponse(attachment_view(attachment))

    @router.get("/attachments/{id}", responses=_ATTACHMENT)
    async def get_attachment(id: PathId, caller: Uploader) -> OrjsonResponse:
        """Return a picture of the caller."""
        return OrjsonResponse(attachment_view(await attachments.get(id, caller)))

    @router.put("/attachments/{id}", responses=_ATTACHMENT)
    async def edit_attachment(id: PathId, edit: AttachmentEdit, caller: Uploader) -> OrjsonResponse:
        """Describe a picture of the caller. A post that shows it keeps its description."""
        attachment = await attachments.edit(id, caller, edit.description, edit.focus)
        return OrjsonResponse(attachment_view(attachment))

    @router.post("/claims", responses=_CLAIMED)
    async def claim_attachments(claims: PictureClaims, caller: Claimant) -> OrjsonResponse:
        """Let a post show pictures of the caller. A repeat changes nothing."""
        claimed = await attachments.claim(claims.post_id, claims.ids, caller)
        return OrjsonResponse([attachment_view(attachment) for attachment in claimed])

    @router.post("/releases", responses=_RELEASED)
    async def release_attachments(deleted: PictureRelease) -> OrjsonResponse:
        """Hide the pictures of a deleted post, and let other posts claim them.

        Unless another post claims them within a day, they are removed. A repeat changes nothing.
        """
        await removal.release(normalize_or_missing(deleted.post_id, NO_SUCH_PICTURE))
        return OrjsonResponse({})

    return router
