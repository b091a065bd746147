"""Search for accounts, posts and hashtags."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.http.query import QueryFlag
from services.shared.hashtags import normal_tag

_MAX_RESULTS = 40
_ACCOUNT = re.compile(r"/(?:@|users/)(\w+)")
_POST = re.compile(r"/(?:@\w+|users/\w+/statuses|statuses)/(\d{1,20})")
_ID = re.compile(r"\d{15,20}")


def create_router(gateway: Gateway) -> APIRouter:
    """The route of the search."""
    router = APIRouter(prefix="/api", tags=["search"])

    @router.get("/v2/search", responses=responses({"accounts": [], "statuses": [], "hashtags": []}))
    async def search(
        caller: Annotated[Caller | None, Depends(optional_user("read:search"))],
        q: str = "",
        type: str = "",
        limit: int = 20,
        offset: int = 0,
        resolve: QueryFlag = False,
        following: QueryFlag = False,
        exclude_unreviewed: QueryFlag = False,
    ) -> OrjsonResponse:
        """Find accounts by name, hashtags by prefix, and the caller's own posts by words.

        A post is also found by its URL or id, and an account by its URL. An unknown `type` finds
        nothing. `resolve` and `exclude_unreviewed` make no difference: everything is local.
        """
        most = max(1, min(limit, _MAX_RESULTS))
        typed = q.strip()[:500]

        def wanted(kind: str) -> bool:
            return bool(typed) and type in ("", kind)

        start = max(0, min(offset, 1_000))
        people = (
            await _find_accounts(gateway, caller, typed, most, start) if wanted("accounts") else []
        )
        if following:
            people = await _only_followed(gateway, caller, people)
        statuses = b"[]"
        if wanted("statuses"):
            statuses = await _find_statuses(gateway, caller, typed, most, start)
        found = await _find_tags(gateway, caller, typed, most, start) if wanted("hashtags") else []
        return OrjsonResponse(
            {
                "accounts": orjson.Fragment(gateway.renderer.accounts(people)),
                "statuses": orjson.Fragment(statuses),
                "hashtags": found,
            }
        )

    return router


def _local_path(gateway: Gateway, typed: str) -> str:
    """The path of a URL of this server; empty for anything else."""
    path = typed.removeprefix(gateway.urls.public_url)
    return path if path != typed else ""


async def _find_accounts(
    gateway: Gateway, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[Any]:
    if caller is not None and not caller.may("read:accounts"):
        caller = None
    path = _local_path(gateway, typed)
    if path:
        match = _ACCOUNT.fullmatch(path)
        if match is None or offset:
            return []
        rows = await gateway.account_search.search(f"@{match[1]}", caller, limit)
        return [row for row in rows if row["profile"]["username"].lower() == match[1].lower()]
    if typed.startswith(("#", "http://", "https://")):
        return []
    return await gateway.account_search.search(typed, caller, limit, offset)


async def _only_followed(gateway: Gateway, caller: Caller | None, rows: list[Any]) -> list[Any]:
    if caller is None or not caller.user_id or not caller.may("read:follows"):
        return []
    return await gateway.account_search.only_followed(rows, caller)


async def _find_statuses(
    gateway: Gateway, caller: Caller | None, typed: str, limit: int, offset: int
) -> bytes:
    match = _POST.fullmatch(_local_path(gateway, typed))
    id = match[1] if match else typed if _ID.fullmatch(typed) else ""
    if caller is not None and not caller.may("read:statuses"):
        caller = None
    if not id:
        if caller is None or not caller.user_id or _local_path(gateway, typed):
            return b"[]"
        page = await gateway.services.feed.own_posts(typed, caller, limit=limit, offset=offset)
        cards = await gateway.posts.product_cards(page["views"])
        return gateway.renderer.statuses(page["views"], page["accounts"], cards)
    if offset:
        return b"[]"
    try:
        return b"[%b]" % await gateway.posts.render(await gateway.posts.get(id, caller))
    except NotFound:
        return b"[]"


async def _find_tags(
    gateway: Gateway, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[dict[str, Any]]:
    """The hashtags in use with a prefix."""
    name = normal_tag(typed.removeprefix("#"))
    if not name:
        return []
    uses = await gateway.services.feed.find_hashtags(name, limit=limit, offset=offset)
    return await gateway.hashtags.render(uses, caller)
