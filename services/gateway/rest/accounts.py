"""Accounts: lookup, search, statuses, followers."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.clients.feed import account_timeline
from services.clients.paths import numeric_id
from services.contracts.accounts import Relationship
from services.gateway.application.account_search import local_username
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.body import MAX_CREDENTIAL_BYTES
from services.gateway.http.openapi import responses
from services.gateway.http.query import MAX_IDS, QueryFlag, query_flag, requested_ids
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.presentation.entities import people
from services.gateway.rest.dependencies import (
    AccountReader,
    FollowReader,
    Id,
    OptionalAccountReader,
    OptionalStatusReader,
)
from services.gateway.rest.responses import ACCOUNT_PAGE, account_page, timeline_response
from services.shared.hashtags import normal_tag


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about accounts. Fixed paths come before paths with an id."""
    router = APIRouter()
    for part in (_lookup_routes, _account_routes):
        router.routes.extend(part(gateway).routes)
    return router


def _lookup_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/accounts/lookup", responses=responses(description="An Account."))
    async def lookup(
        acct: Annotated[str, Query(max_length=200)], _: OptionalAccountReader
    ) -> Response:
        """An account by its username."""
        name = local_username(acct, gateway.urls.host)
        if not name:
            raise NotFound("Record not found")
        return json_response(
            gateway.renderer.account(await gateway.services.users.account_named(name))
        )

    @router.get("/accounts/search", responses=ACCOUNT_PAGE)
    async def search(
        request: Request,
        caller: AccountReader,
        q: Annotated[str, Query()] = "",
        limit: int = 40,
        offset: int = 0,
        resolve: QueryFlag = False,
        following: QueryFlag = False,
    ) -> Response:
        """Accounts by the beginning of a name."""
        rows = await gateway.account_search.search(q, caller, limit, offset)
        if following:
            rows = await gateway.account_search.only_followed(rows, caller)
        return json_response(gateway.renderer.accounts(rows))

    @router.get("/accounts/relationships", responses=responses([], "A Relationship for each id."))
    async def relationships(request: Request, caller: FollowReader) -> OrjsonResponse:
        """The caller's relationships to some accounts: `id[]`."""
        ids = requested_ids(request)
        if not ids:
            return OrjsonResponse([])
        rows = await gateway.services.users.relationships(ids, caller)
        return OrjsonResponse(
            [people.relationship(Relationship.model_validate(row)) for row in rows]
        )

    @router.get("/accounts/familiar_followers", responses=responses([]))
    async def familiar_followers(request: Request, caller: FollowReader) -> OrjsonResponse:
        """The accounts followed by the caller that follow each of some accounts: `id[]`.

        Mastodon.py sends the ids as the JSON body of the GET.
        """
        params = await read_params(request, most=MAX_CREDENTIAL_BYTES, body_of_get=True)
        given = params.strings("id") or []
        ids = [numeric_id(id) for id in given[:MAX_IDS]]
        if not ids:
            return OrjsonResponse([])
        rows = await gateway.services.users.familiar_followers(ids, caller)
        return OrjsonResponse(
            [
                {
                    "id": row["id"],
                    "accounts": orjson.Fragment(gateway.renderer.accounts(row["accounts"])),
                }
                for row in rows
            ]
        )

    @router.get("/accounts", responses=responses([], "Those that exist."))
    async def some(request: Request, _: OptionalAccountReader) -> Response:
        """Some accounts by id: `id[]`."""
        ids = requested_ids(request)
        found = await gateway.services.users.accounts(ids) if ids else {}
        return json_response(gateway.renderer.accounts([found[id] for id in ids if id in found]))

    return router


def _account_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1/accounts/{id}", tags=["accounts"])

    @router.get("", responses=responses(description="An Account."))
    async def account(id: Id, _: OptionalAccountReader) -> Response:
        """One account."""
        return json_response(gateway.renderer.account(await gateway.services.users.account(id)))

    @router.get(
        "/statuses",
        responses=responses([], "A page of Status."),
        openapi_extra=paging.page_parameters(
            only_media="Only posts with pictures.",
            exclude_replies="No replies.",
            exclude_reblogs="No boosts.",
            pinned="Only pinned posts: all of them, the newest pin first.",
        ),
    )
    async def statuses(
        request: Request,
        id: Id,
        caller: OptionalStatusReader,
        window: paging.PostWindow,
        tagged: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """The posts of an account that the caller may see."""
        if query_flag(request, "pinned"):
            views = await gateway.services.posts.pins(id, caller)
            return json_response(await gateway.posts.render_list(views))
        timeline = account_timeline(
            id,
            only_media=query_flag(request, "only_media"),
            exclude_replies=query_flag(request, "exclude_replies"),
            exclude_reblogs=query_flag(request, "exclude_reblogs"),
            tagged=normal_tag(tagged.removeprefix("#")) or tagged,
        )
        page = await timeline_response(gateway, request, timeline, caller, window)
        if page.body == b"[]":
            await gateway.services.users.account(id)  # an unknown account is 404, not an empty page
        return page

    @router.get("/followers", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def followers(
        request: Request, id: Id, caller: OptionalAccountReader, window: paging.AccountWindow
    ) -> Response:
        """The followers of an account, the newest first."""
        page = await gateway.services.users.followers(id, caller, window)
        return account_page(gateway, request, page)

    @router.get("/following", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def following(
        request: Request, id: Id, caller: OptionalAccountReader, window: paging.AccountWindow
    ) -> Response:
        """The accounts that an account follows, the newest first."""
        page = await gateway.services.users.following(id, caller, window)
        return account_page(gateway, request, page)

    return router


# ── what several routes need ────────────────────────────────────────────────────────────────────
