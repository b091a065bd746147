"""Posts: made, changed, deleted, seen, marked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.token_verifier import Caller, optional_user, require_user
from services.chassis.service import OrjsonResponse
from services.chassis.storage.window import Window
from services.contracts import limits
from services.contracts.posts import Post, PostVersion, PostView
from services.gateway.desk import Desk, gather_all, json_response, numeric_id
from services.gateway.http import paging
from services.gateway.http.openapi import array_of, request_body, responses
from services.gateway.http.params import RequestParams, query_flags, read_params
from services.gateway.presentation.entities import posts
from services.gateway.presentation.renderer import Row
from services.gateway.rest.accounts import requested_ids
from services.gateway.rest.media import describe_picture

OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
StatusDeleter = Annotated[Caller, Depends(require_user("write:statuses", "admin:write:reports"))]
StatusWriter = Annotated[Caller, Depends(require_user("write:statuses"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
_PREFIX = "/api/v1/statuses"
_STATUS = responses(description="The Status as it is now.")
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


def create_router(desk: Desk) -> APIRouter:
    """Routes about posts."""
    router = APIRouter()
    for part in (
        _write_routes,
        _read_routes,
        _interaction_routes,
        _boost_routes,
        _unsupported_routes,
    ):
        router.routes.extend(part(desk).routes)
    return router


def _write_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["statuses"])

    @router.post("", openapi_extra=_STATUS_BODY, responses=_STATUS)
    async def create(request: Request, caller: StatusWriter) -> Response:
        """Post. The same `Idempotency-Key` gives the same status for an hour."""
        body = await read_params(request)
        _reject_unsupported(body)
        me, app = await gather_all(desk.people([caller.user_id]), desk.app(caller))
        author: Row | None = me.get(caller.user_id)
        key = request.headers.get("idempotency-key", "")[:200]
        new = {**new_post(body, author), **app, "idempotency_key": key}
        view = await desk.ask("posts", "posts", caller, method="POST", json=new)
        if author is None:
            return json_response(await desk.status(view))
        cards = await desk.cards([view])
        return json_response(desk.rendered.status(view, {caller.user_id: author}, cards))

    @router.put("/{id}", openapi_extra=_STATUS_BODY, responses=_STATUS)
    @router.patch("/{id}", openapi_extra=_STATUS_BODY, responses=_STATUS)
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
            await describe_picture(desk, caller, picture.string("id"), picture)
        if described and pictures is None:
            post = (await desk.post(id, caller))["post"]
            pictures = [shown["id"] for shown in post["attachments"]]
        wanted = {
            "text": body.optional_string("status"),
            "media_ids": None if pictures is None else [numeric_id(id) for id in pictures],
            "product_ids": None if products is None else [numeric_id(id) for id in products],
            "sensitive": body.boolean("sensitive"),
            "spoiler_text": body.optional_string("spoiler_text"),
            "language": body.language("language"),
        }
        view = await desk.ask("posts", f"posts/{numeric_id(id)}", caller, method="PUT", json=wanted)
        return json_response(await desk.status(view))

    @router.delete(
        "/{id}", openapi_extra=request_body(delete_media="boolean", example={}), responses=_STATUS
    )
    async def delete(request: Request, id: Id, caller: StatusDeleter) -> OrjsonResponse:
        """Delete one's own post, or as an admin (`admin:write:reports`) anybody's.

        Gives what it was, with its `text`, to be drafted anew. One's own pictures of it can be
        posted again for a day, unless `delete_media` is given; meanwhile nobody sees them.
        """
        how = await _delete_options(request)
        path = f"posts/{numeric_id(id)}"
        view = await desk.ask("posts", path, caller, method="DELETE", params=how)
        status = orjson.loads(await desk.status(view))
        return OrjsonResponse(status | {"text": view["post"]["text"]})

    return router


async def _delete_options(request: Request) -> dict[str, str]:
    """`delete_media`, from the address or from a body, which few clients send with a DELETE."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return query_flags(request, "delete_media")
    return {"delete_media": "true"} if (await read_params(request)).boolean("delete_media") else {}


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


def _read_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["statuses"])

    @router.get("", responses=responses([], "Those that are visible."))
    async def some(request: Request, caller: OptionalReader) -> Response:
        """Some posts by id: `id[]`."""
        ids = requested_ids(request)
        if not ids:
            return json_response(b"[]")
        views = await desk.ask("posts", "posts", caller, params={"ids": ",".join(ids)})
        return json_response(await desk.statuses(views))

    @router.get("/{id}", responses=_STATUS)
    async def one(id: Id, caller: OptionalReader) -> Response:
        """One post."""
        return json_response(await desk.status(await desk.post(id, caller)))

    @router.get("/{id}/source", responses=responses({"id": "1", "text": "", "spoiler_text": ""}))
    async def source(
        id: Id, caller: Annotated[Caller, Depends(require_user("read:statuses"))]
    ) -> OrjsonResponse:
        """A post's text as it was typed."""
        view = await desk.post(id, caller)
        return OrjsonResponse(posts.status_source(PostView.model_validate(view["reblog"] or view)))

    @router.get("/{id}/history", responses=responses([], "Every StatusEdit, the oldest first."))
    async def history(id: Id, caller: OptionalReader) -> OrjsonResponse:
        """What a post was, and is."""
        path = f"posts/{numeric_id(id)}/history"
        view, versions = await gather_all(desk.post(id, caller), desk.ask("posts", path, caller))
        return OrjsonResponse(await _history(desk, view, versions))

    @router.get("/{id}/card", responses=responses({}))
    async def card(id: Id, caller: OptionalReader) -> OrjsonResponse:
        """No link has a preview yet."""
        await desk.post(id, caller)
        return OrjsonResponse({})

    return router


def _interaction_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["statuses"])

    async def mark(id: str, verb: str, caller: Caller) -> Response:
        view = await desk.ask("posts", f"posts/{numeric_id(id)}/{verb}", caller, method="POST")
        return json_response(await desk.status(view))

    for verb, noun in (
        ("favourite", "favourites"),
        ("unfavourite", "favourites"),
        ("bookmark", "bookmarks"),
        ("unbookmark", "bookmarks"),
        ("unreblog", "statuses"),
        ("pin", "accounts"),
        ("unpin", "accounts"),
    ):
        _add_interaction_route(router, verb, noun, mark)

    @router.get(
        "/{id}/favourited_by",
        responses=responses([], "A page of Account."),
        openapi_extra=paging.page_parameters(),
    )
    async def favourited_by(
        request: Request, id: Id, caller: OptionalReader, window: paging.AccountWindow
    ) -> Response:
        """Who likes a post."""
        return await _interacting_accounts(
            desk, request, f"posts/{numeric_id(id)}/favourited_by", caller, window
        )

    return router


def _boost_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["statuses"])

    @router.post(
        "/{id}/reblog",
        openapi_extra=request_body(
            visibility={"type": "string", "enum": ["public", "unlisted", "private"]},
            example={"visibility": "unlisted"},
        ),
        responses=responses(description="The Status of the boost; `reblog` is what it shows."),
    )
    async def reblog(request: Request, id: Id, caller: StatusWriter) -> Response:
        """Boost a post. A repeat gives the same boost."""
        how = {"visibility": (await read_params(request)).optional_string("visibility") or None}
        path = f"posts/{numeric_id(id)}/reblog"
        view = await desk.ask("posts", path, caller, method="POST", json=how)
        return json_response(await desk.status(view))

    @router.get(
        "/{id}/reblogged_by",
        responses=responses([], "A page of Account."),
        openapi_extra=paging.page_parameters(),
    )
    async def reblogged_by(
        request: Request, id: Id, caller: OptionalReader, window: paging.AccountWindow
    ) -> Response:
        """Who boosts a post."""
        return await _interacting_accounts(
            desk, request, f"posts/{numeric_id(id)}/reblogged_by", caller, window
        )

    return router


def _add_interaction_route(router: APIRouter, verb: str, noun: str, mark: Any) -> None:
    guard = require_user(f"write:{noun}")

    @router.post(f"/{{id}}/{verb}", responses=_STATUS, summary=verb.capitalize(), name=verb)
    async def route(id: Id, caller: Caller = Depends(guard)) -> Response:  # noqa: B008 (FastAPI)
        """A repeat changes nothing."""
        answered: Response = await mark(id, verb, caller)
        return answered


def _unsupported_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["statuses"])
    nouns = {
        "mute": "Muting a conversation",
        "unmute": "Muting a conversation",
        "translate": "Translating",
    }

    @router.post("/{id}/{verb}", responses=responses(description="Never."))
    async def not_offered(id: Id, verb: str, caller: StatusWriter) -> Response:
        """What the client API has and this place has not yet."""
        if verb not in nouns:
            raise NotFound("Record not found")
        raise Invalid(f"{nouns[verb]} is not offered yet.")

    return router


async def _history(desk: Desk, view: Row, versions: list[Any]) -> list[dict[str, Any]]:
    view = view["reblog"] or view
    author = orjson.Fragment(desk.rendered.account(await desk.author(view)))
    post = Post.model_validate(view["post"])
    return [
        posts.status_edit(PostVersion.model_validate(version), post, desk.at, desk.writer)
        | {"account": author}
        for version in versions
    ]


async def _interacting_accounts(
    desk: Desk, request: Request, path: str, caller: Caller | None, window: Window
) -> Response:
    """A page of people who did something with a post."""
    page = await desk.ask("posts", path, caller, params=window.params())
    people = await desk.people(page["accounts"])
    rows = [people[id] for id in page["accounts"] if id in people]
    links = paging.link_header_of(desk.at.public_url, request, page["ids"])
    return json_response(desk.rendered.accounts(rows), links)


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
