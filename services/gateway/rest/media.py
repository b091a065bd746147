"""Pictures: uploaded, described, shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from math import isnan
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.datastructures import UploadFile

from services.chassis.errors import Invalid, NotFound, TooLarge
from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.contracts import limits
from services.contracts.posts import Attachment
from services.gateway.desk import Desk, numeric_id
from services.gateway.http.conditional import conditional_response, entity_tags
from services.gateway.http.openapi import FILE_SCHEMA, request_body, responses
from services.gateway.http.params import RequestParams, params_with_files
from services.gateway.presentation.entities import posts
from services.shared.text import graphemes

MediaWriter = Annotated[Caller, Depends(require_user("write:media"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]

UPLOAD_TIMEOUT = 60.0
_UPLOAD_CONCURRENCY = 4
"""Pictures held whole at once; the rest wait on disk, where forms are spooled."""
_MAX_QUERY_LENGTH = 600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}(\.[A-Za-z0-9]{1,8})?")
_IMMUTABLE = "public, max-age=31536000, immutable"
_upload_slots = asyncio.Semaphore(_UPLOAD_CONCURRENCY)


def create_router(desk: Desk) -> APIRouter:
    """Routes about pictures."""
    router = APIRouter(tags=["media"])
    picture = responses(description="A MediaAttachment; it is ready at once.")
    form = request_body(
        "multipart/form-data",
        file=FILE_SCHEMA,
        description="string",
        focus={"type": "string", "example": "0.0,-0.5"},
    )

    @router.post("/api/v1/media", openapi_extra=form, responses=picture)
    @router.post("/api/v2/media", openapi_extra=form, responses=picture)
    async def upload(request: Request, caller: MediaWriter) -> OrjsonResponse:
        """Upload a picture of at most 16 MiB: JPEG, PNG, GIF, WebP or HEIC."""
        async with params_with_files(request, files=1) as body:
            file = body.file("file")
            if file is None:
                raise Invalid("Validation failed: File can't be blank")
            row = await _upload_attachment(desk, caller, file, body)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    @router.get("/api/v1/media/{id}", responses=picture)
    async def attachment(id: Id, caller: MediaWriter) -> OrjsonResponse:
        """A picture of one's own."""
        row = await desk.ask("media", f"attachments/{numeric_id(id)}", caller)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    described = request_body(description="string", focus="string")

    @router.put("/api/v1/media/{id}", openapi_extra=described, responses=picture)
    @router.patch("/api/v1/media/{id}", openapi_extra=described, responses=picture)
    async def describe(request: Request, id: Id, caller: MediaWriter) -> OrjsonResponse:
        """Say what a picture shows, and where its middle is."""
        async with params_with_files(request, files=1) as body:
            row = await describe_picture(desk, caller, id, body)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    @router.get("/media/{name}", responses=responses(description="The picture.", media="image/*"))
    async def file(request: Request, name: str) -> Response:
        """The bytes of a picture. A name never means another picture, so it is kept for ever."""
        if not _NAME.fullmatch(name):
            raise NotFound("There is no such picture.")
        headers = {"cache-control": _IMMUTABLE, "etag": f'"{name}"'}
        known = {"if-none-match": headers["etag"]} if _is_cached_by_client(request, name) else None
        reply = await desk.services.invoke("media", f"files/{quote(name)}", headers=known)
        if reply.status == 304:  # only media knows whether it is still shown
            return Response(status_code=304, headers=headers)
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("image/") or "svg" in kind:
            kind = "application/octet-stream"
        return conditional_response(request, Response(reply.body, media_type=kind, headers=headers))

    return router


def _is_cached_by_client(request: Request, name: str) -> bool:
    """Whether a reader has a picture already, whose bytes nobody needs to send again."""
    known = entity_tags(request, "if-none-match")
    named = known is not None and not known.any and known.resembles(name)
    return named and entity_tags(request, "if-match") is None


async def upload_profile_image(desk: Desk, caller: Caller, kind: str, file: UploadFile) -> str:
    """Upload an avatar or a header; gives the name it is kept under."""
    kept = await _upload(desk, caller, "portraits", file, {"kind": kind})
    return str(kept["name"])


async def describe_picture(desk: Desk, caller: Caller, id: str, body: RequestParams) -> Any:
    """Change description and focus of a picture, where they are given."""
    wanted = {"description": body.optional_string("description"), "focus": focus(body)}
    given = {name: value for name, value in wanted.items() if value is not None}
    return await desk.ask(
        "media", f"attachments/{numeric_id(id)}", caller, method="PUT", json=given
    )


def focus(body: RequestParams) -> list[float] | None:
    """The focal point, brought to -1 to 1 both ways: `"x,y"`, or a list of two.

    `None` for anything else: no picture is refused for where its middle is.
    """
    value = body.get("focus")
    parts = value.split(",") if isinstance(value, str) else value or ()
    try:
        x, y = (float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    if isnan(x) or isnan(y):
        return None
    return [max(-1.0, min(x, 1.0)), max(-1.0, min(y, 1.0))]


async def _upload_attachment(
    desk: Desk, caller: Caller, file: UploadFile, body: RequestParams
) -> Any:
    """Upload a picture with what is said of it.

    A long description does not fit into an address, so it is told afterwards.
    """
    description, point = body.string("description"), focus(body)
    most = limits.DESCRIPTION_CHARACTERS
    if len(description) > limits.TYPED or graphemes(description) > most:
        raise Invalid(f"Validation failed: Description is too long (maximum is {most} characters)")
    is_long = len(quote(description)) > _MAX_QUERY_LENGTH
    params = {} if is_long or not description else {"description": description}
    if point:
        params["focus"] = f"{point[0]},{point[1]}"
    row = await _upload(desk, caller, "attachments", file, params)
    if is_long:
        return await describe_picture(
            desk, caller, row["id"], RequestParams(description=description)
        )
    return row


async def _upload(
    desk: Desk, caller: Caller, path: str, file: UploadFile, params: Mapping[str, str]
) -> Any:
    if file.size is not None and file.size > limits.PICTURE_BYTES:
        raise TooLarge(f"A picture may have at most {limits.PICTURE_BYTES >> 20} MiB.")
    if not file.size:
        raise Invalid("Validation failed: The file is empty.")
    async with _upload_slots:
        reply = await desk.services.invoke(
            "media",
            path,
            method="POST",
            token=caller.token,
            data=await file.read(),
            params=params,
            headers={"content-type": "application/octet-stream"},
            deadline=UPLOAD_TIMEOUT,
        )
    return orjson.loads(reply.body)
