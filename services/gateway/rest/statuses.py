"""Posts: made, changed, deleted, seen, marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.chassis.errors import Invalid
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.base import gather_all
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PostVersionJson, PostViewJson
from services.clients.paths import numeric_id
from services.contracts import limits
from services.contracts.posts import EditedPost, NewPost, Post, PostVersion, PostView
from services.gateway.application.media import parse_focus
from services.gateway.container import Gateway
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.params import RequestParams
from services.gateway.http.query import query_flag, requested_ids
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.presentation.entities import posts
from services.gateway.presentation.renderer import Row
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
        """Post. The same `Idempotency-Key` gives the same status for an hour."""
        body = await read_params(request)
        _reject_unsupported(body)
        me, app = await gather_all(
            gateway.people.by_ids([caller.user_id]), gateway.client_apps.of(caller)
        )
        author: AccountJson | None = me.get(caller.user_id)
        key = request.headers.get("idempotency-key", "")[:200]
        new = NewPost.model_construct(None, **new_post(body, author), **app, idempotency_key=key)
        view = await gateway.services.posts.create(new, caller)
        if author is None:
            return json_response(await gateway.posts.render(view))
        cards = await gateway.posts.product_cards([view])
        return json_response(gateway.renderer.status(view, {caller.user_id: author}, cards))

    @router.put("/{id}", openapi_extra=_STATUS_BODY, responses=STATUS)
    @router.patch("/{id}", openapi_extra=_STATUS_BODY, responses=STATUS)
    async def edit(request: Request, id: Id, caller: StatusWriter) -> Response:
        """Change one's own post; what is left out stays as it is.

        `media_attributes` say of its pictures what they show, and where their middle is.
        """
        body = await read_params(request)
        _reject_unsupported(body)
        pictures, products = body.strings("media_ids"), body.strings("product_ids")
        described = body.objects("media_attributes") or []
        if len(described) > limits.PICTURES:
            raise Invalid(f"A post can have at most {limits.PICTURES} pictures.")
        for picture in described:
            await gateway.uploads.describe(
                caller,
                picture.string("id"),
                picture.optional_string("description"),
                parse_focus(picture.get("focus")),
            )
        if described and pictures is None:
            post = (await gateway.posts.get(id, caller))["post"]
            pictures = [shown["id"] for shown in post["attachments"]]
        wanted = EditedPost.model_construct(
            text=body.optional_string("status"),
            media_ids=None if pictures is None else [numeric_id(id) for id in pictures],
            product_ids=None if products is None else [numeric_id(id) for id in products],
            sensitive=body.boolean("sensitive"),
            spoiler_text=body.optional_string("spoiler_text"),
            language=body.language("language"),
        )
        view = await gateway.services.posts.edit(id, wanted, caller)
        return json_response(await gateway.posts.render(view))

    @router.delete(
        "/{id}", openapi_extra=request_body(delete_media="boolean", example={}), responses=STATUS
    )
    async def delete(request: Request, id: Id, caller: StatusDeleter) -> OrjsonResponse:
        """Delete one's own post, or as an admin (`admin:write:reports`) anybody's.

        Gives what it was, with its `text`, to be drafted anew. One's own pictures of it can be
        posted again for a day, unless `delete_media` is given; meanwhile nobody sees them.
        """
        delete_media = await _deletes_media(request)
        view = await gateway.services.posts.delete(id, caller, delete_media=delete_media)
        status = orjson.loads(await gateway.posts.render(view))
        return OrjsonResponse(status | {"text": view["post"]["text"]})

    return router


async def _deletes_media(request: Request) -> bool:
    """`delete_media`, from the address or from a body, which few clients send with a DELETE."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return query_flag(request, "delete_media")
    return bool((await read_params(request)).boolean("delete_media"))


def new_post(body: RequestParams, author: Row | None) -> dict[str, Any]:
    """What is to be posted; where it does not say, as its author's profile says.

    Nobody who made their profile say `private` must post to everybody because a client is silent.
    """
    usual = author["profile"] if author else {}
    sensitive = body.boolean("sensitive")
    return {
        "text": body.string("status"),
        "media_ids": [numeric_id(id) for id in body.strings("media_ids") or []],
        "product_ids": [numeric_id(id) for id in body.strings("product_ids") or []],
        "in_reply_to_id": body.optional_string("in_reply_to_id") or None,
        "visibility": body.optional_string("visibility") or usual.get("default_visibility"),
        "sensitive": bool(usual.get("default_sensitive") if sensitive is None else sensitive),
        "spoiler_text": body.string("spoiler_text"),
        "language": body.language("language")
        or usual.get("default_language")
        or usual.get("locale")
        or None,
    }


def _read_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])

    @router.get("", responses=responses([], "Those that are visible."))
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
        """A post's text as it was typed."""
        view = await gateway.posts.get(id, caller)
        return OrjsonResponse(posts.status_source(PostView.model_validate(view["reblog"] or view)))

    @router.get("/{id}/history", responses=responses([], "Every StatusEdit, the oldest first."))
    async def history(id: Id, caller: OptionalStatusReader) -> OrjsonResponse:
        """What a post was, and is."""
        view, versions = await gather_all(
            gateway.posts.get(id, caller), gateway.services.posts.history(id, caller)
        )
        return OrjsonResponse(await _history(gateway, view, versions))

    @router.get("/{id}/card", responses=responses({}))
    async def card(id: Id, caller: OptionalStatusReader) -> OrjsonResponse:
        """No link has a preview yet."""
        await gateway.posts.get(id, caller)
        return OrjsonResponse({})

    return router


async def _history(
    gateway: Gateway, view: PostViewJson, versions: Sequence[PostVersionJson]
) -> list[dict[str, Any]]:
    view = view["reblog"] or view
    author = orjson.Fragment(gateway.renderer.account(await gateway.posts.author(view)))
    post = Post.model_validate(view["post"])
    return [
        posts.status_edit(PostVersion.model_validate(version), post, gateway.urls, gateway.html)
        | {"account": author}
        for version in versions
    ]


def _reject_unsupported(body: RequestParams) -> None:
    """Raise `Invalid` for what would be missing from the post.

    A poll without a choice and a time that is past are none, as in Mastodon.
    """
    if body.nested("poll").strings("options"):
        raise Invalid("Polls are not offered yet.")
    if _is_in_future(body.get("scheduled_at")):
        raise Invalid("Posting later is not offered yet.")
    if body.get("quoted_status_id"):
        raise Invalid("Quoting is not offered yet.")


def _is_in_future(moment: Any) -> bool:
    if not moment:
        return False
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError:
        return True  # whatever it says, it does not say now
    return at.replace(tzinfo=at.tzinfo or UTC) > datetime.now(UTC)
