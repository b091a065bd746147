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
from services.gateway.bodies import Said, uploaded
from services.gateway.conditional import conditional, tags
from services.gateway.desk import Desk, numeric
from services.gateway.documents import FILE, gives, takes
from services.gateway.entities import posts
from services.shared.text import graphemes

Writing = Annotated[Caller, Depends(require_user("write:media"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]

UPLOAD_DEADLINE = 60.0
_IN_MEMORY = 4
"""Pictures held whole at once; the rest wait on disk, where forms are spooled."""
_IN_AN_ADDRESS = 600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}(\.[A-Za-z0-9]{1,8})?")
_FOR_EVER = "public, max-age=31536000, immutable"
_holding = asyncio.Semaphore(_IN_MEMORY)


def create_router(desk: Desk) -> APIRouter:
    """Routes about pictures."""
    router = APIRouter(tags=["media"])
    picture = gives(description="A MediaAttachment; it is ready at once.")
    form = takes(
        "multipart/form-data",
        file=FILE,
        description="string",
        focus={"type": "string", "example": "0.0,-0.5"},
    )

    @router.post("/api/v1/media", openapi_extra=form, responses=picture)
    @router.post("/api/v2/media", openapi_extra=form, responses=picture)
    async def upload(request: Request, caller: Writing) -> OrjsonResponse:
        """Upload a picture of at most 16 MiB: JPEG, PNG, GIF, WebP or HEIC."""
        async with uploaded(request, files=1) as body:
            file = body.upload("file")
            if file is None:
                raise Invalid("Validation failed: File can't be blank")
            row = await _keep(desk, caller, file, body)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    @router.get("/api/v1/media/{id}", responses=picture)
    async def attachment(id: Id, caller: Writing) -> OrjsonResponse:
        """A picture of one's own."""
        row = await desk.ask("media", f"attachments/{numeric(id)}", caller)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    described = takes(description="string", focus="string")

    @router.put("/api/v1/media/{id}", openapi_extra=described, responses=picture)
    @router.patch("/api/v1/media/{id}", openapi_extra=described, responses=picture)
    async def describe(request: Request, id: Id, caller: Writing) -> OrjsonResponse:
        """Say what a picture shows, and where its middle is."""
        async with uploaded(request, files=1) as body:
            row = await describe_picture(desk, caller, id, body)
        return OrjsonResponse(posts.attachment(Attachment.model_validate(row), desk.at))

    @router.get("/media/{name}", responses=gives(description="The picture.", media="image/*"))
    async def file(request: Request, name: str) -> Response:
        """The bytes of a picture. A name never means another picture, so it is kept for ever."""
        if not _NAME.fullmatch(name):
            raise NotFound("There is no such picture.")
        headers = {"cache-control": _FOR_EVER, "etag": f'"{name}"'}
        known = {"if-none-match": headers["etag"]} if _is_known(request, name) else None
        reply = await desk.services.invoke("media", f"files/{quote(name)}", headers=known)
        if reply.status == 304:  # only media knows whether it is still shown
            return Response(status_code=304, headers=headers)
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("image/") or "svg" in kind:
            kind = "application/octet-stream"
        return conditional(request, Response(reply.body, media_type=kind, headers=headers))

    return router


def _is_known(request: Request, name: str) -> bool:
    """Whether a reader has a picture already, whose bytes nobody needs to send again."""
    known = tags(request, "if-none-match")
    named = known is not None and not known.any and known.resembles(name)
    return named and tags(request, "if-match") is None


async def portrait(desk: Desk, caller: Caller, kind: str, file: UploadFile) -> str:
    """Upload an avatar or a header; gives the name it is kept under."""
    kept = await _send(desk, caller, "portraits", file, {"kind": kind})
    return str(kept["name"])


async def describe_picture(desk: Desk, caller: Caller, id: str, body: Said) -> Any:
    """Change description and focus of a picture, where they are given."""
    wanted = {"description": body.text("description"), "focus": focus(body)}
    given = {name: value for name, value in wanted.items() if value is not None}
    return await desk.ask("media", f"attachments/{numeric(id)}", caller, method="PUT", json=given)


def focus(body: Said) -> list[float] | None:
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


async def _keep(desk: Desk, caller: Caller, file: UploadFile, body: Said) -> Any:
    """Upload a picture with what is said of it.

    A long description does not fit into an address, so it is told afterwards.
    """
    description, point = body.words("description"), focus(body)
    most = limits.DESCRIPTION_CHARACTERS
    if len(description) > limits.TYPED or graphemes(description) > most:
        raise Invalid(f"Validation failed: Description is too long (maximum is {most} characters)")
    is_long = len(quote(description)) > _IN_AN_ADDRESS
    params = {} if is_long or not description else {"description": description}
    if point:
        params["focus"] = f"{point[0]},{point[1]}"
    row = await _send(desk, caller, "attachments", file, params)
    if is_long:
        return await describe_picture(desk, caller, row["id"], Said(description=description))
    return row


async def _send(
    desk: Desk, caller: Caller, path: str, file: UploadFile, params: Mapping[str, str]
) -> Any:
    if file.size is not None and file.size > limits.PICTURE_BYTES:
        raise TooLarge(f"A picture may have at most {limits.PICTURE_BYTES >> 20} MiB.")
    if not file.size:
        raise Invalid("Validation failed: The file is empty.")
    async with _holding:
        reply = await desk.services.invoke(
            "media",
            path,
            method="POST",
            token=caller.token,
            data=await file.read(),
            params=params,
            headers={"content-type": "application/octet-stream"},
            deadline=UPLOAD_DEADLINE,
        )
    return orjson.loads(reply.body)
