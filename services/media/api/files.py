"""The routes of profile images and of files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from services.chassis.http.openapi import Responses, error_responses, responses
from services.chassis.http.preconditions import EntityTags
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.posts import ProfileImage
from services.media.api.bodies import BYTES, PICTURE_BODY, read_picture
from services.media.application.attachments import AttachmentService
from services.media.application.profile_images import ProfileImageService
from services.media.domain.files import content_type

CACHE_CONTROL = "public, max-age=31536000, immutable"

FileName = Annotated[
    str, Path(max_length=100, examples=["116548273000001537-9f86d081884c7d65-o.jpg"])
]

_PROFILE_IMAGE = responses(ProfileImage, "The name of the file.", 401, 403, 413, 422, 503)
_FILE: Responses = {
    200: {
        "description": "The bytes, which never change.",
        "content": {"image/jpeg": BYTES, "image/webp": BYTES},
    },
    304: {"description": "The caller already has the bytes."},
    **error_responses(403, 404, 422),
}


def create_router(attachments: AttachmentService, profile_images: ProfileImageService) -> APIRouter:
    """Return the routes of profile images and of files."""
    router = APIRouter(tags=["files"])

    @router.post("/portraits", responses=_PROFILE_IMAGE, openapi_extra=PICTURE_BODY)
    async def upload_profile_image(
        request: Request,
        kind: Literal["avatar", "header"],
        caller: Annotated[Caller, Depends(require_user("write:accounts"))],
    ) -> OrjsonResponse:
        """Upload an avatar or header. It is used once the profile names it."""
        name = await profile_images.upload(await read_picture(request), kind, caller)
        return OrjsonResponse({"name": name})

    @router.get(
        "/files/{name}",
        response_class=Response,
        responses=_FILE,
    )
    async def get_file(name: FileName, request: Request) -> Response:
        """Return a file by its name, which cannot be guessed, while its picture is visible."""
        mime = content_type(name)
        await attachments.check_visible(name)
        headers = {"etag": f'"{name}"', "cache-control": CACHE_CONTROL}
        content = await attachments.file(name)  # what is gone is no 304 either
        if EntityTags.of(request.headers.get("if-none-match", "")).resembles(name):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=mime, headers=headers)

    return router
