"""Posts: created, edited, deleted, read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.chassis.errors import Invalid
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.posts import PostView
from services.contracts.texts import clean_prose
from services.gateway.application.media import parse_focus
from services.gateway.application.post_edits import PictureChange
from services.gateway.application.post_inputs import PostInput, edited_post
from services.gateway.container import Gateway
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.query import query_flag, requested_ids
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.presentation.entities import posts
from services.gateway.rest.dependencies import Id, OptionalStatusReader, StatusReader, StatusWriter
from services.gateway.rest.responses import STATUS, STATUS_PREFIX

StatusDeleter = Annotated[Caller, Depends(require_user("write:statuses", "admin:write:reports"))]
_STATUS_BODY = request_body(
    status="string",
    media_ids=array_of("string"),
    product_ids=array_of("string"),
    in_reply_to_id="string",
    visibility={"type": "string", "enum": ["public", "unlisted", "private", "direct"]},
    sensitive="boolean",
    spoiler_text="string",
    language="string",
    example={"status": "Low tide. #sea", "media_ids": ["114000000000000000"], "language": "en"},
)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about posts."""
    router = APIRouter()
    for part in (_write_routes, _read_routes):
        router.routes.extend(part(gateway).routes)
    return router


def _write_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])

    @router.post("", openapi_extra=_STATUS_BODY, responses=STATUS)
    async def create(request: Request, caller: StatusWriter) -> Response:
        """Create a post. The same `Idempotency-Key` returns the same status for an hour."""
        body = await read_params(request)
        _reject_unsupported(body)
        key = request.headers.get("idempotency-key", "")
        new, author = await gateway.post_inputs.complete(_post_input(body), caller, key)
        view = await gateway.services.posts.create(new, caller)
        if author is None:
            return json_response(await gateway.posts.render(view))
        cards = await gateway.posts.product_cards([view])
        return json_response(gateway.renderer.status(view, {caller.user_id: author}, cards))

    @router.put("/{id}", openapi_extra=_STATUS_BODY, responses=STATUS)
    @router.patch("/{id}", openapi_extra=_STATUS_BODY, responses=STATUS)
    async def edit(request: Request, id: Id, caller: StatusWriter) -> Response:
        """Edit the caller's post; omitted fields stay as they are.

        `media_attributes` change the descriptions and focal points of its pictures.
        """
        body = await read_params(request)
        _reject_unsupported(body)
        pictures = [
            PictureChange(
                picture.string("id"),
                picture.optional_string("description"),
                parse_focus(picture.get("focus")),
            )
            for picture in body.objects("media_attributes") or []
        ]
        wanted = edited_post(
            text=body.optional_string("status"),
            media_ids=body.strings("media_ids"),
            product_ids=body.strings("product_ids"),
            sensitive=body.boolean("sensitive"),
            spoiler_text=body.optional_string("spoiler_text"),
            language=body.language("language"),
        )
        view = await gateway.post_edits.edit(id, wanted, pictures, caller)
        return json_response(await gateway.posts.render(view))

    @router.delete(
        "/{id}", openapi_extra=request_body(delete_media="boolean", example={}), responses=STATUS
    )
    async def delete(request: Request, id: Id, caller: StatusDeleter) -> OrjsonResponse:
        """Delete the caller's post, or as an admin (`admin:write:reports`) any post.

        Returns the deleted post with its `text`, for "delete and redraft". Its author can post its
        pictures again for a day, unless `delete_media` is given. Meanwhile they are not visible.
        """
        delete_media = await _deletes_media(request)
        view = await gateway.services.posts.delete(id, caller, delete_media=delete_media)
        status = orjson.loads(await gateway.posts.render(view))
        return OrjsonResponse(status | {"text": clean_prose(view["post"]["text"])})

    return router


async def _deletes_media(request: Request) -> bool:
    """`delete_media` from the query string or a body, which few clients send with a DELETE."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return query_flag(request, "delete_media")
    return bool((await read_params(request)).boolean("delete_media"))


def _post_input(body: RequestParams) -> PostInput:
    return PostInput(
        text=body.string("status"),
        media_ids=body.strings("media_ids") or [],
        product_ids=body.strings("product_ids") or [],
        in_reply_to_id=body.optional_string("in_reply_to_id"),
        spoiler_text=body.string("spoiler_text"),
        visibility=body.optional_string("visibility"),
        sensitive=body.boolean("sensitive"),
        language=body.language("language"),
    )


def _read_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])

    @router.get("", responses=responses([], "The visible ones."))
    async def some(request: Request, caller: OptionalStatusReader) -> Response:
        """Some posts by id: `id[]`."""
        ids = requested_ids(request)
        if not ids:
            return json_response(b"[]")
        views = await gateway.services.posts.posts(ids, caller)
        return json_response(await gateway.posts.render_list(views))

    @router.get("/{id}", responses=STATUS)
    async def one(id: Id, caller: OptionalStatusReader) -> Response:
        """One post."""
        return json_response(await gateway.posts.render(await gateway.posts.get(id, caller)))

    @router.get("/{id}/source", responses=responses({"id": "1", "text": "", "spoiler_text": ""}))
    async def source(id: Id, caller: StatusReader) -> OrjsonResponse:
        """The plain text of a post."""
        view = await gateway.posts.get(id, caller)
        return OrjsonResponse(posts.status_source(PostView.model_validate(view["reblog"] or view)))

    @router.get("/{id}/history", responses=responses([], "Every StatusEdit, the oldest first."))
    async def history(id: Id, caller: OptionalStatusReader) -> OrjsonResponse:
        """All versions of a post."""
        author, versions = await gateway.posts.history(id, caller)
        account = orjson.Fragment(gateway.renderer.account(author))
        return OrjsonResponse([version | {"account": account} for version in versions])

    @router.get("/{id}/card", responses=responses({}))
    async def card(id: Id, caller: OptionalStatusReader) -> OrjsonResponse:
        """The link preview: there is none."""
        await gateway.posts.get(id, caller)
        return OrjsonResponse({})

    return router


def _reject_unsupported(body: RequestParams) -> None:
    """Raise `Invalid` for unsupported features.

    As in Mastodon, a poll without options and a time in the past are ignored.
    """
    if body.nested("poll").strings("options"):
        raise Invalid("Polls are not supported.")
    if _is_in_future(body.get("scheduled_at")):
        raise Invalid("Scheduled posts are not supported.")
    if body.get("quoted_status_id"):
        raise Invalid("Quoting is not supported.")


def _is_in_future(moment: Any) -> bool:
    if not moment:
        return False
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError:
        return True  # an invalid time is not now
    return at.replace(tzinfo=at.tzinfo or UTC) > datetime.now(UTC)
