"""One box for everything: people, posts by address or id, hashtags."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends

from services.chassis.errors import NotFound
from services.chassis.security.token_verifier import Caller, optional_user
from services.chassis.service import OrjsonResponse
from services.gateway.desk import Desk
from services.gateway.http.openapi import responses
from services.gateway.http.params import QueryFlag
from services.gateway.rest.accounts import find_people
from services.gateway.rest.hashtags import tag_entities
from services.shared.hashtags import normal_tag

_MAX_RESULTS = 40
_ACCOUNT = re.compile(r"/(?:@|users/)(\w+)")
_POST = re.compile(r"/(?:@\w+|users/\w+/statuses|statuses)/(\d{1,20})")
_ID = re.compile(r"\d{15,20}")


def create_router(desk: Desk) -> APIRouter:
    """Routes that find."""
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
        """Find people by name, hashtags by how they begin, and one's own posts by their words.

        A post is also found by its address or id, and a profile by its address. Of a `type` that
        there is not here nothing is found. `resolve` makes no difference (nothing has to be fetched
        from elsewhere), nor does `exclude_unreviewed`.
        """
        most = max(1, min(limit, _MAX_RESULTS))
        typed = q.strip()[:500]

        def wanted(kind: str) -> bool:
            return bool(typed) and type in ("", kind)

        start = max(0, min(offset, 1_000))
        people = (
            await _find_accounts(desk, caller, typed, most, start) if wanted("accounts") else []
        )
        if following:
            people = await _only_followed(desk, caller, people)
        statuses = b"[]"
        if wanted("statuses"):
            statuses = await _find_statuses(desk, caller, typed, most, start)
        found = await _find_tags(desk, caller, typed, most, start) if wanted("hashtags") else []
        return OrjsonResponse(
            {
                "accounts": orjson.Fragment(desk.rendered.accounts(people)),
                "statuses": orjson.Fragment(statuses),
                "hashtags": found,
            }
        )

    return router


def _local_path(desk: Desk, typed: str) -> str:
    """The path of an address here; empty for anything else."""
    path = typed.removeprefix(desk.at.public_url)
    return path if path != typed else ""


async def _find_accounts(
    desk: Desk, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[Any]:
    if caller is not None and not caller.may("read:accounts"):
        caller = None
    path = _local_path(desk, typed)
    if path:
        match = _ACCOUNT.fullmatch(path)
        if match is None or offset:
            return []
        rows = await find_people(desk, caller, f"@{match[1]}", limit)
        return [row for row in rows if row["profile"]["username"].lower() == match[1].lower()]
    if typed.startswith(("#", "http://", "https://")):
        return []
    return await find_people(desk, caller, typed, limit, offset)


async def _only_followed(desk: Desk, caller: Caller | None, rows: list[Any]) -> list[Any]:
    """Those of some people whom the caller follows."""
    if caller is None or not caller.user_id or not caller.may("read:follows") or not rows:
        return []
    ids = ",".join(row["profile"]["id"] for row in rows)
    stances = await desk.ask("users", "relationships", caller, params={"ids": ids})
    followed = {stance["id"] for stance in stances if stance["following"]}
    return [row for row in rows if row["profile"]["id"] in followed]


async def _find_statuses(
    desk: Desk, caller: Caller | None, typed: str, limit: int, offset: int
) -> bytes:
    match = _POST.fullmatch(_local_path(desk, typed))
    id = match[1] if match else typed if _ID.fullmatch(typed) else ""
    if caller is not None and not caller.may("read:statuses"):
        caller = None
    if not id:
        if caller is None or not caller.user_id or _local_path(desk, typed):
            return b"[]"
        params = {"q": typed, "limit": str(limit), "offset": str(offset)}
        page = await desk.ask("feed", "own", caller, params=params)
        cards = await desk.cards(page["views"])
        return desk.rendered.statuses(page["views"], page["accounts"], cards)
    if offset:
        return b"[]"
    try:
        return b"[%b]" % await desk.status(await desk.post(id, caller))
    except NotFound:
        return b"[]"


async def _find_tags(
    desk: Desk, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Hashtags in use that begin so."""
    name = normal_tag(typed.removeprefix("#"))
    if not name:
        return []
    params = {"q": name, "limit": str(limit), "offset": str(offset)}
    return await tag_entities(desk, await desk.ask("feed", "hashtags", params=params), caller)
