"""Favourites, bookmarks, boosts and pins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.json_types.posts import ReactorsJson
from services.clients.posts import Interaction
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import Id, OptionalStatusReader, StatusWriter
from services.gateway.rest.responses import STATUS, STATUS_PREFIX


def create_router(gateway: Gateway) -> APIRouter:
    """Routes by which the caller interacts with a post."""
    router = APIRouter()
    for part in (_interaction_routes(gateway), _boost_routes(gateway), _unsupported_routes()):
        router.routes.extend(part.routes)
    return router


def _interaction_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])

    async def mark(id: str, verb: Interaction, caller: Caller) -> Response:
        view = await gateway.services.posts.interact(id, verb, caller)
        return json_response(await gateway.posts.render(view))

    interactions: tuple[tuple[Interaction, str], ...] = (
        ("favourite", "favourites"),
        ("unfavourite", "favourites"),
        ("bookmark", "bookmarks"),
        ("unbookmark", "bookmarks"),
        ("unreblog", "statuses"),
        ("pin", "accounts"),
        ("unpin", "accounts"),
    )
    for verb, noun in interactions:
        _add_interaction_route(router, verb, noun, mark)

    @router.get(
        "/{id}/favourited_by",
        responses=responses([], "A page of Account."),
        openapi_extra=paging.page_parameters(),
    )
    async def favourited_by(
        request: Request, id: Id, caller: OptionalStatusReader, window: paging.AccountWindow
    ) -> Response:
        """The accounts that favourited a post."""
        page = await gateway.services.posts.favourited_by(id, caller, window)
        return await _interacting_accounts(gateway, request, page)

    return router


def _boost_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])

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
        visibility = (await read_params(request)).optional_string("visibility") or None
        view = await gateway.services.posts.boost(id, visibility, caller)
        return json_response(await gateway.posts.render(view))

    @router.get(
        "/{id}/reblogged_by",
        responses=responses([], "A page of Account."),
        openapi_extra=paging.page_parameters(),
    )
    async def reblogged_by(
        request: Request, id: Id, caller: OptionalStatusReader, window: paging.AccountWindow
    ) -> Response:
        """The accounts that boosted a post."""
        page = await gateway.services.posts.reblogged_by(id, caller, window)
        return await _interacting_accounts(gateway, request, page)

    return router


def _add_interaction_route(router: APIRouter, verb: Interaction, noun: str, mark: Any) -> None:
    guard = require_user(f"write:{noun}")

    @router.post(f"/{{id}}/{verb}", responses=STATUS, summary=verb.capitalize(), name=verb)
    async def route(id: Id, caller: Caller = Depends(guard)) -> Response:  # noqa: B008 (FastAPI)
        """A repeat changes nothing."""
        response: Response = await mark(id, verb, caller)
        return response


def _unsupported_routes() -> APIRouter:
    router = APIRouter(prefix=STATUS_PREFIX, tags=["statuses"])
    nouns = {
        "mute": "Muting a conversation",
        "unmute": "Muting a conversation",
        "translate": "Translating",
    }

    @router.post("/{id}/{verb}", responses=responses(description="Never."))
    async def not_offered(id: Id, verb: str, caller: StatusWriter) -> Response:
        """Features of the client API that are not supported."""
        if verb not in nouns:
            raise NotFound("Record not found")
        raise Invalid(f"{nouns[verb]} is not supported.")

    return router


async def _interacting_accounts(gateway: Gateway, request: Request, page: ReactorsJson) -> Response:
    """A page of the accounts that interacted with a post."""
    people = await gateway.services.users.accounts(page["accounts"])
    rows = [people[id] for id in page["accounts"] if id in people]
    links = paging.link_header_of(gateway.urls.public_url, request, page["ids"])
    return json_response(gateway.renderer.accounts(rows), links)
